//! The servers that claims are measured on: one of each engine, or with GREYLAG_FULL each version that this machine has.

use greylag_lab::{Engine, Options, Server};
use std::sync::Arc;

/// Whether each version is measured.
pub fn full() -> bool {
    std::env::var_os("GREYLAG_FULL").is_some()
}

/// None where the machine has no such engine, which is said loudly.
pub async fn of(engine: Engine) -> Vec<Arc<Server>> {
    if !full() {
        return greylag_lab::require(engine).await.into_iter().collect();
    }
    own(engine, Options::default()).await
}

/// … that nobody else uses.
pub async fn own(engine: Engine, options: Options) -> Vec<Arc<Server>> {
    let mut servers = Vec::new();
    if greylag_lab::available(engine) {
        let all = greylag_lab::installed(engine).into_iter();
        for installation in all.take(if full() { usize::MAX } else { 1 }) {
            println!("measuring {engine} {}", installation.version);
            let server = Server::start(engine, options.clone().on(installation)).await;
            servers.push(Arc::new(server.unwrap()));
        }
    }
    servers
}
