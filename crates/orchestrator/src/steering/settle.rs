//! A person's word on what the catalog could not tell, written on the shard itself, under its lock.
//!
//! The shard's history is the truth: it is made to agree before the journal says so.

use super::{error::SteerError, show::Recorded};
use crate::{
    executor::{failure_of_verb, part, refused, seize, untouched},
    journal::KnownShard,
    setup::Setup,
    survey::expected_of,
};
use greylag_core::{
    fleet::ShardName,
    history,
    identity::{self, Known, Refusal},
    migration::MigrationId,
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
