//! The rollout's files as the journal keeps them, made ready per shard.
//!
//! What runs is what was planned, whatever has become of the files since.

use super::errand::untouched;
use crate::{fleet::FleetShard, journal::StoredRollout, setup::Migrations};
use greylag_core::{
    engine::Engine,
    history::{self, HistoryRow, Reading},
    migration::{Migration, MigrationError, MigrationId, Set},
    outcome::{Failure, FailureClass},
    plan::Plan,
    script::{RunMode, Script, prepare},
};
use greylag_engines::{Job, Limits, Online};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

/// A planned file, its text read again from what was stored.
#[derive(Debug)]
pub struct Scripts {
    files: Set,
    placeholders: BTreeMap<String, String>,
    /// Files without placeholders are the same on every shard, and cut and judged once for each engine.
    cut: Mutex<HashMap<(MigrationId, Engine), Cut>>,
}

/// A file's statements, and how they run.
#[derive(Clone, Debug)]
struct Cut {
    script: Arc<Script>,
    /// For the history table.
    checksum: i32,
    mode: RunMode,
    verify: Arc<[String]>,
}

#[derive(Debug, thiserror::Error)]
pub enum ScriptsError {
    #[error("the file of {0} is neither stored nor on disk")]
    Missing(MigrationId),
    #[error("the stored file of {id} does not read: {why}")]
    Unreadable { id: MigrationId, why: String },
    #[error("{0}")]
    Twice(String),
}

impl Scripts {
    /// Of files on disk, for a plan about to begin.
    pub fn on_disk(plan: &Plan, migrations: &Migrations) -> Result<Self, ScriptsError> {
        let files = plan
            .migrations
            .iter()
            .map(|planned| match migrations.get(&planned.id) {
                Some(file) => Ok(file.clone()),
                None => Err(ScriptsError::Missing(planned.id.clone())),
            })
            .collect::<Result<_, _>>()?;
        Self::of(files, migrations)
    }

    /// Of files as the journal has them.
    pub fn stored(stored: &StoredRollout, migrations: &Migrations) -> Result<Self, ScriptsError> {
        let files =
            stored
                .plan
                .migrations
                .iter()
                .map(|planned| {
                    let text = stored
                        .files
                        .get(&planned.script)
                        .ok_or_else(|| ScriptsError::Missing(planned.id.clone()))?;
                    let mut file = Migration::read(&planned.script, text.as_bytes(), None)
                        .map_err(|faults| ScriptsError::Unreadable {
                            id: planned.id.clone(),
                            why: all(&faults),
                        })?;
                    file.config = planned.config.clone();
                    file.checksum = planned.checksum;
                    file.sha256 = planned.sha256.clone();
                    Ok(file)
                })
                .collect::<Result<_, ScriptsError>>()?;
        Self::of(files, migrations)
    }

    pub(super) fn of(files: Vec<Migration>, migrations: &Migrations) -> Result<Self, ScriptsError> {
        Ok(Self {
            files: Set::new(files).map_err(|faults| ScriptsError::Twice(all(&faults)))?,
            placeholders: migrations.placeholders.clone(),
            cut: Mutex::default(),
        })
    }

    pub fn get(&self, id: &MigrationId) -> Option<&Migration> {
        self.files.get(id)
    }

    /// A shard's history against the planned files alone.
    pub fn read(&self, rows: &[HistoryRow], shard: &FleetShard) -> Result<Reading, Failure> {
        read_history(&self.files, rows, &self.placeholders, shard)
            .map_err(|why| untouched(FailureClass::Refused, why.to_string(), None))
    }

    /// Each file's text, to be stored.
    pub fn texts(&self) -> BTreeMap<String, Arc<str>> {
        self.files
            .iter()
            .map(|file| (file.script.clone(), file.text.clone()))
            .collect()
    }

    /// A file ready to run on a shard.
    pub fn job(
        &self,
        id: &MigrationId,
        shard: &FleetShard,
        rollout: &str,
        epoch: u64,
        lock_timeout: Duration,
    ) -> Result<Job, Failure> {
        let file = self.file(id)?;
        let Cut {
            script,
            checksum,
            mode,
            ..
        } = self.cut(file, shard)?;
        Ok(Job {
            migration: id.clone(),
            description: file.description.clone(),
            script_name: file.script.clone(),
            checksum: Some(checksum),
            script,
            mode,
            rollout: rollout.to_owned(),
            epoch,
            installed_by: None,
            limits: Limits {
                lock_timeout: file.directives.lock_timeout.unwrap_or(lock_timeout),
                statement_timeout: None,
            },
            online: Online::default(),
        })
    }

