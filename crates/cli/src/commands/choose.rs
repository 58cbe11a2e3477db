//! Which verb was asked for.

use super::*;
use crate::{
    arguments::{Arguments, Command},
    output::Screen,
    problem::Problem,
};
use greylag_orchestrator::Exit;

pub async fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Problem> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(verb) => demo::run(verb, screen).await,
        Command::Init(verb) => init::run(verb, screen),
        Command::New(verb) => new::run(verb, global, screen),
        Command::Lint(verb) => lint::run(verb, global, screen).await,
        Command::Doctor(verb) => doctor::run(verb, global, screen).await,
        Command::Fleet(verb) => fleet::run(verb, global, screen).await,
        Command::Plan(verb) => plan::run(verb, global, screen).await,
        Command::Apply(verb) => apply::run(verb, global, screen).await,
        Command::Status(verb) => status::run(verb, global, screen).await,
        Command::Rollout(verb) => rollout::run(verb, global, screen).await,
        Command::Baseline(verb) => baseline::run(verb, global, screen).await,
        Command::Repair(verb) => repair::run(verb, global, screen).await,
        Command::Undo(verb) => undo::run(verb, global, screen).await,
        Command::Lab(verb) => lab::run(verb, screen).await,
        Command::Completions(verb) => completions::run(verb),
    }
}
