//! The project file `greylag.toml`: read whole, every mistake reported at once with its place and a hint.
//!
//! Knows no server and no journal: it turns text into settings and stops there.

mod address;
mod backfill;
mod check;
mod duration;
mod interner;
mod lint;
mod load;
mod locate;
mod mask;
mod model;
mod online;
mod problem;
mod program;
mod replica;
mod replica_settings;
mod rollout;
mod secret;
mod section;
mod session;
mod shard;
mod size;
mod source;
mod state;

pub use address::{Address, AddressError};
pub use backfill::BackfillSettings;
pub use duration::{parse_duration, show_duration};
pub use interner::Secrets;
pub use load::{LoadError, load, read};
pub use locate::{FILE_NAME, locate};
pub use model::{Note, Project};
pub use problem::{ConfigError, Problem};
pub(crate) use program::program;
pub use replica::{Replica, Replicas};
pub use replica_settings::{Expected, ReplicaSettings};
pub use secret::{SecretRef, StoredSecret};
pub use session::SessionSql;
pub use shard::{Complaint, Draft, Member, Recipe};
pub use size::parse_size;
pub use source::{Naming, Source, SourceKind};