    /// A file's statements, as they are on a shard.
    pub fn script(&self, id: &MigrationId, shard: &FleetShard) -> Result<Arc<Script>, Failure> {
        Ok(self.cut(self.file(id)?, shard)?.script)
    }

    /// A file's checksum as a shard's history has it.
    pub fn checksum(&self, id: &MigrationId, shard: &FleetShard) -> Result<i32, Failure> {
        Ok(self.cut(self.file(id)?, shard)?.checksum)
    }

    /// What is asked on a shard once the file's work is there.
    pub fn verify(&self, id: &MigrationId, shard: &FleetShard) -> Result<Arc<[String]>, Failure> {
        match self.get(id) {
            Some(file) if !file.directives.verify.is_empty() => Ok(self.cut(file, shard)?.verify),
            _ => Ok(Arc::default()),
        }
    }

    /// Whether the file's text is the same on every shard of an engine.
    pub fn is_same_everywhere(&self, id: &MigrationId) -> bool {
        self.get(id).is_some_and(is_same_everywhere)
    }

    fn file(&self, id: &MigrationId) -> Result<&Migration, Failure> {
        self.files.get(id).ok_or_else(|| {
            untouched(
                FailureClass::Refused,
                format!("the file of {id} is not there"),
                None,
            )
        })
    }

    fn cut(&self, file: &Migration, shard: &FleetShard) -> Result<Cut, Failure> {
        let engine = shard.shard.engine;
        let same_everywhere = is_same_everywhere(file);
        let key = (file.id.clone(), engine);
        if same_everywhere && let Some(cut) = self.cut.lock().expect("no panics inside").get(&key) {
            return Ok(cut.clone());
        }
        let placeholders = placeholders(&self.placeholders, shard);
        let prepared =
            prepare(file, engine.dialect(), &placeholders).map_err(|faults| Failure {
                migration: Some(file.id.clone()),
                ..untouched(
                    FailureClass::Refused,
                    all(&faults),
                    faults.into_iter().find_map(|fault| fault.hint),
                )
            })?;
        let script = Arc::new(prepared.script);
        let mode = script
            .run_mode(file, engine.facts())
            .map_err(|why| Failure {
                migration: Some(file.id.clone()),
                place: script.place(&file.script, why.statement),
                hint: Some(why.hint().to_owned()),
                ..untouched(FailureClass::Refused, why.to_string(), None)
            })?;
        let cut = Cut {
            script,
            checksum: prepared.checksum,
            mode,
            verify: prepared.verify.into(),
        };
        if same_everywhere {
            self.cut
                .lock()
                .expect("no panics inside")
                .insert(key, cut.clone());
        }
        Ok(cut)
    }
}

fn is_same_everywhere(file: &Migration) -> bool {
    !file.text.contains("${")
}

/// The project's placeholders, the shard's over them, and Flyway's defaults under them.
pub fn placeholders(
    project: &BTreeMap<String, String>,
    shard: &FleetShard,
) -> BTreeMap<String, String> {
    let target = &shard.target;
    let database = target.url.path().trim_start_matches('/').to_owned();
    let mut values = BTreeMap::from([
        ("flyway:database".to_owned(), database),
        ("flyway:user".to_owned(), target.url.username().to_owned()),
        ("flyway:table".to_owned(), target.history_table.to_string()),
        (
            "flyway:defaultSchema".to_owned(),
            target.schema.clone().unwrap_or_default(),
        ),
        ("flyway:environment".to_owned(), String::new()),
        ("greylag:shard".to_owned(), shard.shard.name.to_string()),
        ("greylag:host".to_owned(), shard.shard.host.to_string()),
    ]);
    for (name, value) in &*shard.shard.labels {
        values.insert(format!("greylag:label:{name}"), value.clone());
    }
    values.extend(project.clone());
    values.extend((*shard.placeholders).clone());
    values
}

/// Whether jobs may share a transaction.
pub fn is_transactional(job: &Job) -> bool {
    job.may_share()
}

fn all(faults: &[MigrationError]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Why a history can't be held against the files.
#[derive(Debug, thiserror::Error)]
pub enum HistoryFault {
    /// A file, with the shard's placeholders in it.
    #[error("{0}")]
    Files(String),
    /// The shard's own rows.
    #[error("{0}")]
    Rows(String),
}

/// A shard's history against files, with the checksums that its placeholders give repeatables.
pub fn read_history(
    files: &Set,
    rows: &[HistoryRow],
    project: &BTreeMap<String, String>,
    shard: &FleetShard,
) -> Result<Reading, HistoryFault> {
    let checksums = files
        .checksums(&placeholders(project, shard))
        .map_err(|faults| HistoryFault::Files(all(&faults)))?;
    history::read(rows, files, &checksums).map_err(|why| HistoryFault::Rows(why.to_string()))
}
