//! `greylag demo`.

use crate::{output::Screen, problem::Problem};
use clap::Args;
use greylag_orchestrator::Exit;

/// Builds a fleet of embedded SQLite shards and carries a whole rollout through it
#[derive(Debug, Args)]
pub struct Demo {}

pub async fn run(_verb: &Demo, _screen: &Screen) -> Result<Exit, Problem> {
    Err(Problem::usage("demo is not wired up yet"))
}
