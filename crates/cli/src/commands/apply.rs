//! `greylag apply`: carries a plan out and follows it.

mod rounds;

pub use rounds::carry;

use super::{
    flags::Flags,
    report::{print_summary, summary_line},
};
use crate::{
    arguments::Global,
    interrupt,
    output::{Format, Screen},
    problem::Problem,
    view,
    workplace::{self, Workplace, shown},
};
use clap::Args;
use greylag_core::{
    migration::Version,
    plan::{Held, Plan},
    policy,
};
use greylag_orchestrator::{
    Control, Exit, Notice,
    apply::{Options, Summary},
    planning::Ask,
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
  greylag apply --yes --fail-on-held         4 where something is held, all else being done

^C lets what is in flight finish its current migration; a second ^C cancels it on the servers.
Whatever ends a run, the next `greylag apply` goes on where it stopped.")]
pub struct Apply {
    /// A plan saved by `greylag plan -o FILE`: carried out only while it is still true
    file: Option<PathBuf>,
    /// Up to and including this version
    #[arg(long, value_name = "V")]
    to: Option<Version>,
    /// Claim databases that have tables and no identity; N says how many are expected
    #[arg(long, value_name = "N")]
    claim: Option<u32>,
    #[command(flatten)]
    flags: Flags,
}

pub async fn run(verb: &Apply, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    match carry_out(verb, global, screen).await {
        Err(problem) => ended_early(screen, problem),
        done => done,
    }
}

/// The last line of NDJSON is a summary, however the run ended.
pub fn ended_early(screen: &Screen, problem: Problem) -> Result<Exit, Problem> {
    if screen.format != Format::Ndjson {
        return Err(problem);
    }
    crate::output::print_problem(screen, &problem);
    screen.json(&summary_line(&problem));
    Ok(problem.exit)
}

async fn carry_out(verb: &Apply, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let saved = verb.file.as_deref().map(read_plan).transpose()?;
    let place = workplace::open(global, screen, verb.flags.journal()).await?;
    let ask = Ask {
        scope: match &saved {
            Some(plan) => plan.scope.clone(),
            None => policy::Scope {
                to: verb.to.clone(),
                only: place.shards(&verb.flags.only)?,
            },
        },
        claim: verb.claim,
        ..Ask::default()
    };
    let run = verb.flags.run(&place, saved, ask, screen)?;
    follow(place, run, screen).await
}

/// One run of `apply`, whoever asked for it (the verb, `undo`, the demo).
pub struct Run {
    pub saved: Option<Plan>,
    pub ask: Ask,
    pub options: Options,
    /// How long is waited in all, of whatever needs no person.
    pub wait: Option<Duration>,
    pub dry_run: bool,
    pub yes: bool,
    /// What is held makes a run that is otherwise done end with 4.
    pub fail_on_held: bool,
    /// Told of everything after the view was.
    pub aside: Option<Aside>,
}

/// Hears what the view hears, and may have the view say something.
pub type Aside = Arc<dyn Fn(&Notice, &Arc<view::View>) + Send + Sync>;

/// Surveys, plans, asks, applies and reports.
pub async fn follow(place: Workplace, run: Run, screen: &Screen) -> Result<Exit, Problem> {
    let control = Control::new();
    interrupt::listen(control.clone());
    let fail_on_held = run.fail_on_held;
    let ended = carry(&place, run, screen, control).await?;
    match ended {
        Ended::Nothing(exit) => Ok(exit),
        Ended::Ran(mut summary, board) => {
            let exit = past_holds(exit_of(&summary), fail_on_held, &summary.held);
            let is_held = exit != exit_of(&summary);
            summary.exit_code = exit.code();
            print_summary(screen, &summary, &board, &place);
            if is_held {
                screen.say("all else is done; this ends with 4 for what is held (--fail-on-held)");
            }
            Ok(exit)
        }
    }
}

/// `--fail-on-held`: all else is done, and that is not enough.
pub fn past_holds(exit: Exit, fail_on_held: bool, held: &[Held]) -> Exit {
    match exit {
        Exit::Done if fail_on_held && !held.is_empty() => Exit::Waiting,
        _ => exit,
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
