//! How things are said: on which stream, in which format, in which words.

mod explain;
pub mod lint;
pub mod node_words;
mod nodes;
mod paint;
mod refresh;
mod screen;
mod tell;
mod words;
mod wrap;

pub use explain::{draw_failure, draw_place, print_problem, tell_problem};
pub use nodes::{behind, node_state, node_table, node_troubles, server};
pub use paint::{Paint, paint};
pub use refresh::Refresh;
pub use screen::{Format, Screen};
pub use tell::{count, trimmed};
pub use words::{clock, hold_reason, short_digest, span, wait_reason};
pub use wrap::wrap;
