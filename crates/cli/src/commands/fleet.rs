//! `greylag fleet`: who is there, and who is who.

mod list;

use super::{report::print_report, rollout::given};
use crate::{
    arguments::Global,
    output::{Paint, Screen, paint},
    problem::Problem,
    workplace::{self, Journal, Workplace},
};
use clap::{Args, Subcommand};
use greylag_core::{fleet::ShardName, identity::Forgotten, node::NodeName};
use greylag_orchestrator::{
    Exit,
    operations::{self, OperationReport},
};
use list::{List, list};
use serde_json::json;
use std::fmt::Display;

/// Finds and lists the shards and their nodes; settles who is who
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  greylag fleet                              who is there, asked on each of them
  greylag fleet --watch                      how far behind each replica is, and why
  greylag fleet list --offline               what discovery finds, without connecting to any
  greylag fleet accept eu-7 --reason \"moved to rack 4\"
  greylag fleet rebrand eu-7 --reason \"copied from eu-6\"
  greylag fleet forget eu-9 --reason \"decommissioned\"
  greylag fleet forget eu-7/replica2 --reason \"scaled down\""
)]
pub struct Fleet {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The shards and their nodes, and what they say of themselves
    List(List),
    /// Shards moved: they are believed at their new places
    #[command(
        after_help = "Examples:\n  greylag fleet accept eu-7 --reason \"moved to rack 4\"\n  greylag fleet accept eu-7 eu-8 --reason \"new storage\""
    )]
    Accept {
        #[command(flatten)]
        which: Which,
    },
    /// Databases are copies: they get identities of their own
    #[command(after_help = "Example:\n  greylag fleet rebrand eu-7 --reason \"copied from eu-6\"")]
    Rebrand {
        #[command(flatten)]
        which: Which,
    },
    /// Shards, or nodes of them, are gone: they are expected no more
    #[command(
        after_help = "Examples:\n  greylag fleet forget eu-9 --reason \"decommissioned\"\n  greylag fleet forget eu-7/replica2 --reason \"scaled down\"\n\nThe databases are not touched. Take shards out of greylag.toml, too. A node is forgotten where `replicas = \"auto\"`, by the name or the address that `greylag fleet` shows; once it follows its primary again, it is expected again. A rollout that waits for it goes on."
    )]
    Forget(Gone),
}

#[derive(Debug, Args)]
struct Which {
    /// Their names
    #[arg(required = true, value_name = "SHARD")]
    shards: Vec<String>,
    /// Why, for the next person
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
struct Gone {
    /// Their names
    #[arg(required = true, value_name = "SHARD[/NODE]")]
    names: Vec<String>,
    /// Why, for the next person
    #[arg(long)]
    reason: String,
}

/// What is gone.
enum Missed {
    Shard(ShardName),
    Node(NodeName),
}

pub async fn run(verb: &Fleet, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    match &verb.verb {
        None => list(&verb.list, global, screen).await,
        Some(Verb::List(verb)) => list(verb, global, screen).await,
        Some(Verb::Accept { which }) => {
            let place = workplace::open(global, screen, Journal::Write).await?;
            let mut report = OperationReport { shards: Vec::new() };
            let (shards, reason) = which.of(&place)?;
            for shard in shards {
                let one = operations::accept(&place.setup, &shard, &reason).await?;
                report.shards.push(one);
            }
            Ok(print_report(screen, "greylag.fleet-accept/v1", &report))
        }
        Some(Verb::Rebrand { which }) => {
            let place = workplace::open(global, screen, Journal::Write).await?;
            let mut report = OperationReport { shards: Vec::new() };
            let (shards, reason) = which.of(&place)?;
            for shard in shards {
                let one = operations::rebrand(&place.setup, &shard, &reason).await?;
                report.shards.push(one);
            }
            Ok(print_report(screen, "greylag.fleet-rebrand/v1", &report))
        }
        Some(Verb::Forget(gone)) => forget(gone, global, screen).await,
    }
}

impl Which {
    /// The shards, each one of the fleet, and the reason.
    fn of(&self, place: &Workplace) -> Result<(Vec<ShardName>, String), Problem> {
        let reason = given(&self.reason)?;
        let shards = self.shards.iter().map(|name| place.shard(name));
        Ok((shards.collect::<Result<_, _>>()?, reason))
    }
}

impl Missed {
    fn read(text: &str) -> Result<Self, Problem> {
        let shard = |text: &str| {
            let name = text.parse::<ShardName>();
            name.map_err(|error| Problem::usage(error.to_string()))
        };
        // No name of a shard has a slash; one of a node may.
        Ok(match text.split_once('/') {
            // An empty variable in a script, most likely.
            Some((of, node)) if node.trim().is_empty() => {
                let shard = shard(of)?;
                return Err(Problem::usage(format!(
                    "`{text}` names no node of shard `{shard}`: there is nothing behind the slash"
                ))
                .hint(format!(
                    "`greylag fleet` shows the nodes; `greylag fleet forget {shard} --reason …` forgets the shard"
                )));
            }
            Some((of, node)) => Self::Node(NodeName {
                shard: shard(of)?,
                node: node.into(),
            }),
            None => Self::Shard(shard(text)?),
        })
    }
}

async fn forget(gone: &Gone, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, Journal::Write).await?;
    let reason = given(&gone.reason)?;
    let missed = gone.names.iter().map(|name| Missed::read(name));
    let missed = missed.collect::<Result<Vec<_>, _>>()?;
    let (mut shards, mut nodes) = (Vec::new(), Vec::new());
    for one in missed {
        match one {
            // Gone from the project already, most likely: so not looked up in the fleet.
            Missed::Shard(name) => {
                if !operations::forget(&place.setup, &name, &reason).await? {
                    return Err(never_seen(&name));
                }
                tell(screen, &name);
                if screen.human() && place.setup.fleet.get(&name).is_some() {
                    screen
                        .say("the project still names it: the next look at the fleet sees it anew");
                }
                shards.push(name);
            }
            Missed::Node(node) => {
                match operations::forget_node(&place.setup, &node, &reason).await? {
                    Forgotten::Nodes(_) => tell(screen, &node),
                    Forgotten::Unknown => return Err(never_seen(&node)),
                    Forgotten::Primary => {
                        return Err(Problem::usage(format!(
                            "`{node}` is where the shard's primary was seen last, and is not forgotten by itself: `greylag fleet forget {} --reason …` forgets the shard",
                            node.shard
                        )));
                    }
                }
                nodes.push(node);
            }
        }
    }
    if !screen.human() {
        screen.document(
            "greylag.fleet-forget/v1",
            &json!({"shards": shards, "nodes": nodes, "forgotten": true}),
        );
    }
    Ok(Exit::Done)
}

fn never_seen(what: &impl Display) -> Problem {
    Problem::usage(format!(
        "`{what}` was never seen, so that there is nothing to forget"
    ))
}

fn tell(screen: &Screen, what: &impl Display) {
    if screen.human() {
        let mark = paint(Paint::Good, "✓");
        screen.result(format!("{mark} {what} is expected no more"));
    }
}
