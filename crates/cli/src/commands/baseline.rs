//! `greylag baseline`: begins on databases that were there before.

use super::report::print_report;
use crate::{
    arguments::Global,
    output::Screen,
    problem::Problem,
    view,
    workplace::{self, Journal},
};
use clap::Args;
use greylag_core::migration::Version;
use greylag_orchestrator::{Exit, Watcher, operations};
use std::sync::Arc;

/// Begins on existing databases: marks them as being at a version, and claims them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag baseline 17                        every shard without a history has V1 to V17 already
  greylag baseline 17 --only eu-1 --reason \"restored from the old cluster\" --yes")]
pub struct Baseline {
    /// The version they are at: it and all below count as applied
    version: Version,
    /// Only these shards
    #[arg(long, value_name = "SHARD", num_args = 1..)]
    only: Vec<String>,
    /// What the history says
    #[arg(long)]
    description: Option<String>,
    /// Why, for the journal
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

pub async fn run(verb: &Baseline, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, Journal::Write).await?;
    let only = place.shards(&verb.only)?;
    let n = only.as_ref().map_or(
        place.setup.fleet.shards.len(),
        std::collections::BTreeSet::len,
    );
    super::repair::confirm(
        screen,
        verb.yes,
        &format!("Mark up to {n} shards as being at V{}?", verb.version),
    )?;
    let view = view::open(screen, place.folder());
    let watcher = Arc::clone(&view) as Arc<dyn Watcher>;
    let report = operations::baseline(
        &place.setup,
        only.as_ref(),
        &verb.version,
        verb.description.as_deref(),
        verb.reason.trim(),
        watcher,
    )
    .await;
    view.close();
    Ok(print_report(screen, "greylag.baseline/v1", &report?))
}
