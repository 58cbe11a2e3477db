//! Settles who is who: a shard that moved, a copy that became a shard, one that is gone.

use super::{
    note::Notes,
    report::{ShardReport, ShardResult},
    under_lock::{Deed, Hold, one},
};
use crate::{
    executor::ready_subscribers,
    journal::{Act, JournalError, revise},
    setup::Setup,
    survey::known_of,
};
use greylag_core::{
    fleet::ShardName,
    identity::{Forgotten, Refusal},
    node::NodeName,
    survey::{Role, ShardIdentity, Survey},
};
use greylag_engines::{Claim, HistoryChange};
use std::sync::{Arc, Mutex};

/// Why a person's word on a shard was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    #[error("`{0}` is no shard of this fleet")]
    NoSuchShard(ShardName),
    #[error("the journal can't be written")]
    Journal(#[from] JournalError),
}

/// `greylag fleet accept SHARD --reason`: the shard moved or was recreated, and is believed at its new place.
pub async fn accept(
    setup: &Setup,
    shard: &ShardName,
    reason: &str,
) -> Result<ShardReport, IdentifyError> {
    identify(setup, shard, Notes::new(setup, "accept", reason), false).await
}

/// `greylag fleet rebrand SHARD --reason`: the database is a copy, and gets an identity of its own.
pub async fn rebrand(
    setup: &Setup,
    shard: &ShardName,
    reason: &str,
) -> Result<ShardReport, IdentifyError> {
    identify(setup, shard, Notes::new(setup, "rebrand", reason), true).await
}

/// `greylag fleet forget SHARD --reason`: the shard is expected no more. Says whether it was known.
pub async fn forget(setup: &Setup, shard: &ShardName, reason: &str) -> Result<bool, JournalError> {
    setup
        .journal
        .forget(&setup.scope(), shard, &setup.by, reason)
        .await
}

/// `greylag fleet forget SHARD/NODE --reason`: the node is expected no more. It is again once it is seen to follow.
pub async fn forget_node(
    setup: &Setup,
    node: &NodeName,
    reason: &str,
) -> Result<Forgotten, JournalError> {
    let scope = setup.scope();
    let known = setup.journal.known(&scope).await?;
    let known = known.into_iter().find(|known| known.name == node.shard);
    // What can't be done is not written down.
    match known.map(|mut known| known.known.forget(&node.node)) {
        Some(Forgotten::Nodes(_)) => {}
        Some(refused) => return Ok(refused),
        None => return Ok(Forgotten::Unknown),
    }
    let act = Act {
        id: uuid::Uuid::new_v4(),
        at: jiff::Timestamp::now(),
        by: setup.by.clone(),
        verb: "forget".into(),
        shard: node.shard.clone(),
        what: vec![format!("{node} is expected no more")],
        reason: reason.to_owned(),
    };
    setup.journal.note(&scope, &act).await?;
    let mut forgotten = Forgotten::Unknown;
    revise(&*setup.journal, &scope, None, |known| {
        if let Some(known) = known.get_mut(&node.shard) {
            forgotten = known.known.forget(&node.node);
        }
    })
    .await?;
    Ok(forgotten)
}

async fn identify(
    setup: &Setup,
    name: &ShardName,
    notes: Notes,
    anew: bool,
) -> Result<ShardReport, IdentifyError> {
    let shard = setup
        .fleet
        .get(name)
        .ok_or_else(|| IdentifyError::NoSuchShard(name.clone()))?;
    let scope = setup.scope();
    let proven: Arc<Mutex<Option<Survey>>> = Arc::default();
    let deed = deed(setup, notes, anew, proven.clone());
    let verb = if anew { "rebrand" } else { "accept" };
    let report = one(setup, shard, verb, Hold::Lock, &deed).await;
    let proven = proven.lock().expect("no panics inside").take();
    if let Some(proven) = proven {
        revise(&*setup.journal, &scope, None, |known| {
            let before = known.get(name);
            let version = before.and_then(|before| before.version.clone());
            if let Some(after) = known_of(before, &proven, version) {
                known.insert(name.clone(), after);
            }
        })
        .await?;
    }
    Ok(report)
}

fn deed(setup: &Setup, notes: Notes, anew: bool, proven: Arc<Mutex<Option<Survey>>>) -> Deed {
    let (project, environment) = (setup.fleet.project.clone(), setup.fleet.environment.clone());
    let by = setup.by.clone();
    let ground = setup.clone();
    Arc::new(move |session, shard, survey| {
        let ground = ground.clone();
        let name = shard.shard.name.clone();
        let own = survey
            .identity
            .clone()
            .filter(|identity| identity.project == *project && !anew);
        let fresh = || ShardIdentity {
            uuid: uuid::Uuid::new_v4(),
            project: project.to_string(),
            name: name.clone(),
            environment: environment.to_string(),
        };
        let refusal = refuse(&survey, own.as_ref(), &name, &environment);
        let before = survey.identity.clone();
        let identity = own.clone().unwrap_or_else(fresh);
        let proven = proven.clone();
        let by = by.clone();
        let notes = notes.clone();
        Box::pin(async move {
            if let Some(refusal) = refusal {
                return Ok(ShardResult::Refused {
                    refusals: vec![refusal],
                });
            }
            let what = vec![match (&own, &before) {
                (Some(own), _) => format!("{} is believed at {}", own.uuid, survey.server.address),
                (None, Some(before)) => format!(
                    "is `{name}` of `{}` now: identity {} (`{}` of `{}`) became {}",
                    identity.environment,
                    before.uuid,
                    before.name,
                    before.environment,
                    identity.uuid
                ),
                (None, None) => format!("got an identity: {}", identity.uuid),
            }];
            notes.write(&name, &what).await?;
            let done = match (&own, &before) {
                (Some(_), _) => Ok(()),
                (None, Some(_)) => {
                    let rebrand = HistoryChange::Rebrand(identity.clone());
                    session.change_history(&[rebrand]).await
                }
                (None, None) => {
                    let claim = Claim {
                        identity: identity.clone(),
                        by,
                    };
                    ready_subscribers(&ground, shard).await?;
                    session.prepare(&claim).await
                }
            };
            let changed = notes.conclude(&name, what, done).await?;
            *proven.lock().expect("no panics inside") = Some(Survey {
                identity: Some(identity),
                ..survey
            });
            Ok(changed)
        })
    })
}

/// What no word of a person changes.
fn refuse(
    survey: &Survey,
    own: Option<&ShardIdentity>,
    name: &ShardName,
    environment: &str,
) -> Option<Refusal> {
    let address = || survey.server.address.clone();
    match survey.role {
        Role::Replica => Some(Refusal::NotPrimary {
            shard: name.clone(),
            address: address(),
        }),
        Role::ReadOnly => Some(Refusal::ReadOnly {
            shard: name.clone(),
            address: address(),
        }),
        // To accept is to believe the identity there is; another name or environment is rebranded.
        Role::Primary => match own {
            Some(own) if own.name != *name => Some(Refusal::AnotherName {
                shard: name.clone(),
                says: own.name.clone(),
                address: address(),
            }),
            Some(own) if own.environment != environment => Some(Refusal::AnotherEnvironment {
                shard: name.clone(),
                says: own.environment.clone(),
                expected: environment.to_owned(),
                address: address(),
            }),
            _ => None,
        },
    }
}
