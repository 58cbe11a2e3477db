//! `greylag undo`: takes versions back, shard by shard, wave by wave.

use crate::{arguments::Global, output::Screen, problem::Problem};
use clap::Args;
use greylag_core::migration::Version;
use greylag_orchestrator::Exit;

/// Undoes versions with their U files, as a rollout of its own
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  greylag undo --to 41                       everything above V41, newest first\n  greylag undo --to 41 --only eu-1 --yes")]
pub struct Undo {
    /// The version that stays the highest
    #[arg(long, value_name = "V")]
    to: Version,
    /// Only these shards
    #[arg(long, value_name = "SHARD", num_args = 1..)]
    only: Vec<String>,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
    /// Connect and check, and write nothing anywhere
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(_verb: &Undo, _global: &Global, _screen: &Screen) -> Result<Exit, Problem> {
    Err(Problem::usage("undo is not wired up yet"))
}
