//! Does one shard's work: connect, lock, look, run, verify. In this process, as tasks.
//!
//! Knows one shard at a time; what comes next in the fleet is the dispatcher's to know.

mod anchor;
mod awake;
mod backoff;
mod carry;
mod claim;
mod connect;
mod errand;
mod explain;
mod follow;
mod had;
mod hold;
mod legs;
mod look;
mod orphans;
mod portion;
mod preflight;
mod run;
mod scripts;
mod settle;
mod sisters;
mod standbys;
mod stands;
mod subscribers;
mod verify;
mod waits;

pub use anchor::{Anchor, Hold, take_again};
pub use awake::awake;
pub use carry::carry_out;
pub use claim::{claim_held, claim_shard, part, seize};
pub use connect::reach;
pub use errand::{Errand, Limits, Report, Reports, refusal, untouched};
pub use explain::{chain, failure_of, failure_of_verb, hint_of};
pub use had::Had;
pub use hold::{AndLook, Held, TakeOver, hold};
pub use look::{lacks, refused, shows_all};
pub use orphans::{Orphans, Owner, session_named};
pub use scripts::{HistoryFault, Scripts, ScriptsError, placeholders, read_history};
pub use settle::{ask_again, find_out};
pub use sisters::Sisters;
pub use standbys::Standbys;
pub use subscribers::{ready_subscribers, shard_of};
pub use verify::is_yes;
