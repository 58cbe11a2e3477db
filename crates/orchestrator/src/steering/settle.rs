//! A person's word on what the catalog could not tell, written on the shard itself, under its lock.
//!
//! The shard's history is the truth: it is made to agree before the rollout goes by it. What a person said, and why, is in the journal
//! before either. Said again after a crash, it is written once.

use super::{error::SteerError, show::Recorded};
use crate::{
    executor::{Scripts, failure_of_verb, lacks, part, refused, seize, shard_of, untouched},
    fleet::FleetShard,
    journal::KnownShard,
    operations::Notes,
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

/// A person's word on a migration.
#[derive(Clone, Copy)]
pub struct Word<'a> {
    pub migration: &'a MigrationId,
    pub applied: bool,
    pub reason: &'a str,
}

/// On the shard's primary.
pub async fn settle_shard(
    setup: &Setup,
    recorded: &Recorded,
    shard: &ShardName,
    word: Word<'_>,
) -> Result<(), SteerError> {
    let found = setup
        .fleet
        .get(shard)
        .ok_or_else(|| SteerError::NoSuchShard(shard.clone()))?;
    let failed = |failure| SteerError::Shard {
        shard: shard.clone(),
        failure: Box::new(failure),
    };
    let scripts = stored(setup, recorded).await?;
    let known = setup.journal.known(&setup.scope()).await?;
    let known = known.iter().find(|known| known.name == *shard);
    let located = setup.seeker().locate(setup, found).await;
    let found = located.map_err(|refusal| failed(refused(&refusal)))?;
    let mut session = seize(setup, &found).await.map_err(failed)?;
    let there = There {
        setup,
        recorded,
        scripts: &scripts,
        shard: &found,
        known,
    };
    let done = settle(&mut *session, &there, word).await;
    part(session).await;
    done.map_err(failed)
}

/// The same on a logical subscriber: a shard of its own, with its own history.
pub async fn settle_subscriber(
    setup: &Setup,
    recorded: &Recorded,
    node: &NodeName,
    word: Word<'_>,
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
    let scripts = stored(setup, recorded).await?;
    let mut session = seize(setup, &there).await.map_err(failed)?;
    let migration = word.migration;
    let done = match is_open(&mut *session, migration).await {
        Ok(true) => {
            let there = There {
                setup,
                recorded,
                scripts: &scripts,
                shard: &there,
                known: None,
            };
            settle(&mut *session, &there, word).await
        }
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

/// The rollout's files as it keeps them: what has become of those on disk is of no matter here.
async fn stored(setup: &Setup, recorded: &Recorded) -> Result<Scripts, SteerError> {
    let rollout = &recorded.rollout;
    let stored = setup.journal.rollout(rollout).await?;
    let stored = stored.ok_or_else(|| SteerError::NoSuchRollout(rollout.clone()))?;
    Scripts::stored(&stored, &setup.migrations).map_err(|why| SteerError::Damaged {
        rollout: rollout.clone(),
        why: why.to_string(),
    })
}

/// What a word is written on.
struct There<'a> {
    setup: &'a Setup,
    recorded: &'a Recorded,
    scripts: &'a Scripts,
    shard: &'a FleetShard,
    known: Option<&'a KnownShard>,
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
    there: &There<'_>,
    word: Word<'_>,
) -> Result<(), Failure> {
    let survey = session
        .survey()
        .await
        .map_err(|error| failure_of_verb(&error))?;
    let known = there.known.map(|known| &known.known);
    prove(there.setup, there.recorded, &survey, known)?;
    let Some((what, changes)) = changes(there, &survey, word)? else {
        return Ok(());
    };
    let notes = Notes::new(there.setup, "settle", word.reason);
    let shard = &there.shard.shard.name;
    let what = vec![what];
    notes.write(shard, &what).await?;
    let done = session.change_history(&changes).await;
    notes.conclude(shard, what, done).await.map(drop)
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
///
/// As a sentence, too; none where the shard says so already.
fn changes(
    there: &There<'_>,
    survey: &Survey,
    word: Word<'_>,
) -> Result<Option<(String, Vec<HistoryChange>)>, Failure> {
    let Word {
        migration, applied, ..
    } = word;
    let in_history = format!("{migration} is settled as applied, and written into the history");
    let step = survey
        .steps
        .iter()
        .find(|step| step.migration == *migration);
    let Some(step) = step else {
        let reading = there.scripts.read(&survey.history, there.shard)?;
        return Ok(match applied && lacks(&reading, migration) {
            true => Some((in_history, vec![row(there, migration)?])),
            false => None,
        });
    };
    let Some(intent) = &step.intent else {
        return Ok(None);
    };
    let closed = format!(
        "statement {} of {migration} is settled as {}",
        intent.statement + 1,
        if applied { "applied" } else { "absent" }
    );
    let mut hashes = step.hashes.clone();
    hashes.truncate(step.statements_done as usize);
    if !applied {
        return Ok(Some((
            closed,
            vec![close(step, step.statements_done, hashes)],
        )));
    }
    let done = intent.statement + 1;
    hashes.push(intent.hash.clone());
    if done >= step.statements_total {
        let forget = HistoryChange::ForgetStep {
            migration: migration.clone(),
        };
        return Ok(Some((in_history, vec![row(there, migration)?, forget])));
    }
    Ok(Some((closed, vec![close(step, done, hashes)])))
}

fn close(step: &StepRow, statements_done: u32, hashes: Vec<String>) -> HistoryChange {
    HistoryChange::SettleStep {
        migration: step.migration.clone(),
        statements_done,
        hashes,
    }
}

/// The row as a run of the migration would have written it.
fn row(there: &There<'_>, migration: &MigrationId) -> Result<HistoryChange, Failure> {
    let (scripts, setup) = (there.scripts, there.setup);
    let file = scripts.get(migration).ok_or_else(|| {
        untouched(
            FailureClass::Refused,
            format!("{migration} is not in the plan"),
            None,
        )
    })?;
    let checksum = scripts.checksum(migration, there.shard)?;
    let row = history::row_of(file, checksum, 0, &setup.by, 0);
    Ok(HistoryChange::Insert(row))
}
