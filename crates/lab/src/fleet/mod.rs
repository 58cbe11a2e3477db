//! A fleet to try things on: real servers that outlive the command that started them, and a Greylag project that fits them.
//!
//! One server process per node: `shards × (1 + replicas)`. What is there stands in `lab.json` in the project's folder; the
//! servers' data lies outside it (on tmpfs where there is room), since as root they run as an account that may not enter
//! every folder.

mod down;
mod error;
mod project;
mod replay;
mod state;
mod up;

pub use down::{Removed, down, status};
pub use error::FleetError;
pub use replay::{pause, resume};
pub use state::{Fleet, FleetNode, NodeStatus};
pub use up::{FleetOptions, up};
