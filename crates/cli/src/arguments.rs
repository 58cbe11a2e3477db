//! What can be typed.

use crate::{commands, output::Format};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Rolls schema migrations out across fleets of databases.
#[derive(Debug, Parser)]
#[command(
    name = "greylag",
    version,
    max_term_width = 100,
    after_help = "Begin with `greylag demo`: it needs no server. A project begins with `greylag init`.\n\
                  Exit codes: 0 done, 1 error and nothing changed, 2 usage, 3 fleet split, 4 waiting,\n\
                  5 problems found, 6 refused by a guard."
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The project file; the nearest greylag.toml here or above is taken where none is named
    #[arg(long, global = true, value_name = "FILE", env = "GREYLAG_CONFIG")]
    pub config: Option<PathBuf>,
    /// How results are written (`apply` in ndjson: one event a line)
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub output: Format,
    /// No colours (NO_COLOR does the same)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Only results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More of what goes on; twice for more still
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(commands::demo::Demo),
    Init(commands::init::Init),
    New(commands::new::New),
    Lint(commands::lint::Lint),
    Doctor(commands::doctor::Doctor),
    Fleet(commands::fleet::Fleet),
    Plan(commands::plan::Plan),
    Apply(commands::apply::Apply),
    Status(commands::status::Status),
    Rollout(commands::rollout::Rollout),
    Baseline(commands::baseline::Baseline),
    Repair(commands::repair::Repair),
    Undo(commands::undo::Undo),
    Lab(commands::lab::Lab),
    Completions(commands::completions::Completions),
}
