//! What logical subscribers make of migrations: read on both servers, and judged from what is published.
//!
//! [`ask_both`] asks, [`judge()`] says file by file what is made of them, [`foresee()`] does so for a whole plan before anything of it
//! is touched. An executor judges again when a shard's turn comes: what is published may have changed since. What each statement
//! means for a subscriber is `greylag_lint::share`'s to say.

mod foresee;
mod judge;
mod said;

pub use foresee::{ask_subscribers, foresee};
pub use judge::judge;
pub use said::{ask_both, check_said};
