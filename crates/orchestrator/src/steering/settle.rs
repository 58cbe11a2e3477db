//! A person's word on what the catalog could not tell, written on the shard itself, under its lock.
//!
//! The shard's history is the truth: it is made to agree before the journal says so.

use super::{error::SteerError, show::Recorded};
use crate::{
    executor::{failure_of_verb, part, refused, seize, shard_of, untouched},
    journal::KnownShard,
    replicas::Named,
    setup::Setup,
    survey::expected_of,
};
use greylag_core::{
    fleet::ShardName,
    history,
    identity::{self, Known, Refusal},
    migration::MigrationId,
    node::{NodeName, NodeRole},
    outcome::{Failure, FailureClass},
    survey::{StepRow, Survey},
};
use greylag_engines::{HistoryChange, Session};

pub async fn settle_shard(
    setup: &Setup,
    recorded: &Recorded,
    shard: &ShardName,
    migration: &MigrationId,
    applied: bool,
) -> Result<(), SteerError> {
    let found = setup
        .fleet
        .get(shard)
        .ok_or_else(|| SteerError::NoSuchShard(shard.clone()))?;
    let failed = |failure| SteerError::Shard {
        shard: shard.clone(),
        failure: Box::new(failure),
    };
    let known = setup.journal.known(&setup.scope()).await?;
    let known = known.iter().find(|known| known.name == *shard);
    let located = setup.seeker().locate(setup, found).await;
    let found = located.map_err(|refusal| failed(refused(&refusal)))?;
    let mut session = seize(setup, &found).await.map_err(failed)?;
    let done = settle(&mut *session, setup, recorded, known, migration, applied).await;
    part(session).await;
    done.map_err(failed)
}

/// The same on a logical subscriber: a shard of its own, with its own history.
pub async fn settle_subscriber(
    setup: &Setup,
    recorded: &Recorded,
    node: &NodeName,
    migration: &MigrationId,
    applied: bool,
) -> Result<(), SteerError> {
    let shard = &node.shard;
    let publisher =
        (setup.fleet.get(shard)).ok_or_else(|| SteerError::NoSuchShard(shard.clone()))?;
    let named = match setup.replication.of_shard(shard) {
        Some(Named::Listed(nodes)) => nodes.iter().find(|named| named.node == *node),
        Some(Named::Auto) | None => None,
    };
    let named = named
        .filter(|named| named.role == NodeRole::Subscriber)
        .ok_or_else(|| SteerError::NoSuchSubscriber(node.clone()))?;
    let there = shard_of(publisher, named);
    let failed = |failure| SteerError::Shard {
        shard: there.shard.name.clone(),
        failure: Box::new(failure),
    };
    let mut session = seize(setup, &there).await.map_err(failed)?;
    let done = match is_open(&mut *session, migration).await {
        Ok(true) => settle(&mut *session, setup, recorded, None, migration, applied).await,
        Ok(false) => Err(untouched(
            FailureClass::Refused,
            format!("nothing of {migration} is open there"),
            Some("`greylag rollout retry` goes through the shard again.".into()),
        )),
        Err(failure) => Err(failure),
    };
    part(session).await;
    done.map_err(failed)
}

/// Whether a statement was begun of which nobody knows the end.
async fn is_open(session: &mut dyn Session, migration: &MigrationId) -> Result<bool, Failure> {
    let survey = session.survey().await;
    let survey = survey.map_err(|error| failure_of_verb(&error))?;
    let mut steps = survey.steps.iter();
    Ok(steps.any(|step| step.migration == *migration && step.intent.is_some()))
}

async fn settle(
    session: &mut dyn Session,
    setup: &Setup,
    recorded: &Recorded,
    known: Option<&KnownShard>,
    migration: &MigrationId,
    applied: bool,
) -> Result<(), Failure> {
    let survey = session
        .survey()
        .await
        .map_err(|error| failure_of_verb(&error))?;
    prove(setup, recorded, &survey, known.map(|known| &known.known))?;
    let changes = changes(setup, recorded, &survey, migration, applied)?;
    if changes.is_empty() {
        return Ok(());
    }
    session
        .change_history(&changes)
        .await
        .map_err(|error| failure_of_verb(&error))
}

/// A person's word is written only on the database that the rollout was on.
fn prove(
    setup: &Setup,
    recorded: &Recorded,
    survey: &Survey,
    known: Option<&Known>,
) -> Result<(), Failure> {
    let shard = &survey.shard;
    let (project, environment) = (&setup.fleet.project, &setup.fleet.environment);
    let expected = expected_of(shard, project, environment, known);
    identity::judge(&expected, survey).map_err(|refusal| refused(&refusal))?;
    let mut planned = recorded.plan.shards().iter();
    let planned = planned.find(|planned| planned.name == *shard);
    match (planned.and_then(|planned| planned.uuid), &survey.identity) {
        (Some(known), Some(identity)) if identity.uuid != known => {
            Err(refused(&Refusal::AnotherIdentity {
                shard: shard.clone(),
                known,
                says: identity.uuid,
                address: survey.server.address.clone(),
            }))
        }
        _ => Ok(()),
    }
}

/// `applied`: the open statement took effect; where it was the last one, the whole migration did.
/// Absent: it did not, and is run again.
fn changes(
    setup: &Setup,
    recorded: &Recorded,
    survey: &Survey,
    migration: &MigrationId,
    applied: bool,
) -> Result<Vec<HistoryChange>, Failure> {
    let step = survey
        .steps
        .iter()
        .find(|step| step.migration == *migration);
    let Some(step) = step else {
        return Ok(if applied {
            vec![row(setup, recorded, migration)?]
        } else {
            Vec::new()
        });
    };
    let Some(intent) = &step.intent else {
        return Ok(Vec::new());
    };
    let mut hashes = step.hashes.clone();
    hashes.truncate(step.statements_done as usize);
    if !applied {
        return Ok(vec![close(step, step.statements_done, hashes)]);
    }
    let done = intent.statement + 1;
    hashes.push(intent.hash.clone());
    if done >= step.statements_total {
        return Ok(vec![
            row(setup, recorded, migration)?,
            HistoryChange::ForgetStep {
                migration: migration.clone(),
            },
        ]);
    }
    Ok(vec![close(step, done, hashes)])
}

fn close(step: &StepRow, statements_done: u32, hashes: Vec<String>) -> HistoryChange {
    HistoryChange::SettleStep {
        migration: step.migration.clone(),
        statements_done,
        hashes,
    }
}

fn row(
    setup: &Setup,
    recorded: &Recorded,
    migration: &MigrationId,
) -> Result<HistoryChange, Failure> {
    let planned = recorded.plan.migration(migration).ok_or_else(|| {
        untouched(
            FailureClass::Refused,
            format!("{migration} is not in the plan"),
            None,
        )
    })?;
    let file = setup.migrations.get(migration).ok_or_else(|| {
        untouched(
            FailureClass::Refused,
            format!("the file of {migration} is not on disk"),
            Some(format!("Put `{}` back.", planned.script)),
        )
    })?;
    Ok(HistoryChange::Insert(history::row_of(
        file,
        planned.checksum,
        0,
        &setup.by,
        0,
    )))
}
