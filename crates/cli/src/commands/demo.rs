//! `greylag demo`: a fleet of embedded shards, and a whole change carried through it.

use crate::{demo, output::Screen, problem::Problem};
use clap::Args;
use greylag_orchestrator::Exit;
use std::path::PathBuf;

/// Builds a fleet of embedded SQLite shards and carries a whole rollout through it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag demo                               into ./greylag-demo, or a new folder beside it
  greylag demo /tmp/fleet

Needs no server and takes a few seconds. The folder stays, as a project to play with.")]
pub struct Demo {
    /// The folder; it must not be there yet
    folder: Option<PathBuf>,
}

pub async fn run(verb: &Demo, screen: &Screen) -> Result<Exit, Problem> {
    if !screen.human() {
        return Err(Problem::usage("the demo is told to people")
            .hint("leave --output out; `greylag apply --output ndjson` is for programs"));
    }
    demo::tell(verb.folder.as_deref(), screen).await
}
