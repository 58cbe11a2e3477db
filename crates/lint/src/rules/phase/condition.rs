//! What a CHECK says: whether another says as much, and what it comes to where some columns are known.
//!
//! Knows no table: who asks says what stands in a column.

mod implied;
mod outcome;
mod value;
mod words;

pub(super) use implied::implies;
pub(super) use outcome::{Outcome, literal, outcome};
pub(super) use value::Value;
pub(super) use words::names_in;
