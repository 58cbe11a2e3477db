//! Mends histories: removes failed rows, takes over the checksums of files that changed on purpose, and takes back what a person
//! names whose file is gone.

use super::{
    note::Notes,
    report::{OperationReport, ShardResult},
    under_lock::{Deed, Hold, each},
};
use crate::{
    executor::{placeholders, read_history, untouched},
    fleet::FleetShard,
    journal::{JournalError, RolloutRow},
    setup::{Migrations, Setup},
    steering::{came_with, origins},
    survey::expected_of,
    watch::Watcher,
};
use greylag_core::{
    fleet::ShardName,
    history::{HistoryRow, deleted_row, description},
    identity,
    migration::MigrationId,
    outcome::{Failure, FailureClass},
    survey::{StepState, Survey},
};
use greylag_engines::HistoryChange;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What to mend.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    /// None: everything that is amiss.
    pub migration: Option<MigrationId>,
    pub only: Option<BTreeSet<ShardName>>,
    /// What is newer than any file is taken back, too: its file is gone for good.
    pub gone: bool,
    pub dry_run: bool,
    /// Why, for the journal.
    pub reason: String,
}

/// `greylag repair [V] --reason`. Both checksums are told for each that is taken over, and kept with the reason.
pub async fn repair(
    setup: &Setup,
    repair: &Repair,
    watcher: Arc<dyn Watcher>,
) -> Result<OperationReport, JournalError> {
    let migrations = setup.migrations.clone();
    let (wanted, dry_run) = (repair.migration.clone(), repair.dry_run);
    let hold = if dry_run { Hold::Nothing } else { Hold::Lock };
    let notes = Notes::new(setup, "repair", &repair.reason);
    let (project, environment) = (setup.fleet.project.clone(), setup.fleet.environment.clone());
    let known = setup.journal.known(&setup.scope()).await?;
    let named = wanted.iter().filter(|_| !repair.gone).cloned();
    let brought = origins(setup, named.collect()).await?;
    let (by, gone) = (setup.by.clone(), repair.gone);
    let deed: Deed = Arc::new(move |session, shard, survey| {
        let notes = notes.clone();
        let name = &shard.shard.name;
        let known = known.iter().find(|known| known.name == *name);
        let expected = expected_of(name, &project, &environment, known.map(|k| &k.known));
        // A history is mended only where it is proven whose it is.
        let judged = identity::judge(&expected, &survey);
        let wanted = wanted.as_ref();
        let wanted = wanted.map(|id| (id, gone));
        let found = changes(&migrations, shard, &survey, wanted, &brought, &by);
        Box::pin(async move {
            if let Err(refusal) = judged {
                return Ok(ShardResult::Refused {
                    refusals: vec![refusal],
                });
            }
            let Found {
                changes,
                what,
                gone,
            } = found?;
            if changes.is_empty() {
                return Ok(ShardResult::Nothing {
                    why: untold(&gone).unwrap_or_else(|| "nothing is amiss".into()),
                });
            }
            if dry_run {
                return Ok(ShardResult::WouldChange { what });
            }
            let name = &shard.shard.name;
            notes.write(name, &what).await?;
            let done = session.change_history(&changes).await;
            notes.conclude(name, what, done).await
        })
    });
    Ok(each(setup, repair.only.as_ref(), &*watcher, "repair", hold, deed).await)
}

/// What a history needs.
struct Found {
    changes: Vec<HistoryChange>,
    /// Each change as a sentence.
    what: Vec<String>,
    /// Applied ones without a file that nobody has named.
    gone: Vec<MigrationId>,
}

/// A checkout may merely be old: that what is applied never was, only a person says who names it.
fn untold(gone: &[MigrationId]) -> Option<String> {
    let (first, rest) = gone.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Some(format!(
        "{first} is applied, and its file is gone{more}: put it back, or name it (`greylag repair {first} --reason …`)"
    ))
}

