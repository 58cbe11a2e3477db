//! The demo: scaffolds a project, then drives the same code as `apply`, `rollout retry` and `status` do.

mod fleet;
mod story;

pub use story::tell;
