//! Looking at a node of MySQL or MariaDB: one packet of questions, each of which the account may be refused by itself.
//!
//! `question` puts them and remembers what was refused; `status` reads the replica's own account of itself, `past` what only
//! several looks together tell; `sighting` puts it all into the words that every engine shares (`place` the positions,
//! `applier` how a replica goes on, `company` who follows). The questions themselves are
//! each flavour's own (`Look`).

mod applier;
mod company;
mod observer;
mod open;
mod past;
mod place;
mod question;
mod sighting;
mod status;

pub use open::open;
pub use question::{Answers, InTheWay, Look, Question, ROW_WAITS, Refusal, Topic, ask, by_grant};
pub use status::StatusColumns;
