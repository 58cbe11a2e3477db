//! `greylag repair`: mends histories.

use super::{report::print_report, rollout::given};
use crate::{
    arguments::Global,
    output::Screen,
    problem::Problem,
    view,
    workplace::{self, Journal},
};
use clap::Args;
use greylag_core::migration::MigrationId;
use greylag_orchestrator::{Exit, Watcher, operations};
use std::{
    io::{BufRead, Write},
    sync::Arc,
};

/// Mends histories: failed rows, checksums of edited files, files that are gone
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag repair --dry-run
  greylag repair V42 --reason \"the comment was edited\"
  greylag repair V41 --reason \"its file was removed on purpose\"

Runs no migration: shards that have the old text keep what it did. An applied migration whose file is gone is
taken back only where it is named: a row of type DELETE says that it counts as never applied. One that is newer than any
file here is taken back with --gone only: a checkout may be older than its fleet.")]
pub struct Repair {
    /// Only this migration, such as V42
    migration: Option<MigrationId>,
    /// Only these shards
    #[arg(long, value_name = "SHARD", num_args = 1..)]
    only: Vec<String>,
    /// Why, for the journal
    #[arg(long, required_unless_present = "dry_run", default_value = "")]
    reason: String,
    /// Its file is gone for good: take it back though it is newer than any file here
    #[arg(long, requires = "migration")]
    gone: bool,
    /// Say what would be mended, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

pub async fn run(verb: &Repair, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let mode = if verb.dry_run {
        Journal::Look
    } else {
        Journal::Write
    };
    let reason = match verb.dry_run {
        true => String::new(),
        false => given(&verb.reason)?,
    };
    let place = workplace::open(global, screen, mode).await?;
    let only = place.shards(&verb.only)?;
    if !verb.dry_run {
        let what = verb
            .migration
            .as_ref()
            .map_or("all histories".into(), |id| {
                format!("the histories of {id}")
            });
        confirm(screen, verb.yes, &format!("Mend {what}?"))?;
    }
    let view = view::open(screen, place.folder());
    let watcher = Arc::clone(&view) as Arc<dyn Watcher>;
    let wanted = operations::Repair {
        migration: verb.migration.clone(),
        only,
        gone: verb.gone,
        dry_run: verb.dry_run,
        reason,
    };
    let report = operations::repair(&place.setup, &wanted, watcher).await;
    view.close();
    Ok(print_report(screen, "greylag.repair/v1", &report?))
}

/// Asks on a terminal; without one, `--yes` must have said it.
pub fn confirm(screen: &Screen, yes: bool, question: &str) -> Result<(), Problem> {
    if yes {
        return Ok(());
    }
    if !screen.attended || !screen.human() {
        return Err(
            Problem::usage("there is no terminal to ask on").hint("say `--yes` to go ahead")
        );
    }
    let _ = write!(anstream::stderr(), "{question} [y/N] ");
    let _ = anstream::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Problem::new(
            Exit::Error,
            "not confirmed; nothing was touched",
        )),
    }
}
