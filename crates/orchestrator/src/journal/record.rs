//! What the journal keeps, as plain data.

use super::JournalError;
use greylag_core::{
    event::Event,
    fleet::ShardName,
    identity::Known,
    plan::{Plan, PlannedMigration},
};
use greylag_engines::PasswordSource;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

/// How long a lease lasts without being renewed.
pub const LEASE: SignedDuration = SignedDuration::from_secs(15);

/// Where the journal is kept.
#[derive(Clone)]
pub enum Location {
    Sqlite {
        path: PathBuf,
    },
    Postgres {
        url: url::Url,
        password: Option<Arc<dyn PasswordSource>>,
    },
}

/// What a journal is asked about: several projects may share a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub project: String,
    pub environment: String,
}

/// A rollout to be begun: all that carries it through, whatever becomes of the files.
#[derive(Clone, Debug)]
pub struct NewRollout {
    pub id: String,
    pub plan: Arc<Plan>,
    /// Each planned file's text, by its script name.
    pub files: BTreeMap<String, Arc<str>>,
}

/// A rollout as the journal lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRow {
    pub id: String,
    pub digest: String,
    pub begun: Timestamp,
    /// None while it is unfinished; then `done`, `aborted` or `superseded`.
    pub ended: Option<String>,
    /// The number of its last event.
    pub sequence: u64,
}

/// A rollout, and what its plan has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRow {
    pub row: RolloutRow,
    pub migrations: Vec<PlannedMigration>,
}

#[derive(Clone, Debug)]
pub struct StoredRollout {
    pub row: RolloutRow,
    pub plan: Arc<Plan>,
    pub files: BTreeMap<String, Arc<str>>,
}

/// Who holds a lease, as far as it helps to find them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Fresh per run.
    pub uuid: uuid::Uuid,
    pub by: String,
    pub host: String,
    pub pid: u32,
    /// What tells whether a process of this machine still lives; see `journal::life`.
    pub machine: String,
    pub started: u64,
    /// The verb, for the message.
    pub verb: String,
}

/// The right to append, held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub scope: Scope,
    pub holder: Holder,
    pub epoch: u64,
}

/// A lease as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    pub holder: Holder,
    pub epoch: u64,
    pub since: Timestamp,
    pub expires: Timestamp,
}

impl LeaseRow {
    /// Whether another may have it: it has run out, its holder is dead, or it ends later than any lease given now. Then the clock
    /// has gone back, and where the holder is not seen to live it may never come to renew it.
    pub fn is_free(&self, now: Timestamp) -> bool {
        let beyond = self.expires > now + LEASE * 2;
        self.expires <= now || self.holder.is_dead() || (beyond && !self.holder.is_alive_here())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseTry {
    Held(Lease),
    Busy(LeaseRow),
}

/// A request that waits to be folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxItem {
    pub id: u64,
    pub rollout: String,
    pub by: String,
    pub at: Timestamp,
    /// A `steering::Request`, in JSON.
    pub request: serde_json::Value,
    /// What became of it; none while it waits. `Ok` folded, `Err` refused and why.
    pub answer: Option<Result<String, String>>,
}

/// Marks a request as answered, in the transaction that appends what it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub item: u64,
    pub answer: Result<String, String>,
}

/// A shard once proven, expected until it is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownShard {
    pub name: ShardName,
    /// Its identity, and every server where it was proven.
    #[serde(flatten)]
    pub known: Known,
    /// The highest version it had.
    pub version: Option<String>,
    pub seen: Timestamp,
}

/// A change of what is remembered of a shard, from what it was read as: what was seen is judged by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// None where it was not remembered.
    pub before: Option<KnownShard>,
    pub after: KnownShard,
}

/// What a person had done to a shard beside any rollout, and why. Written down before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Written twice after a lost answer, it is there once.
    pub id: uuid::Uuid,
    pub at: Timestamp,
    pub by: String,
    /// `repair`, `baseline`, `claim`, `accept`, `rebrand`, `forget`, `settle`.
    pub verb: String,
    pub shard: ShardName,
    /// What is changed, a sentence each: both checksums, both identities.
    pub what: Vec<String>,
    pub reason: String,
}

impl Location {
    /// For messages: no user, no password.
    pub fn shown(&self) -> String {
        match self {
            Location::Sqlite { path } => path.display().to_string(),
            Location::Postgres { url, .. } => {
                let mut url = url.clone();
                // Both fail only for URLs that can't carry them.
                let _ = url.set_password(None);
                let _ = url.set_username("");
                url.set_query(None);
                url.to_string()
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({})", self.shown())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.environment)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            by,
            host,
            pid,
            verb,
            ..
        } = self;
        write!(f, "`greylag {verb}` of {by}, pid {pid} on {host}")
    }
}

/// How the rollout ends by this event, if it does.
pub fn ending(event: &Event) -> Option<String> {
    match event {
        Event::Finished { verdict } => Some(verdict.clone()),
        Event::Superseded { .. } => Some("superseded".to_owned()),
        _ => None,
    }
}

/// What the columns of an inbox row say.
pub fn answer(folded: Option<bool>, text: Option<String>) -> Option<Result<String, String>> {
    let text = text.unwrap_or_default();
    folded.map(|folded| if folded { Ok(text) } else { Err(text) })
}

/// What the columns of an act say: id, by, verb, shard, what, reason.
pub fn act(store: &str, columns: [String; 6], at: Timestamp) -> Result<Act, JournalError> {
    let [id, by, verb, shard, what, reason] = columns;
    let quoted = |text: String| to_json(&text);
    Ok(Act {
        id: from_json(store, "an act's id", &quoted(id))?,
        at,
        by,
        verb,
        shard: from_json(store, "an act's shard", &quoted(shard))?,
        what: from_json(store, "an act", &what)?,
        reason,
    })
}

/// Our own types have string keys alone, so that they always can be written.
pub fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our types are JSON")
}

pub fn from_json<T: DeserializeOwned>(at: &str, what: &str, text: &str) -> Result<T, JournalError> {
    serde_json::from_str(text).map_err(|source| JournalError::Damaged {
        at: at.to_owned(),
        what: what.to_owned(),
        source: source.into(),
    })
}
