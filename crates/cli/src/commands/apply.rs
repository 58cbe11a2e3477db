//! `greylag apply`: carries a plan out and follows it.

mod rounds;

pub use rounds::carry;

use super::report::{print_summary, summary_line};
use crate::{
    arguments::Global,
    interrupt,
    output::{Format, Screen},
    problem::Problem,
    view,
    workplace::{self, Journal, Workplace, shown},
};
use clap::Args;
use greylag_core::{migration::Version, plan::Plan, policy};
use greylag_orchestrator::{
    Control, Exit, Notice,
    apply::{Options, Summary},
    planning::Ask,
    project::parse_duration,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Carries a plan out and follows it; takes up an unfinished rollout first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag apply                              plans, asks, and goes wave by wave
  greylag apply --yes                        from a pipeline
  greylag plan -o plan.json && greylag apply plan.json --yes
  greylag apply --to 42 --only eu-1 eu-2     up to V42, on two shards
  greylag apply --yes --output ndjson        one event a line, the last one a summary

^C lets what is in flight finish its current migration; a second ^C cancels it on the servers.
Whatever ends a run, the next `greylag apply` goes on where it stopped.")]
pub struct Apply {
    /// A plan saved by `greylag plan -o FILE`: carried out only while it is still true
    file: Option<PathBuf>,
    /// Up to and including this version
    #[arg(long, value_name = "V")]
    to: Option<Version>,
    /// Only these shards
    #[arg(long, value_name = "SHARD", num_args = 1..)]
    only: Vec<String>,
    /// Leave out shards that can't be reached, and report them as unreached
    #[arg(long)]
    skip_unreachable: bool,
    /// Claim databases that have tables and no identity; N says how many are expected
    #[arg(long, value_name = "N")]
    claim: Option<u32>,
    /// End an orphan of ours that still holds a shard's lock
    #[arg(long)]
    take_over: bool,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
    /// Approves every wave that asks, if this is the plan's digest
    #[arg(long, value_name = "DIGEST")]
    approved_digest: Option<String>,
    /// Connect and check, and write nothing anywhere
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for lag, locks, soak and gates before ending with 4
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "no_wait")]
    wait: Option<Duration>,
    /// End with 4 rather than wait for an approval, a window or a person: one who mends a replica, too
    #[arg(long)]
    no_wait: bool,
}

pub async fn run(verb: &Apply, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    match carry_out(verb, global, screen).await {
        Ok(exit) => Ok(exit),
        Err(problem) => {
            if screen.format == Format::Ndjson {
                // The last line is a summary, however the run ended.
                crate::output::print_problem(screen, &problem);
                screen.json(&summary_line(&problem));
                return Ok(problem.exit);
            }
            Err(problem)
        }
    }
}

async fn carry_out(verb: &Apply, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let saved = verb.file.as_deref().map(read_plan).transpose()?;
    let mode = if verb.dry_run {
        Journal::Look
    } else {
        Journal::Write
    };
    let place = workplace::open(global, screen, mode).await?;
    let only = place.shards(&verb.only)?;
    let ask = Ask {
        scope: match &saved {
            Some(plan) => plan.scope.clone(),
            None => policy::Scope {
                to: verb.to.clone(),
                only: only.clone(),
            },
        },
        claim: verb.claim,
        skip_unreachable: verb.skip_unreachable,
        ..Ask::default()
    };
    let options = Options {
        take_over: verb.take_over,
        attended: screen.attended && !verb.no_wait,
        no_wait: verb.no_wait,
        wait: verb.wait,
        approved_digest: verb.approved_digest.clone(),
        only,
    };
    let run = Run {
        saved,
        ask,
        options,
        dry_run: verb.dry_run,
        yes: verb.yes,
        aside: None,
    };
    follow(place, run, screen).await
}

/// One run of `apply`, whoever asked for it (the verb, `undo`, the demo).
pub struct Run {
    pub saved: Option<Plan>,
    pub ask: Ask,
    pub options: Options,
    pub dry_run: bool,
    pub yes: bool,
    /// Told of everything after the view was.
    pub aside: Option<Aside>,
}

/// Hears what the view hears, and may have the view say something.
pub type Aside = Arc<dyn Fn(&Notice, &Arc<view::View>) + Send + Sync>;

/// Surveys, plans, asks, applies and reports.
pub async fn follow(place: Workplace, run: Run, screen: &Screen) -> Result<Exit, Problem> {
    let control = Control::new();
    interrupt::listen(control.clone());
    let ended = carry(&place, run, screen, control).await?;
    match ended {
        Ended::Nothing(exit) => Ok(exit),
        Ended::Ran(summary, board) => {
            print_summary(screen, &summary, &board, &place);
            Ok(exit_of(&summary))
        }
    }
}

/// How a run ended.
pub enum Ended {
    /// It went no further than looking.
    Nothing(Exit),
    Ran(Box<Summary>, Box<view::Board>),
}

pub fn exit_of(summary: &Summary) -> Exit {
    Exit::from_code(summary.exit_code)
}

fn read_plan(file: &Path) -> Result<Plan, Problem> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Problem::usage(format!("the plan {} can't be read", shown(file))).because(&error)
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Problem::usage(format!(
            "{} is no plan of this version of greylag",
            shown(file)
        ))
        .because(&error)
        .hint(format!("make it anew: `greylag plan -o {}`", shown(file)))
    })
}
