//! Reads statements into operations, clause by clause, by their tokens.
//!
//! Knows each dialect's grammar as far as the lint needs it. What it doesn't know is told as `Unknown`, so that it is
//! counted; it never guesses.

mod alter;
mod column;
mod create;
mod cursor;
mod datatype;
mod dispatch;
mod drop;
mod expression;
mod index;
mod joined;
mod mysql_action;
mod nothing;
mod other;
mod pinned;
mod postgres_action;
mod reference;
mod rows;
mod set;
mod sources;
mod tables;

pub(crate) use dispatch::read;
pub(crate) use set::set_for_statement;

#[cfg(test)]
mod tests;
