//! `greylag lab`: a real sharded, replicated fleet on this machine.

use crate::{
    output::{Paint, Screen, count, paint},
    problem::Problem,
    workplace::shown,
};
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use greylag_lab::{
    Engine,
    fleet::{self, FleetError, FleetOptions},
};
use greylag_orchestrator::Exit;
use serde_json::json;
use std::path::PathBuf;

/// Real servers on this machine, with replication, to try things on
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag lab up --engine postgres --shards 4 --replicas 1
  cd greylag-lab && greylag apply
  greylag lab pause shard-03/replica1        makes a replica lag; `resume` lets it catch up
  greylag lab down

Servers are those found in PATH, in /usr/lib/postgresql/*/bin, or in a given folder (--bin).")]
pub struct Lab {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Starts a fleet, with a ready greylag.toml
    #[command(
        after_help = "Examples:\n  greylag lab up\n  greylag lab up --engine mariadb --shards 3 --replicas 2\n  greylag lab up --bin /opt/postgresql-18/bin --dir pg18"
    )]
    Up {
        /// Whose servers
        #[arg(long, default_value = "postgres", value_parser = engines())]
        engine: Engine,
        /// How many shards, each on a primary of its own
        #[arg(long, value_name = "N", default_value_t = 4)]
        shards: usize,
        /// How many replicas each shard has
        #[arg(long, value_name = "N", default_value_t = 1)]
        replicas: usize,
        /// The project's folder
        #[arg(long, default_value = "greylag-lab")]
        dir: PathBuf,
        /// The folder with the server programs
        #[arg(long)]
        bin: Option<PathBuf>,
    },
    /// Ends the servers and removes all that `up` made
    #[command(after_help = "Example:\n  greylag lab down --dir pg18")]
    Down {
        /// The project's folder
        #[arg(long, default_value = "greylag-lab")]
        dir: PathBuf,
    },
    /// Stops replaying on a replica; it goes on receiving
    #[command(after_help = "Example:\n  greylag lab pause shard-03/replica1")]
    Pause {
        /// The replica, as SHARD/NAME
        replica: String,
        /// The project's folder
        #[arg(long, default_value = "greylag-lab")]
        dir: PathBuf,
    },
    /// Lets a replica replay again
    #[command(after_help = "Example:\n  greylag lab resume shard-03/replica1")]
    Resume {
        /// The replica, as SHARD/NAME
        replica: String,
        /// The project's folder
        #[arg(long, default_value = "greylag-lab")]
        dir: PathBuf,
    },
    /// What runs
    #[command(after_help = "Example:\n  greylag lab status --dir pg18")]
    Status {
        /// The project's folder
        #[arg(long, default_value = "greylag-lab")]
        dir: PathBuf,
    },
}

pub async fn run(verb: &Lab, screen: &Screen) -> Result<Exit, Problem> {
    let progress = |step: &str| screen.say(format!("  {step}"));
    match &verb.verb {
        Verb::Up {
            engine,
            shards,
            replicas,
            dir,
            bin,
        } => {
            let options = FleetOptions {
                engine: *engine,
                shards: *shards,
                replicas: *replicas,
                dir: dir.clone(),
                bin: bin.clone(),
            };
            let fleet = fleet::up(&options, &progress).await.map_err(problem)?;
            if screen.human() {
                screen.result(format!(
                    "{} {} of {} {} run, with {} each; the project is {}",
                    paint(Paint::Good, "✓"),
                    count(*shards, "shard"),
                    fleet.engine,
                    fleet.version,
                    count(*replicas, "replica"),
                    shown(&fleet.config()),
                ));
                let cd = shown(&fleet.dir);
                screen.say(format!(
                    "\nNext:\n  cd {cd} && greylag apply\n  greylag lab down --dir {cd}"
                ));
            } else {
                screen.document(
                    "greylag.lab/v1",
                    &json!({
                        "config": fleet.config(),
                        "engine": fleet.engine,
                        "version": fleet.version,
                        "nodes": fleet.nodes,
                    }),
                );
            }
        }
        Verb::Down { dir } => {
            let removed = fleet::down(&here(dir), &progress).map_err(problem)?;
            if screen.human() {
                screen.result(format!(
                    "{} {} ended, their data is gone",
                    paint(Paint::Good, "✓"),
                    count(removed.ended, "server")
                ));
                for kept in &removed.kept {
                    screen.result(format!(
                        "{} was changed since `up`, and is kept",
                        shown(kept)
                    ));
                }
            } else {
                screen.document(
                    "greylag.lab-down/v1",
                    &json!({"ended": removed.ended, "kept": removed.kept}),
                );
            }
        }
        Verb::Pause { replica, dir } => {
            fleet::pause(&here(dir), replica).await.map_err(problem)?;
            told(screen, replica, false);
        }
        Verb::Resume { replica, dir } => {
            fleet::resume(&here(dir), replica).await.map_err(problem)?;
            told(screen, replica, true);
        }
        Verb::Status { dir } => {
            let (fleet, nodes) = fleet::status(&here(dir)).map_err(problem)?;
            if screen.human() {
                screen.result(format!(
                    "{} {} in {}",
                    fleet.engine,
                    fleet.version,
                    shown(&fleet.dir)
                ));
                for node in &nodes {
                    let state = match node.running {
                        true => paint(Paint::Good, "runs"),
                        false => paint(Paint::Bad, "down"),
                    };
                    screen.result(format!(
                        "  {:<12} {:<10} 127.0.0.1:{}  {state}",
                        node.node.shard, node.node.role, node.node.port
                    ));
                }
            } else {
                let nodes: Vec<_> = nodes
                    .iter()
                    .map(|node| json!({"shard": node.node.shard, "role": node.node.role, "port": node.node.port, "running": node.running}))
                    .collect();
                screen.document(
                    "greylag.lab/v1",
                    &json!({"engine": fleet.engine, "version": fleet.version, "nodes": nodes}),
                );
            }
        }
    }
    Ok(Exit::Done)
}

fn told(screen: &Screen, replica: &str, replays: bool) {
    if !screen.human() {
        let body = json!({"replica": replica, "replays": replays});
        screen.document("greylag.lab-replay/v1", &body);
        return;
    }
    let how = match replays {
        true => "replays again",
        false => "replays nothing until it is resumed",
    };
    screen.result(format!("{} {replica} {how}", paint(Paint::Good, "✓")));
}

/// The lab's folder: as named, or this one where the lab is right here.
fn here(dir: &std::path::Path) -> PathBuf {
    let is_usual = dir == std::path::Path::new("greylag-lab");
    match is_usual && !dir.exists() && std::path::Path::new("lab.json").exists() {
        true => PathBuf::from("."),
        false => dir.to_owned(),
    }
}

pub fn problem(error: FleetError) -> Problem {
    let exit = match &error {
        FleetError::Exists { .. }
        | FleetError::WouldOverwrite { .. }
        | FleetError::NoLab { .. }
        | FleetError::NoShards
        | FleetError::NoReplica { .. }
        | FleetError::NotThere { .. } => Exit::Usage,
        _ => Exit::Error,
    };
    let mut problem = Problem::new(exit, error.to_string());
    let mut cause = std::error::Error::source(&error);
    while let Some(found) = cause {
        problem.causes.push(found.to_string());
        cause = found.source();
    }
    problem
}

/// Those that have servers.
pub fn engines() -> impl TypedValueParser<Value = Engine> {
    PossibleValuesParser::new(["postgres", "mysql", "mariadb"])
        .try_map(|name| name.parse::<Engine>())
}
