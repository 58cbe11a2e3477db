//! Where each shard's primary is: where the project says, or where a failover has taken it.
//!
//! A [`Seats`] keeps what was found; a [`Seeker`] looks among the shard's servers for the one that is its primary, and proves it.
//! Who is proven is for `greylag_core::identity` to judge. Nothing is looked for while the primary is where it is expected.

mod candidates;
mod followers;
mod judge;
mod seats;
mod seek;

pub(crate) use candidates::reach_remembered;
pub use seats::Seats;
pub use seek::Move;
pub(crate) use seek::{Adopted, Found, Seeker, Sought};
