//! `greylag lint`: what migrations will do to readers, replicas and shards.

mod applied;
mod changed;
mod rewrite;
mod scope;
mod seen;
mod trace;

use crate::{
    arguments::Global,
    output::{
        Format, Screen, count,
        lint::{self, Reviewed, Shape},
    },
    problem::Problem,
};
use clap::{Args, ValueEnum};
use greylag_core::{engine::Engine, migration::Version};
use greylag_lint::{Severity, rules};
use greylag_orchestrator::Exit;
use rewrite::write_fixes;
use scope::Scope;
use std::path::PathBuf;

/// Reviews migrations: locks, rewrites, what reaches replicas, what breaks on shards
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag lint                                 all of the project's migrations
  greylag lint --since origin/main             only files that the branch adds or changes
  greylag lint migrations/V42__add_total.sql   this file, knowing those before it
  greylag lint --fleet                         what is pending, by the fleet's sizes, versions and standbys
  greylag lint --since origin/main --trace     and what it really does, on scratch servers of this machine
  greylag lint --engine postgres some/folder   without a project file
  greylag lint --explain add-index-blocking    what a rule finds, why, and what to do
  greylag lint --fix --since origin/main       write the rewrites that are mechanical
  greylag lint --format sarif > lint.sarif     also: github, gitlab, json
Exit codes: 0 no errors, 5 errors (or as --fail-on says).
A finding is let pass by a line in the file: -- greylag:allow RULE because REASON")]
pub struct Lint {
    /// Files or folders to judge; all of the project's migrations where none is named
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only files that differ from this git revision, and new ones
    #[arg(long, value_name = "REF", conflicts_with = "paths")]
    since: Option<String>,
    /// Only versions after this one, and repeatables
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["paths", "since"])]
    from: Option<Version>,
    /// Look at the fleet: what is pending is judged by table sizes, server versions, standbys and slots
    #[arg(long)]
    fleet: bool,
    /// Run what is judged on a scratch primary with a replica, after what comes before it, and say what each statement really
    /// locks, writes anew and logs
    #[arg(long, conflicts_with = "fix")]
    trace: bool,
    /// Leave out shards that can't be reached
    #[arg(long, requires = "fleet")]
    skip_unreachable: bool,
    /// The engine that the files are for; taken from the project's shards where it is left out
    #[arg(long, value_name = "ENGINE", value_parser = engine)]
    engine: Vec<Engine>,
    /// How findings are written
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Shape>,
    /// Write the rewrites of findings that have one, in place and as new files beside; of paths, `--since`, `--from`, or with
    /// `--fleet` of what no shard has yet
    #[arg(long, conflicts_with = "format")]
    fix: bool,
    /// The least severity that ends with 5
    #[arg(
        long,
        value_enum,
        value_name = "SEVERITY",
        default_value = "error",
        hide_possible_values = false
    )]
    fail_on: FailOn,
    /// Say what a rule finds, why, and what to do instead
    #[arg(long, value_name = "RULE", exclusive = true)]
    explain: Option<String>,
    /// List all rules
    #[arg(long, exclusive = true)]
    rules: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Note,
    Never,
}

impl FailOn {
    fn is_met(self, worst: Option<Severity>) -> bool {
        let least = match self {
            FailOn::Error => Severity::Error,
            FailOn::Warning => Severity::Warning,
            FailOn::Note => Severity::Note,
            FailOn::Never => return false,
        };
        worst.is_some_and(|worst| worst >= least)
    }
}

pub async fn run(verb: &Lint, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    if verb.rules {
        lint::print_rules(screen);
        return Ok(Exit::Done);
    }
    if let Some(rule) = &verb.explain {
        return explain(screen, rule);
    }
    let named = !verb.paths.is_empty() || verb.since.is_some() || verb.from.is_some();
    if verb.fix && !named && !verb.fleet {
        return Err(Problem::usage("`--fix` rewrites files, and none is named").hint(
            "name files or folders, or say `--since REF`, `--from VERSION`, or `--fleet` for what no shard has yet",
        ));
    }
    let mut scope = Scope::open(verb, global, screen).await?;
    let (mut report, judged) = scope.review(verb)?;
    if verb.trace {
        trace::trace(verb, &scope, screen, &mut report).await?;
    }
    if verb.fix {
        return write_fixes(verb, screen, &mut scope, &report).await;
    }
    let reviewed = Reviewed {
        report: &report,
        files: &scope.files,
        judged,
        seen: scope.seen.as_ref().map(|seen| &seen.gathered),
    };
    let shape = verb.format.unwrap_or(match screen.format {
        Format::Human => Shape::Human,
        Format::Json | Format::Ndjson => Shape::Json,
    });
    lint::print(screen, shape, &reviewed);
    if verb.fail_on.is_met(report.worst()) {
        return Ok(Exit::Problems);
    }
    match scope.seen.as_ref().map(|seen| seen.gathered.dark().count()) {
        // Nothing was found where nobody looked.
        Some(dark) if dark > 0 && !verb.skip_unreachable => {
            let shards = count(dark, "shard");
            let problem = Problem::new(Exit::Error, format!("{shards} could not be looked at"));
            Err(problem.hint("`--skip-unreachable` leaves them out on purpose"))
        }
        _ => Ok(Exit::Done),
    }
}

fn engine(name: &str) -> Result<Engine, String> {
    let known = Engine::ALL.into_iter().find(|e| e.as_str() == name);
    known.ok_or_else(|| {
        let all = Engine::ALL.map(Engine::as_str).join(", ");
        format!("one of {all} is expected")
    })
}

fn explain(screen: &Screen, id: &str) -> Result<Exit, Problem> {
    match rules::find(id) {
        Some(rule) => {
            lint::print_rule(screen, rule);
            Ok(Exit::Done)
        }
        None => {
            let problem = Problem::usage(format!("there is no rule `{id}`"));
            Err(problem.hint(match rules::nearest(id) {
                Some(near) => format!("did you mean `{near}`? `greylag lint --rules` lists all"),
                None => "`greylag lint --rules` lists all".to_owned(),
            }))
        }
    }
}
