//! A project file, understood.

use super::{
    backfill::BackfillSettings,
    replica_settings::ReplicaSettings,
    shard::{Member, Recipe},
    source::Source,
};
use crate::{gates::CheckRule, journal::Location};
use greylag_core::policy::Policy;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// Everything `greylag.toml` says. Discovery has not been asked yet.
#[derive(Clone, Debug)]
pub struct Project {
    /// The file, as found.
    pub file: PathBuf,
    /// Its folder, which relative paths are relative to.
    pub folder: PathBuf,
    pub name: Arc<str>,
    pub environment: Arc<str>,
    pub migrations: Vec<PathBuf>,
    pub placeholders: BTreeMap<String, String>,
    /// Where the journal is kept.
    pub state: Location,
    /// What makes a shard of a draft: history table, session SQL, secrets.
    pub recipe: Recipe,
    /// The `[[shard]]`s.
    pub shards: Vec<Member>,
    /// The `[[discover]]`s.
    pub sources: Vec<Source>,
    pub policy: Policy,
    pub checks: Vec<CheckRule>,
    pub replicas: ReplicaSettings,
    pub backfill: BackfillSettings,
    pub lint: greylag_lint::Settings,
    /// What the file asks for and this version does not do yet. Never silently ignored.
    pub notes: Vec<Note>,
}

/// Something to tell the person about the file that is no mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub line: usize,
    pub text: String,
}
