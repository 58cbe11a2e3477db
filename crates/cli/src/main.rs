//! The command line of Greylag: one file per verb.
//!
//! Knows terminals and words; everything else is asked of the orchestrator.

mod arguments;
mod commands;
mod demo;
mod interrupt;
mod mistake;
mod output;
mod problem;
mod run;
mod view;
mod workplace;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main()
}
