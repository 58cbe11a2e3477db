//! One suite for both stores of the journal, and what only one of them can meet.

mod folder;
mod secured;
mod stores;
mod suite;
