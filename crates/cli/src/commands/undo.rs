//! `greylag undo`: takes versions back, shard by shard, wave by wave.

use super::{
    apply::{ended_early, follow},
    flags::Flags,
};
use crate::{arguments::Global, output::Screen, problem::Problem, workplace};
use clap::Args;
use greylag_core::{migration::Version, plan::UndoTarget, policy::Scope};
use greylag_orchestrator::{Exit, planning::Ask};

/// Takes versions back with their U files, as a rollout of its own
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag undo --dry-run                     the highest version that any shard has
  greylag undo --to 41                       everything above V41, newest first
  greylag undo --to 41 --only eu-1 --yes
  greylag undo --to 41 --skip-unreachable    on those that answer

A wave with `approval = true` asks for one here, too: `greylag rollout approve`, then `greylag apply` goes on with it.")]
pub struct Undo {
    /// The version that stays the highest [default: the one below the highest]
    #[arg(long, value_name = "V")]
    to: Option<Version>,
    #[command(flatten)]
    flags: Flags,
}

pub async fn run(verb: &Undo, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    match carry_out(verb, global, screen).await {
        Err(problem) => ended_early(screen, problem),
        done => done,
    }
}

async fn carry_out(verb: &Undo, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, verb.flags.journal()).await?;
    let ask = Ask {
        scope: Scope {
            to: None,
            only: place.shards(&verb.flags.only)?,
        },
        undo: Some(match &verb.to {
            Some(version) => UndoTarget::BackTo(version.clone()),
            None => UndoTarget::Latest,
        }),
        ..Ask::default()
    };
    let run = verb.flags.run(&place, None, ask, screen)?;
    follow(place, run, screen).await
}
