//! Takes one event at a time: command → executor → report → event → journal → next.
//!
//! Knows neither SQL nor how a shard's work is done; it starts executors, writes down what they tell, and shows it.

mod dispatch;
mod heartbeat;
mod inbox;
mod ledger;
mod losses;
mod nodes;
mod promoted;
mod run;
mod tasks;
mod waiting;

pub use dispatch::dispatch;
pub use inbox::take as take_requests;
pub use ledger::{Ledger, LedgerError};
pub use run::{Ending, Run, Stop, find_places};
