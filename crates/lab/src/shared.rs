//! One server per engine for all tests of a process, and what to do on a machine without one.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::engine::Engine;
use crate::error::{Missing, StartError};
use crate::installation::installed;
use crate::options::Options;
use crate::server::Server;

static SERVERS: [OnceCell<Arc<Server>>; 3] = [
    const { OnceCell::const_new() },
    const { OnceCell::const_new() },
    const { OnceCell::const_new() },
];

/// The server that all tests of this process share; started when first asked for, ended with the process.
///
/// Take a [`Server::database`] of it each; don't stop it or change its settings: for that, start one of your own.
pub async fn shared(engine: Engine) -> Result<Arc<Server>, StartError> {
    let slot = Engine::SERVERS
        .iter()
        .position(|server| *server == engine)
        .ok_or(Missing { engine })?;
    SERVERS[slot]
        .get_or_try_init(|| async {
            Server::start(engine, Options::default())
                .await
                .map(Arc::new)
        })
        .await
        .cloned()
}

/// What a test begins with: the shared server, or `None` (said loudly) on a machine that has no such engine. A server that
/// is there and doesn't start is a failure. `GREYLAG_LAB_REQUIRE=postgres,mysql` makes a missing engine a failure too.
///
/// # Panics
/// See above.
pub async fn require(engine: Engine) -> Option<Arc<Server>> {
    match shared(engine).await {
        Ok(server) => Some(server),
        Err(StartError::Missing(missing)) => {
            skip(missing);
            None
        }
        Err(error) => panic!("the lab could not start {engine}: {}", with_sources(&error)),
    }
}

/// For tests that start servers of their own: whether this machine has the engine. Loud, or a failure, if not.
///
/// # Panics
/// When `GREYLAG_LAB_REQUIRE` names the engine, and the machine has none.
#[must_use]
pub fn available(engine: Engine) -> bool {
    if engine == Engine::Sqlite || !installed(engine).is_empty() {
        return true;
    }
    skip(Missing { engine });
    false
}

fn skip(missing: Missing) {
    let required = std::env::var("GREYLAG_LAB_REQUIRE").unwrap_or_default();
    let named = required
        .split(',')
        .any(|word| word.trim().parse::<Engine>().ok() == Some(missing.engine));
    assert!(
        !named,
        "required by GREYLAG_LAB_REQUIRE={required}: {missing}"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("\n##### SKIPPED: {test}: {missing}\n");
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
