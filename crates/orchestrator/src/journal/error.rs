//! What can go wrong with the journal, in words a tired person understands.

use std::path::PathBuf;

type Source = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(
        "the state store {at} was written by a newer greylag (format {found}; this one knows {known})"
    )]
    Newer { at: String, found: i64, known: i64 },
    #[error("the folder {} for the state store can't be made", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the state store {at} is read-only")]
    ReadOnly { at: String },
    #[error("the disk of the state store {at} is full")]
    Full { at: String },
    #[error("{at} is no state store of greylag: {why}")]
    Foreign { at: String, why: String },
    #[error("the state store {at} can't be reached")]
    Unreachable {
        at: String,
        #[source]
        source: Source,
    },
    /// Somebody took the lease: what we write no longer counts.
    #[error("the lease is no longer ours: {holder} has it")]
    Fenced { holder: String },
    /// Another writer appended under the same number.
    #[error(
        "event {sequence} of rollout {rollout} is there already: another greylag writes to this journal"
    )]
    Conflict { rollout: String, sequence: u64 },
    #[error("{what} in the state store {at} does not read as this greylag writes it")]
    Damaged {
        at: String,
        what: String,
        #[source]
        source: Source,
    },
    #[error("the state store {at} failed while {doing}")]
    Store {
        at: String,
        doing: &'static str,
        #[source]
        source: Source,
    },
    /// A journal that is only looked at.
    #[error("this run writes nothing, so the journal can't be written")]
    LookOnly,
}
