//! Project files, right and wrong.

mod mistakes;
mod reading;
