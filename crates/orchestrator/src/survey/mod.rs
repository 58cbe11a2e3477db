//! A look at the whole fleet: who is there, who they are, what they have had.
//!
//! Touches nothing. Bounded in concurrency: never more connections than may be in flight.

mod judge;
mod look;
mod sighting;
mod survey_fleet;

pub use judge::{expected_of, known_of, known_with};
pub use sighting::{Seen, Sighting, SurveyError, Surveyed, Unseen};
pub use survey_fleet::survey_fleet;
