//! MySQL and MariaDB.
//!
//! Each DDL statement commits by itself here, and with it whatever was open. So a file of plain DML runs in one transaction
//! with its history row (`transaction`), and every other file statement by statement (`stepwise`, `walk`): an intent row before what
//! commits by itself, a step row after it, and runs of DML sharing a transaction with their step row. What a lost answer left
//! behind is settled by comparing what the statement touches with an image taken before (`settle`).
//!
//! `upstream` is MySQL, `mariadb` the flavour; the rest speaks to both.

mod afresh;
mod aftermath;
mod apply;
mod appraise;
mod blockers;
mod diagnose;
mod failure;
mod flavour;
mod history;
mod image;
mod ledger;
mod link;
mod lock;
mod mariadb;
mod mark;
mod names;
mod observe;
mod online;
mod open;
mod place;
mod quote;
mod session;
mod settle;
mod steps;
mod stepwise;
mod survey;
mod tables;
mod tokens;
mod touched;
mod trace;
mod transaction;
mod upstream;
mod url;
mod verb;
mod walk;

pub use appraise::appraise;
pub use observe::open as observe;
pub use open::open;
pub use trace::trace;
