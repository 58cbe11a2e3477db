//! Bringing a server process up until it answers, and down again.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::StartError;
use crate::installation::Installation;
use crate::node::Node;
use crate::process::{ProcessId, ServerProcess, log_tail};
use crate::recipe::{self, Recipe};
use crate::{root, sql};

/// Why a server did not come up.
pub(crate) enum Launch {
    /// Another process has its port: try with another one.
    PortTaken,
    /// All else.
    Failed(StartError),
}

impl Launch {
    /// For those who can't take another port.
    pub(crate) fn final_error(self, node: &Node) -> StartError {
        match self {
            Launch::PortTaken => StartError::Machine {
                what: format!("another process took port {}", node.port.number),
                source: io::ErrorKind::AddrInUse.into(),
            },
            Launch::Failed(error) => error,
        }
    }
}

/// How long the lab waits for anything, and a test should. `GREYLAG_LAB_SLOW` multiplies it, for a machine under load.
#[must_use]
pub fn patience() -> Duration {
    let factor = std::env::var("GREYLAG_LAB_SLOW")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(60) * factor.unwrap_or(1)
}

/// Who sees to it that a server ends: told of each before it is started, and again as soon as it has a number.
pub(crate) type Keeper<'a> = &'a (dyn Fn(&Node, Option<&ProcessId>) -> io::Result<()> + Sync);

/// The keeper of servers that end with this process.
pub(crate) fn this_process(node: &Node, id: Option<&ProcessId>) -> io::Result<()> {
    let Some(id) = id else { return Ok(()) };
    let signal = recipe::recipe(node.engine).map_or("KILL", |recipe| recipe.end_signal().0);
    root::root()?.reap_later(id, signal)
}

/// Starts the server of `node` and waits until it answers.
pub(crate) async fn launch(
    recipe: &'static dyn Recipe,
    installation: &Installation,
    node: &Node,
    keeper: Keeper<'_>,
) -> Result<ServerProcess, Launch> {
    let failed = |what: &str| {
        Launch::Failed(StartError::Server {
            engine: installation.engine,
            version: installation.version.clone(),
            what: what.to_owned(),
            log: log_tail(&node.log(), 20),
        })
    };
    let machine = |error| Launch::Failed(StartError::machine("cannot start a server")(error));
    keeper(node, None).map_err(machine)?;
    let mut process =
        ServerProcess::spawn(recipe.serve(installation, node), &node.log()).map_err(machine)?;
    if let Err(error) = keeper(node, Some(&process.id)) {
        process.kill();
        return Err(machine(error));
    }
    let deadline = Instant::now() + patience();
    loop {
        if process.has_ended() {
            let log = log_tail(&node.log(), 20).to_ascii_lowercase();
            return Err(if log.contains("address already in use") {
                Launch::PortTaken
            } else {
                failed("ended while starting")
            });
        }
        if sql::rows(node, recipe.home(), "SELECT 1").await.is_ok() {
            return Ok(process);
        }
        if Instant::now() > deadline {
            process.kill();
            return Err(failed("did not answer in time"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An orderly stop that doesn't wait for clients; by force when it takes too long.
pub(crate) async fn stop(recipe: &'static dyn Recipe, process: &mut ServerProcess) {
    process.id.signal(recipe.stop_signal());
    // Frozen, or with a frozen child that it waits for, it would not end.
    process.resume();
    let deadline = Instant::now() + patience();
    while !process.has_ended() {
        if Instant::now() > deadline {
            process.kill();
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ends a server at once, with nothing left outside its folder.
pub(crate) fn end(recipe: &'static dyn Recipe, process: &mut ServerProcess) {
    if !process.has_ended() {
        process.id.signal(recipe.end_signal().1);
        process.resume();
        if process.wait(Duration::from_secs(5)) {
            return;
        }
    }
    process.kill();
}

/// Runs a command that ends by itself.
pub(crate) async fn run_to_end(
    mut command: Command,
    installation: &Installation,
    node: &Node,
) -> Result<(), StartError> {
    command.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .map_err(io::Error::other)
        .and_then(|output| output)
        .map_err(StartError::machine("cannot initialise a data directory"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut log = String::from_utf8_lossy(&output.stdout).into_owned();
    log.push_str(&String::from_utf8_lossy(&output.stderr));
    log.push_str(&log_tail(&node.log(), 20));
    Err(StartError::Server {
        engine: installation.engine,
        version: installation.version.clone(),
        what: "could not initialise a data directory".into(),
        log,
    })
}
