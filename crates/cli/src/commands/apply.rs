//! `greylag apply`: carries a plan out and follows it.

use super::{
    flags::Flags,
    plan::{does_nothing, print_plan, without_statements},
    report::{print_summary, summary_line},
};
use crate::{
    arguments::Global,
    interrupt,
    output::{Format, Screen, count},
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
    Control, Exit, Notice, Watcher,
    apply::{self, Options, Summary},
    planning::{Ask, Prospect, look_ahead},
    survey::survey_fleet,
};
use std::{
    io::{BufRead, Write},
    path::{Path, PathBuf},
    sync::Arc,
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

/// Surveys, plans, asks and applies.
pub async fn carry(
    place: &Workplace,
    run: Run,
    screen: &Screen,
    control: Control,
) -> Result<Ended, Problem> {
    let setup = &place.setup;
    // What a person has said yes to.
    let mut agreed: Option<Arc<Plan>> = None;
    let holds = |agreed: &Option<Arc<Plan>>, plan: &Plan| {
        (agreed.as_ref()).is_some_and(|agreed| apply::check_saved(setup, agreed, plan).is_ok())
    };
    loop {
        let looking = view::open(screen, place.folder());
        let surveyed = survey_fleet(setup, run.ask.scope.only.as_ref(), &*looking).await;
        looking.close();
        let surveyed = surveyed?;
        let prospect = look_ahead(setup, &surveyed, &run.ask).await?;
        let plan = prospect.plan();
        let mut options = run.options.clone();
        if let Some(saved) = &run.saved {
            apply::check_saved(setup, saved, plan)?;
            let approved = run.options.approved_digest.as_deref();
            options.approved_digest = apply::approved_of_saved(saved, approved, plan)?;
        }
        if run.dry_run {
            print_plan(screen, plan, &prospect, place);
            screen.say("\nnothing was written (--dry-run)");
            let exit = past_holds(Exit::Done, run.fail_on_held, &plan.held);
            return Ok(Ended::Nothing(exit));
        }
        if !plan.stages.is_empty() && !run.yes && !holds(&agreed, plan) {
            confirm(screen, &prospect, place)?;
            agreed = Some(plan.clone());
        } else {
            for script in without_statements(plan, place) {
                screen.say(format!("note: {}", does_nothing(&script)));
            }
        }
        let view = view::open(screen, place.folder());
        let watcher = watcher(&view, run.aside.clone());
        let (ask, options, control) = (&run.ask, &options, control.clone());
        let ended = match &prospect {
            // What comes of it is looked at anew, and agreed to anew where it is another plan.
            Prospect::SettleFirst { .. } => {
                apply::settle_first(setup, &surveyed, &prospect, ask, options, control, watcher)
                    .await
            }
            _ => apply::apply(setup, surveyed, prospect, ask, options, control, watcher)
                .await
                .map(Some),
        };
        view.close();
        if let Some(summary) = ended? {
            return Ok(Ended::Ran(Box::new(summary), Box::new(view.board())));
        }
    }
}

fn watcher(view: &Arc<view::View>, aside: Option<Aside>) -> Arc<dyn Watcher> {
    let view = Arc::clone(view);
    match aside {
        None => view,
        Some(aside) => Arc::new(move |notice: &Notice| {
            view.notice(notice);
            aside(notice, &view);
        }),
    }
}

pub fn exit_of(summary: &Summary) -> Exit {
    Exit::from_code(summary.exit_code)
}

fn confirm(screen: &Screen, prospect: &Prospect, place: &Workplace) -> Result<(), Problem> {
    if !screen.attended || !screen.human() {
        return Err(Problem::usage("there is no terminal to ask on")
            .hint("look at it with `greylag plan`, then `greylag apply --yes`"));
    }
    print_plan(screen, prospect.plan(), prospect, place);
    let shards: usize = prospect
        .plan()
        .waves
        .iter()
        .map(|wave| wave.shards.len())
        .sum();
    let _ = write!(
        anstream::stderr(),
        "\nApply this to {}? [y/N] ",
        count(shards, "shard")
    );
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
