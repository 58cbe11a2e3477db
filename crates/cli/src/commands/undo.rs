//! `greylag undo`: takes versions back, shard by shard, wave by wave.

use super::apply::{Run, follow};
use crate::{
    arguments::Global,
    output::Screen,
    problem::Problem,
    workplace::{self, Journal},
};
use clap::Args;
use greylag_core::{migration::Version, plan::UndoTarget, policy::Scope};
use greylag_orchestrator::{Exit, apply::Options, planning::Ask};

/// Takes versions back with their U files, as a rollout of its own
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag undo --dry-run                     the highest version that any shard has
  greylag undo --to 41                       everything above V41, newest first
  greylag undo --to 41 --only eu-1 --yes")]
pub struct Undo {
    /// The version that stays the highest [default: the one below the highest]
    #[arg(long, value_name = "V")]
    to: Option<Version>,
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

pub async fn run(verb: &Undo, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let mode = if verb.dry_run {
        Journal::Look
    } else {
        Journal::Write
    };
    let place = workplace::open(global, screen, mode).await?;
    let only = place.shards(&verb.only)?;
    let ask = Ask {
        scope: Scope {
            to: None,
            only: only.clone(),
        },
        undo: Some(match &verb.to {
            Some(version) => UndoTarget::BackTo(version.clone()),
            None => UndoTarget::Latest,
        }),
        ..Ask::default()
    };
    let options = Options {
        attended: screen.attended,
        only,
        ..Options::default()
    };
    let run = Run {
        saved: None,
        ask,
        options,
        dry_run: verb.dry_run,
        yes: verb.yes,
        aside: None,
    };
    follow(place, run, screen).await
}
