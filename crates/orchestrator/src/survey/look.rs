//! One look at one shard: at its primary where it is expected, and at its other servers where it is not.

use super::{Unseen, judge::expected_of};
use crate::{
    executor::{chain, hint_of, reach},
    fleet::FleetShard,
    journal::KnownShard,
    primary::{Move, Seeker, Sought},
    setup::Setup,
};
use greylag_core::{
    identity::{self, Known, Proof, Refusal},
    policy::Retry,
    survey::{Server, Survey},
};
use greylag_engines::{OpenError, Target};

/// What was seen of a shard.
pub struct Looked {
    pub survey: Survey,
    pub followers: Vec<Server>,
    /// What is remembered of the shard now, where its primary was looked for.
    pub known: Option<Known>,
    pub moved: Option<Move>,
    /// What its servers together are refused for.
    pub refusal: Option<Refusal>,
    /// What a person should know of where the primary is.
    pub notes: Vec<String>,
}

impl Looked {
    fn plain(survey: Survey) -> Self {
        Self {
            survey,
            followers: Vec::new(),
            known: None,
            moved: None,
            refusal: None,
            notes: Vec::new(),
        }
    }
}

/// Looks at the shard. A primary that is where it was proven last costs one connection, and one to each replica that the project
/// lists, since one of them may have been promoted beside it; only where it is not (or where the URL names several hosts) is every
/// other server that it ever had looked at.
pub async fn look(
    setup: &Setup,
    shard: &FleetShard,
    known: Option<&KnownShard>,
) -> Result<Looked, Unseen> {
    let mut named = shard.target.clone();
    named.application = "greylag/survey".into();
    let seeker = setup.seeker();
    let memory = known.map(|known| &known.known);
    if !seeker.has_choice(&named, memory) {
        let seen = ask(setup, &named, setup.policy.retry, known.is_some()).await;
        return seen.map(Looked::plain);
    }
    let first = match named.each_host().is_empty() {
        true => Some(
            ask(
                setup,
                &named,
                Retry {
                    attempts: 1,
                    ..setup.policy.retry
                },
                true,
            )
            .await,
        ),
        false => None,
    };
    if let Some(Ok(survey)) = &first
        && is_expected(setup, survey, memory)
    {
        let beside = seeker.beside(&named, memory, survey).await;
        return Ok(Looked {
            refusal: beside.refusal,
            followers: beside.followers,
            ..Looked::plain(survey.clone())
        });
    }
    match seeker.seek(&named, memory).await {
        Sought::Found(found) => {
            seeker.take_seat(&named, &found);
            let moved = found.moved(memory);
            let mut notes = notes(&named, &found.target, moved.as_ref());
            notes.extend(lost(known, moved.as_ref(), &found.survey));
            Ok(Looked {
                known: found.known(known).map(|known| known.known),
                followers: found.followers,
                survey: found.survey,
                moved,
                refusal: None,
                notes,
            })
        }
        Sought::Refused { refusal, seen } => Ok(Looked {
            refusal: Some(refusal),
            ..Looked::plain(*seen)
        }),
        // Whether it may be claimed, or believed, is judged as of any shard.
        Sought::Nowhere {
            writable: Some(writable),
            ..
        } if first.is_none() => {
            setup.seats.set(writable.target);
            Ok(Looked {
                followers: writable.followers,
                ..Looked::plain(writable.survey)
            })
        }
        Sought::Nowhere { said, .. } => match first {
            Some(Ok(survey)) => Ok(Looked::plain(survey)),
            // It may be back in a moment, as any server.
            _ => {
                let seen = ask(setup, &named, setup.policy.retry, true).await;
                seen.map(Looked::plain).map_err(|unseen| Unseen {
                    why: format!(
                        "{}; of its servers none is its primary: {}",
                        unseen.why,
                        said.join("; ")
                    ),
                    hint: unseen.hint,
                })
            }
        },
    }
}

/// Whether this is the primary that was proven last, or a shard for which nothing else is to be looked for.
fn is_expected(setup: &Setup, survey: &Survey, known: Option<&Known>) -> bool {
    let (project, environment) = (&setup.fleet.project, &setup.fleet.environment);
    let expected = expected_of(&survey.shard, project, environment, known);
    match identity::judge(&expected, survey) {
        Ok(Proof::Proven) => known.is_some_and(|known| known.is_primary(&survey.server)),
        Ok(_) => true,
        Err(Refusal::NotPrimary { .. } | Refusal::ReadOnly { .. } | Refusal::Deposed { .. }) => {
            false
        }
        Err(_) => true,
    }
}

async fn ask(
    setup: &Setup,
    target: &Target,
    retry: Retry,
    expect_tables: bool,
) -> Result<Survey, Unseen> {
    let unseen = |error: &OpenError| Unseen {
        why: chain(error),
        hint: hint_of(error),
    };
    let mut session = reach(&*setup.open, target, retry, None, || false)
        .await
        .map_err(|error| unseen(&error))?;
    session.expect_tables(expect_tables);
    let survey = session.survey().await;
    session.close().await;
    survey.map_err(|error| Unseen {
        why: chain(&error),
        hint: None,
    })
}

fn notes(named: &Target, found: &Target, moved: Option<&Move>) -> Vec<String> {
    let mut notes: Vec<String> = moved.map(Move::to_string).into_iter().collect();
    let is_named = named.each_host().is_empty() && found.address() != named.address();
    if is_named {
        notes.push(format!(
            "its primary is {}; the project names {}: correct `primary`, and list under `replicas` who follows now",
            found.address(),
            named.address()
        ));
    }
    notes
}

/// What the shard was known to have, and its new primary has not.
fn lost(known: Option<&KnownShard>, moved: Option<&Move>, survey: &Survey) -> Option<String> {
    let moved = moved?;
    let version = known?.version.as_ref()?;
    let has =
        (survey.history.iter()).any(|row| row.success && row.version.as_ref() == Some(version));
    (!has).then(|| {
        format!(
            "version {version} was applied there before, and the history of {} lacks it: it was lost with the failover, and is pending again",
            moved.to
        )
    })
}

impl Seeker {
    /// The shard as it is reached now: looked for only where the primary was proven last elsewhere than the project says, or
    /// where another of its servers may have been promoted beside it. Refused where that can't be told.
    pub async fn locate(&self, setup: &Setup, shard: &FleetShard) -> Result<FleetShard, Refusal> {
        let name = &shard.shard.name;
        if setup.seats.get(name).is_some() {
            return Ok(setup.seats.seated(shard));
        }
        // Where the journal can't be asked, whoever needs it says so.
        let known = self.known(name).await.ok().flatten();
        let known = known.as_ref().map(|known| &known.known);
        let last = known.and_then(Known::primary);
        let is_there = last.is_none_or(|last| last.dialled == shard.target.address());
        let is_alone = shard.target.each_host().is_empty() && self.listed(name).is_empty();
        if is_there && is_alone || !self.has_choice(&shard.target, known) {
            return Ok(shard.clone());
        }
        match self.seek(&shard.target, known).await {
            Sought::Found(found) => self.take_seat(&shard.target, &found),
            Sought::Refused { refusal, .. } => return Err(refusal),
            Sought::Nowhere { .. } => {}
        }
        Ok(setup.seats.seated(shard))
    }
}
