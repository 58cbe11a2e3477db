//! From arguments to an exit code.

use crate::{
    arguments::Arguments,
    commands,
    output::{Screen, print_problem},
    problem::Problem,
};
use clap::Parser;
use greylag_orchestrator::Exit;
use std::process::ExitCode;
use tracing_subscriber::{EnvFilter, fmt};

pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to stdout with 0, mistakes to stderr with 2: both as clap has it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let screen = Screen::new(&arguments.global);
    log(arguments.global.verbose);
    let exit = match runtime().and_then(|runtime| {
        let exit = runtime.block_on(commands::run(&arguments, &screen));
        // A statement that is still being cancelled must not keep the terminal.
        runtime.shutdown_background();
        exit
    }) {
        Ok(exit) => exit,
        Err(problem) => {
            print_problem(&screen, &problem);
            problem.exit
        }
    };
    ExitCode::from(exit.code())
}

fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    // One thread: the work is the servers', and a wake-up across threads costs more than what it would run. SQLite and the
    // journal have threads of their own.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Problem::new(Exit::Error, "greylag can't start its threads").because(&error)
        })
}

/// What goes on inside, for `-v` and `GREYLAG_LOG`; never on stdout.
fn log(verbose: u8) {
    let usual = match verbose {
        0 => "greylag=warn",
        1 => "greylag=info",
        2 => "greylag=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("GREYLAG_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let _ = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(verbose > 0)
        .try_init();
}