fn changes(
    migrations: &Migrations,
    shard: &FleetShard,
    survey: &Survey,
    named: Option<(&MigrationId, bool)>,
    brought: &BTreeMap<MigrationId, RolloutRow>,
    by: &str,
) -> Result<Found, Failure> {
    let refused = |why| untouched(FailureClass::Refused, why, None);
    let wanted = named.map(|(id, _)| id);
    let is_gone_for_good = named.is_some_and(|(_, gone)| gone);
    let reading = read_history(
        &migrations.files,
        &survey.history,
        &migrations.placeholders,
        shard,
    )
    .map_err(|why| refused(why.to_string()))?;
    let checksums = migrations
        .files
        .checksums(&placeholders(&migrations.placeholders, shard))
        .map_err(|faults| {
            refused(
                faults
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        })?;
    let is_wanted = |id: &MigrationId| wanted.is_none_or(|wanted| wanted == id);
    let mut changes = Vec::new();
    let mut what = Vec::new();
    for row in survey.history.iter().filter(|row| !row.success) {
        let undo = || undo_of(row).is_some_and(|id| is_wanted(&id));
        if id_of(row).is_some_and(|id| is_wanted(&id)) || undo() {
            changes.push(HistoryChange::Remove {
                installed_rank: row.installed_rank,
            });
            what.push(format!("removed the failed row of `{}`", row.script));
        }
    }
    for changed in reading.changed.iter().filter(|c| is_wanted(&c.migration)) {
        let Some(file) = migrations.get(&changed.migration) else {
            continue;
        };
        let Some(row) = standing_row(&survey.history, &changed.migration) else {
            continue;
        };
        let checksum = checksums.get(&changed.migration).copied();
        changes.push(HistoryChange::Realign {
            installed_rank: row.installed_rank,
            checksum,
            description: description(&file.description),
            kind: row.kind.clone(),
        });
        what.push(format!(
            "{}: checksum {} became {}",
            changed.migration,
            changed.applied.map_or("none".into(), |c| c.to_string()),
            checksum.unwrap_or(changed.file),
        ));
    }
    let (named, gone): (Vec<_>, Vec<_>) =
        (reading.missing.iter()).partition(|id| wanted == Some(*id));
    // Above the highest file a checkout is older than its fleet, mostly, and in order. That no rollout here brought it says nothing: state
    // stores are many.
    let future = reading.future.iter().filter(|id| wanted == Some(*id));
    if !is_gone_for_good && let Some(id) = future.clone().next() {
        let origin = brought
            .get(id)
            .map_or("this checkout is older, most likely".into(), came_with);
        return Err(untouched(
            FailureClass::Refused,
            format!("{id} is applied, and newer than any file here: {origin}"),
            Some(format!(
                "Take a newer checkout: taken back, {id} would be run again by whoever has its file. If that is gone for good, say so: `greylag repair {id} --gone --reason …`."
            )),
        ));
    }
    for id in named.into_iter().chain(future) {
        let Some(row) = standing_row(&survey.history, id) else {
            continue;
        };
        changes.push(HistoryChange::Insert(deleted_row(row, by)));
        what.push(format!(
            "{id}: its file is gone, and it counts as never applied (DELETE)"
        ));
        // Were its file to come back, this would pass for work that is done.
        if survey.steps.iter().any(|step| step.migration == *id) {
            changes.push(HistoryChange::ForgetStep {
                migration: id.clone(),
            });
        }
    }
    // A failed step that left nothing behind is only a note; one with statements done is where a run resumes.
    let forgotten = survey.steps.iter().filter(|step| {
        step.state == StepState::Failed && step.statements_done == 0 && is_wanted(&step.migration)
    });
    for step in forgotten {
        changes.push(HistoryChange::ForgetStep {
            migration: step.migration.clone(),
        });
        what.push(format!("forgot the failed attempt of {}", step.migration));
    }
    Ok(Found {
        changes,
        what,
        gone: match wanted {
            None => gone.into_iter().cloned().collect(),
            Some(_) => Vec::new(),
        },
    })
}

fn id_of(row: &HistoryRow) -> Option<MigrationId> {
    match &row.version {
        Some(version) => Some(MigrationId::Versioned(version.parse().ok()?)),
        None => Some(MigrationId::Repeatable(row.description.clone())),
    }
}

/// A failed undo has the name of its file, too.
fn undo_of(row: &HistoryRow) -> Option<MigrationId> {
    let version = row
        .version
        .as_ref()
        .filter(|_| row.kind.starts_with("UNDO"));
    Some(MigrationId::Undo(version?.parse().ok()?))
}

/// The row that says the migration is there.
fn standing_row<'a>(rows: &'a [HistoryRow], id: &MigrationId) -> Option<&'a HistoryRow> {
    rows.iter()
        .filter(|row| row.success && id_of(row).as_ref() == Some(id))
        .max_by_key(|row| row.installed_rank)
}
