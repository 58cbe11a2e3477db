//! What is seen of a run. Every view is a fold of the same notices; none has knowledge of its own.

mod board;
mod frame;
mod lines;
mod live;
mod ndjson;
mod open;
mod teller;

#[cfg(test)]
mod tests;

pub use board::Board;
pub use frame::stage_words;
pub use open::{View, open, open_for_looking};
pub use teller::Teller;
