//! Files, settings and facts in; a report out.

mod ahead;
mod carried;
mod claim;
mod cover;
mod draft;
mod run;
mod scene;
mod verdict;
mod weigh;

pub use claim::{Claim, claims};
pub(crate) use cover::unjudged;
pub(crate) use draft::Draft;
pub(crate) use run::{finish, level};
pub use run::{lint, operations};
pub(crate) use scene::{File, Scene};
pub use weigh::weigh;
