//! The demos: each makes a project, then drives the same code as `apply`, `rollout retry` and `status` do.

mod fleet;
mod servers;
mod story;
mod teller;

pub use servers::tell as tell_on_servers;
pub use story::tell;
