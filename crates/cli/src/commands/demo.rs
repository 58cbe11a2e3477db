//! `greylag demo`: a fleet, and a whole change carried through it.

use super::lab;
use crate::{demo, output::Screen, problem::Problem};
use clap::Args;
use greylag_lab::Engine;
use greylag_orchestrator::Exit;
use std::path::PathBuf;

/// Builds a fleet and carries a whole rollout through it: embedded shards, or real servers with replicas
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag demo                               into ./greylag-demo, or a new folder beside it
  greylag demo /tmp/fleet
  greylag demo --engine postgres             4 servers with a replica each, one of which falls behind

Without --engine it needs no server and takes a few seconds, and the folder stays, as a project to play with.
With it, servers found on this machine are started, and ended when it is over (--keep leaves them running).")]
pub struct Demo {
    /// The folder; it must not be there yet
    folder: Option<PathBuf>,
    /// On real servers of this machine, with replicas
    #[arg(long, value_parser = lab::engines())]
    engine: Option<Engine>,
    /// Leave the servers running and the project in its folder
    #[arg(long, requires = "engine")]
    keep: bool,
}

pub async fn run(verb: &Demo, screen: &Screen) -> Result<Exit, Problem> {
    if !screen.human() {
        return Err(Problem::usage("the demo is told to people")
            .hint("leave --output out; `greylag apply --output ndjson` is for programs"));
    }
    match verb.engine {
        None => demo::tell(verb.folder.as_deref(), screen).await,
        Some(engine) => {
            demo::tell_on_servers(engine, verb.folder.as_deref(), verb.keep, screen).await
        }
    }
}
