//! Project files, right and wrong.

mod mistakes;
mod online;
mod reading;
