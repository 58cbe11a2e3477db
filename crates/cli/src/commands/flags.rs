//! The options of a run that carries a plan out: `apply` and `undo` go by the same ones.

use super::apply::Run;
use crate::{
    output::Screen,
    problem::Problem,
    workplace::{Journal, Workplace},
};
use clap::Args;
use greylag_core::plan::Plan;
use greylag_orchestrator::{apply::Options, planning::Ask, project::parse_duration};
use std::time::Duration;

#[derive(Debug, Args)]
pub struct Flags {
    /// Only these shards
    #[arg(long, value_name = "SHARD", num_args = 1..)]
    pub only: Vec<String>,
    /// Leave out shards that can't be reached, and report them as unreached
    #[arg(long)]
    skip_unreachable: bool,
    /// End an orphan of ours that still holds a shard's lock: a session of a run in this state store that is dead
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
    /// End with 4 where all is done but what is held
    #[arg(long)]
    fail_on_held: bool,
}

impl Flags {
    pub fn journal(&self) -> Journal {
        match self.dry_run {
            true => Journal::Look,
            false => Journal::Write,
        }
    }

    /// The run that these ask for, of what is asked beside them.
    pub fn run(
        &self,
        place: &Workplace,
        saved: Option<Plan>,
        ask: Ask,
        screen: &Screen,
    ) -> Result<Run, Problem> {
        Ok(Run {
            saved,
            ask: Ask {
                skip_unreachable: self.skip_unreachable,
                ..ask
            },
            options: Options {
                take_over: self.take_over,
                attended: screen.attended && !self.no_wait,
                no_wait: self.no_wait,
                until: None,
                approved_digest: self.approved_digest.clone(),
                only: place.shards(&self.only)?,
            },
            wait: self.wait,
            dry_run: self.dry_run,
            yes: self.yes,
            fail_on_held: self.fail_on_held,
            aside: None,
        })
    }
}
