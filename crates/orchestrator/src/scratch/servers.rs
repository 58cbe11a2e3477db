//! Servers that are there for one run.

use async_trait::async_trait;
use greylag_core::engine::Engine;
use greylag_lint::ServerVersion;
use std::{any::Any, fmt};
use url::Url;

/// A primary and a replica that follows it, with an empty database of one name on both.
pub struct ScratchPair {
    pub version: String,
    /// For an administrator: migrations make extensions and roles.
    pub primary: Url,
    pub replica: Url,
    /// The servers end when this is dropped.
    pub keep: Box<dyn Any + Send>,
}

/// Whoever can start servers on this machine. Starting one is the work of one run, on its own thread.
#[async_trait(?Send)]
pub trait ScratchServers {
    /// Starts a pair, as like the version as the machine has.
    async fn start(
        &self,
        engine: Engine,
        like: Option<ServerVersion>,
    ) -> Result<ScratchPair, ScratchError>;
}

/// There are no servers to be had.
#[derive(Debug, thiserror::Error)]
#[error("no scratch server of {engine} can be started")]
pub struct ScratchError {
    pub engine: &'static str,
    #[source]
    pub why: Box<dyn std::error::Error + Send + Sync>,
    pub hint: Option<String>,
}

impl fmt::Debug for ScratchPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScratchPair")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
