//! What a statement was seen to do, on a server that was there for nothing else.
//!
//! Words alone: the engines measure, the lint compares.

use serde::{Deserialize, Serialize};

/// What was seen of one script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// Of those that ran, in order.
    pub statements: Vec<Measured>,
    /// The statement at which it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// How long the replica took, after the script had ended, until it had it all. None: it was not waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_after_us: Option<u64>,
    /// What was made for the script to run at all, and what could not be seen: whole sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What one statement was seen to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Counted from 0.
    pub statement: usize,
    pub duration_us: u64,
    /// The strongest on each relation, above those that every reader takes.
    pub locks: Vec<TakenLock>,
    /// What has other files now: it was written anew.
    pub rewritten: Vec<Relation>,
    /// What was not there before.
    pub built: Vec<Relation>,
    /// Tables that were read from their beginning. None: it can't be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Vec<Relation>>,
    /// Bytes of the write-ahead log, or of the binary log.
    pub log_bytes: u64,
    /// What a replica locks when it replays the statement. None: it can't be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_locks: Option<Vec<Relation>>,
    /// In the server's own words, where it has one for how it went about it: `COPY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// It ran in a transaction, with whatever else of the script.
    pub in_transaction: bool,
}

/// A lock that was held while the statement ran, or asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenLock {
    pub on: Relation,
    /// `ACCESS EXCLUSIVE`
    pub mode: String,
    /// An earlier statement of the transaction had taken it.
    pub held: bool,
}

/// A table or an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Relation {
    /// With its schema where that isn't the usual one.
    pub name: String,
    /// Of an index: its table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_of: Option<String>,
    /// The script itself made it: nobody else uses it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
}

/// The server said no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Counted from 0.
    pub statement: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Traced {
    pub fn of(&self, statement: usize) -> Option<&Measured> {
        self.statements
            .iter()
            .find(|one| one.statement == statement)
    }
}

impl Measured {
    /// The lock on a table or an index of this name.
    pub fn lock_on(&self, is: impl Fn(&Relation) -> bool) -> Option<&TakenLock> {
        self.locks.iter().find(|lock| is(&lock.on))
    }
}
