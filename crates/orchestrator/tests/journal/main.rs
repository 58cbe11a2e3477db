//! What both stores of the journal do alike, and what only one of them can meet.

mod folder;
mod leases;
mod remembering;
mod secured;
mod stores;
mod suite;
