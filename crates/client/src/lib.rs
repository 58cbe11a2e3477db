//! What an application links to read from replicas and never miss its own writes.
//!
//! A replica replays what its primary writes a little later, sometimes much later. Somebody who saves a form and is shown
//! the page again must not be sent to a replica that has not got there yet. With this crate the application
//!
//! 1. asks the server for a [`Position`] after a write: one statement, in the same message if the driver can
//!    ([`postgres::AFTER_WRITE`], [`mysql::AFTER_WRITE`], [`mariadb::AFTER_WRITE`]);
//! 2. carries it along, in a cookie or a header ([`Written`]);
//! 3. asks each node now and then how far it is ([`postgres::LOOK`], …) and folds the answers into a [`Tracker`];
//! 4. lets [`Tracker::choose`] name the node to read from: a replica that has replayed the position, or else the primary.
//!
//! The application brings its own driver and its own connections: nothing here opens a socket, reads a clock or spawns a
//! task. Time comes in as an argument.
//!
//! ```
//! use greylag_client::{Answer, Because, Tracker, Written};
//! use std::time::Instant;
//!
//! // One tracker for each shard, with names that the application knows its connection pools by.
//! let mut eu_7 = Tracker::new(["db-1", "db-2", "db-3"]);
//!
//! // Once a second, on each node: the row of `LOOK`, and when it was asked for.
//! let asked = Instant::now();
//! eu_7.answered("db-1", asked, Answer::read("primary", Some("wal:7391/1/0/16B3748"))?);
//! eu_7.answered("db-2", asked, Answer::read("replica", Some("wal:7391/1/0/16B3748"))?);
//! eu_7.answered("db-3", asked, Answer::read("replica", Some("wal:7391/1/0/1600000"))?);
//!
//! // After a write: the text that `AFTER_WRITE` returned.
//! let mut written = Written::default();
//! written.note("eu-7", "wal:7391/1/0/16B3700".parse()?);
//! let cookie = written.to_string();
//!
//! // In the next request:
//! let written: Written = cookie.parse()?;
//! let choice = eu_7.choose(written.at("eu-7"), Instant::now())?;
//! assert_eq!((choice.node, choice.because), ("db-2", Because::Replayed));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - A replica is chosen only if it said, within [`Limits::trust`], that it has replayed the position. Nothing is guessed
//!   from an old answer, from a lag in seconds, or from silence.
//! - Where no replica has, the primary is named, if a node said within the same time that it is the primary. Where none
//!   did, or two do, that is an error: [`NoNode`]. The application may then fail, or ask a node it believes in.
//! - Among equals the one that was chosen longest ago is chosen.
//!
//! # After a failover
//!
//! On PostgreSQL a promoted replica begins a new timeline, and a position of the old one says nothing about the new one:
//! the primary is named, with [`Because::OtherStream`], until the user writes again or the cookie ends. (If the old primary
//! was lost with the write, the write is lost: no choice of a node brings it back.) MySQL's and MariaDB's GTIDs outlive
//! a failover, so that replicas go on being chosen.
//!
//! # What it costs
//!
//! A write: no round trip where the statement goes with the commit, else one. A node: one query for each look. A choice: a
//! walk over the shard's nodes, without a lock of its own.

mod answer;
mod choice;
pub mod mariadb;
pub mod mysql;
pub mod postgres;
mod session_state;
mod tracker;
mod written;

pub use answer::{Answer, AnswerError, Role};
pub use choice::{Because, Choice, NoNode};
pub use greylag_core::position::{Distance, Position, PositionError};
pub use session_state::SessionStateError;
pub use tracker::{Limits, Tracker};
pub use written::{Written, WrittenError};
