//! `greylag completions`: what a shell needs to complete commands.

use crate::{arguments::Arguments, problem::Problem};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use greylag_orchestrator::Exit;

/// Prints completions for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  greylag completions bash > /etc/bash_completion.d/greylag\n  greylag completions zsh > ~/.zfunc/_greylag\n  greylag completions fish > ~/.config/fish/completions/greylag.fish"
)]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(verb: &Completions) -> Result<Exit, Problem> {
    let mut command = Arguments::command();
    let mut text = Vec::new();
    clap_complete::generate(verb.shell, &mut command, "greylag", &mut text);
    // A reader that has had enough (`| head`) is no error.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &text);
    Ok(Exit::Done)
}
