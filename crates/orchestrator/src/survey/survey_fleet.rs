//! Looks at all shards, a few at a time.

use super::{
    Seen, Sighting, SurveyError, Surveyed, Unseen,
    judge::{expected_of, judge_together},
    look::{Looked, look},
};
use crate::{
    executor::{HistoryFault, read_history},
    fleet::FleetShard,
    journal::{KnownShard, Scope},
    setup::Setup,
    watch::{Notice, Watcher},
};
use futures::{StreamExt, stream};
use greylag_core::{fleet::ShardName, history::Reading, identity};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

/// Looks at every shard of the fleet (or those of `only`), and judges them with all that is known.
pub async fn survey_fleet(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    watcher: &dyn Watcher,
) -> Result<Surveyed, SurveyError> {
    if setup.fleet.shards.is_empty() {
        return Err(SurveyError::EmptyFleet);
    }
    let known: BTreeMap<ShardName, KnownShard> = setup
        .journal
        .known(&setup.scope())
        .await?
        .into_iter()
        .map(|known| (known.name.clone(), known))
        .collect();
    let wanted = setup.fleet.wanted(only);
    let total = wanted.len();
    let (wanted, known_by_name) = (&wanted, &known);
    let mut looks = stream::iter(0..total)
        .map(|at| async move {
            let shard = wanted[at];
            (
                at,
                shard,
                look(setup, shard, known_by_name.get(&shard.shard.name)).await,
            )
        })
        .buffer_unordered(setup.policy.max_in_flight.max(1) as usize);
    let mut readings: HashSet<Arc<Reading>> = HashSet::new();
    let mut shards: Vec<Option<Sighting>> = (0..total).map(|_| None).collect();
    let mut done = 0;
    let mut moves = Vec::new();
    while let Some((at, shard, mut look)) = looks.next().await {
        done += 1;
        watcher.notice(&Notice::Surveyed {
            done,
            total,
            shard: shard.shard.name.clone(),
            unreachable: look.as_ref().err().map(|unseen| unseen.why.clone()),
        });
        if let Ok(looked) = &mut look {
            for text in std::mem::take(&mut looked.notes) {
                watcher.notice(&Notice::Warning {
                    shard: Some(shard.shard.name.clone()),
                    text,
                });
            }
            moves.extend(looked.moved.take());
        }
        let known = known.get(&shard.shard.name);
        shards[at] = Some(judge(setup, shard, known, look, &mut readings)?);
    }
    drop(looks);
    let mut surveyed = Surveyed {
        shards: shards.into_iter().flatten().collect(),
        missing: known
            .values()
            .filter(|known| setup.fleet.get(&known.name).is_none())
            .cloned()
            .collect(),
        moves,
        known,
    };
    judge_together(&setup.fleet.project, &mut surveyed);
    Ok(surveyed)
}

fn judge(
    setup: &Setup,
    shard: &FleetShard,
    known: Option<&KnownShard>,
    look: Result<Looked, Unseen>,
    readings: &mut HashSet<Arc<Reading>>,
) -> Result<Sighting, SurveyError> {
    let name = shard.shard.name.clone();
    let mut refusals = Vec::new();
    let Looked {
        mut survey,
        followers,
        known: found,
        refusal,
        ..
    } = match look {
        Ok(looked) => looked,
        Err(unseen) => {
            let seen = Err(unseen);
            return Ok(Sighting {
                name,
                seen,
                refusals,
            });
        }
    };
    let expected = expected_of(
        &name,
        &setup.fleet.project,
        &setup.fleet.environment,
        found.as_ref().or(known.map(|known| &known.known)),
    );
    let proof = refusal
        .map_or_else(|| identity::judge(&expected, &survey), Err)
        .map_err(|refusal| refusals.push(refusal))
        .ok();
    let mut reading = match read_history(
        &setup.migrations.files,
        &survey.history,
        &setup.migrations.placeholders,
        shard,
    ) {
        Ok(reading) => reading,
        Err(HistoryFault::Rows(why)) => {
            let seen = Err(Unseen { why, hint: None });
            return Ok(Sighting {
                name,
                seen,
                refusals,
            });
        }
        Err(fault @ HistoryFault::Files(_)) => {
            return Err(SurveyError::Files {
                shard: name,
                source: fault,
            });
        }
    };
    reading.leave_resumable(&survey.steps);
    let reading = match readings.get(&reading) {
        Some(same) => same.clone(),
        None => {
            let reading = Arc::new(reading);
            readings.insert(reading.clone());
            reading
        }
    };
    // A thousand shards' histories would fill the memory, and the reading says it all.
    survey.history = Vec::new();
    Ok(Sighting {
        name,
        seen: Ok(Seen {
            survey: Arc::new(survey),
            reading,
            proof,
            followers,
        }),
        refusals,
    })
}

impl Setup {
    /// What the journal is asked about.
    pub fn scope(&self) -> Scope {
        Scope {
            project: self.fleet.project.to_string(),
            environment: self.fleet.environment.to_string(),
        }
    }
}
