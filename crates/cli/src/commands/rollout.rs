//! `greylag rollout`: steers a rollout, from this terminal or another.

use crate::{
    arguments::Global,
    output::{Paint, Screen, clock, count, paint, short_digest},
    problem::Problem,
    view::{Board, Teller},
    workplace::{self, Journal, Workplace},
};
use clap::{ArgGroup, Args, Subcommand};
use greylag_core::{fleet::ShardName, migration::MigrationId, node::NodeName};
use greylag_orchestrator::{
    Exit, Notice,
    steering::{self, Recorded, Request},
};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;

/// Steers a rollout: from a second terminal while `apply` runs, or between two runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  greylag rollout list
  greylag rollout pause --reason \"checkout is slow\"
  greylag rollout approve --digest sha256:…
  greylag rollout retry eu-17 && greylag apply
  greylag rollout skip eu-17 --reason \"decommissioned tomorrow\"
  greylag rollout settle eu-17 V42 --applied --reason \"the index is there\"

What is acknowledged is durable: whoever carries the rollout on goes by it.")]
pub struct Rollout {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All rollouts, newest first
    #[command(
        after_help = "Examples:\n  greylag rollout list\n  greylag rollout list --output json"
    )]
    List,
    /// One rollout: its waves, shards and events
    #[command(
        after_help = "Examples:\n  greylag rollout show\n  greylag rollout show --events\n  greylag rollout show 20261122-1538"
    )]
    Show {
        /// Its id, or the beginning of it [default: the newest]
        rollout: Option<String>,
        /// Each event
        #[arg(long)]
        events: bool,
    },
    /// Nothing new starts until `resume`
    #[command(after_help = "Example:\n  greylag rollout pause --reason \"checkout is slow\"")]
    Pause {
        /// Why, for those who wait
        #[arg(long)]
        reason: Option<String>,
    },
    /// Goes on after a pause
    #[command(after_help = "Example:\n  greylag rollout resume && greylag apply")]
    Resume,
    /// Ends it; what is applied stays
    #[command(
        after_help = "Example:\n  greylag rollout abort --reason \"the release was withdrawn\""
    )]
    Abort {
        /// Why, for the next person
        #[arg(long)]
        reason: Option<String>,
        /// Don't ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Lets a wave that asks for it begin
    #[command(
        after_help = "Examples:\n  greylag rollout approve\n  greylag rollout approve --wave \"small batch\" --digest sha256:…"
    )]
    Approve {
        /// The wave [default: the one that waits]
        #[arg(long)]
        wave: Option<String>,
        /// Only if this is the plan's digest
        #[arg(long)]
        digest: Option<String>,
    },
    /// Failed shards are tried again
    #[command(
        after_help = "Examples:\n  greylag rollout retry eu-17 && greylag apply\n  greylag rollout retry                      every shard that failed"
    )]
    Retry {
        /// Their names [default: all that failed]
        #[arg(value_name = "SHARD")]
        shards: Vec<String>,
    },
    /// Leaves shards out of this rollout; they stay pending
    #[command(
        after_help = "Example:\n  greylag rollout skip eu-17 --reason \"decommissioned tomorrow\" && greylag apply"
    )]
    Skip {
        /// Their names
        #[arg(required = true, value_name = "SHARD")]
        shards: Vec<String>,
        /// Why, for the next person
        #[arg(long)]
        reason: String,
    },
    /// Says what became of a migration where the catalog can't tell
    #[command(
        group = ArgGroup::new("what").required(true).args(["applied", "absent"]),
        after_help = "Examples:\n  greylag rollout settle eu-17 V42 --applied --reason \"the index is there\"\n  greylag rollout settle eu-17 V42 --absent --reason \"neither table nor index is there\"\n  greylag rollout settle eu-17 V42 --on reports --applied --reason \"the subscriber has the index\""
    )]
    Settle {
        /// Its name
        shard: String,
        /// Such as V42
        migration: MigrationId,
        /// All of it happened
        #[arg(long)]
        applied: bool,
        /// None of it happened
        #[arg(long)]
        absent: bool,
        /// On this logical subscriber of the shard, not on its primary; the shard is tried again
        #[arg(long, value_name = "NODE")]
        on: Option<String>,
        /// Why, for the next person
        #[arg(long)]
        reason: String,
    },
}

pub async fn run(verb: &Rollout, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let reads = matches!(verb.verb, Verb::List | Verb::Show { .. });
    let mode = if reads { Journal::Look } else { Journal::Write };
    let place = match &verb.verb {
        // It connects to the shard; the others work on the journal alone.
        Verb::Settle { .. } => workplace::open_without_files(global, screen, mode).await?,
        _ => workplace::open_for_steering(global, mode).await?,
    };
    let request = match &verb.verb {
        Verb::List => return list(&place, screen).await,
        Verb::Show { rollout, events } => {
            return show(&place, screen, rollout.as_deref(), *events).await;
        }
        Verb::Pause { reason } => Request::Pause {
            reason: reason.clone(),
        },
        Verb::Resume => Request::Resume,
        Verb::Abort { reason, yes } => {
            if !yes && !screen.attended {
                return Err(Problem::usage("there is no terminal to ask on").hint(
                    "`greylag rollout abort --yes` ends the rollout; `pause` only halts it",
                ));
            }
            if !yes {
                sure()?;
            }
            Request::Abort {
                reason: reason.clone(),
            }
        }
        Verb::Approve { wave, digest } => Request::Approve {
            wave: wave.clone(),
            digest: digest.clone(),
        },
        Verb::Retry { shards } => Request::Retry {
            shards: names(shards)?,
        },
        Verb::Skip { shards, reason } => Request::Skip {
            shards: names(shards)?,
            reason: given(reason)?,
        },
        Verb::Settle {
            shard,
            migration,
            applied,
            reason,
            on,
            ..
        } => {
            let shard = names(std::slice::from_ref(shard))?.remove(0);
            let node = on.as_ref().map(|node| NodeName {
                shard: shard.clone(),
                node: node.rsplit('/').next().unwrap_or(node).into(),
            });
            Request::Settle {
                shard,
                migration: migration.clone(),
                applied: *applied,
                reason: given(reason)?,
                node,
            }
        }
    };
    let done = steering::steer(&place.setup, None, request).await?;
    if screen.human() {
        screen.result(format!("{} {}", paint(Paint::Good, "✓"), done.what));
        if !done.running {
            screen.say(what_now(&place, &done.rollout).await?);
        }
    } else {
        screen.document(
            "greylag.steering/v1",
            &json!({"rollout": done.rollout, "what": done.what, "running": done.running}),
        );
    }
    Ok(Exit::Done)
}

/// Where nobody is at work: whether there is anything left to go on with.
async fn what_now(place: &Workplace, rollout: &str) -> Result<String, Problem> {
    let rows = steering::list(&place.setup).await?;
    let ended = rows.into_iter().find(|row| row.id == rollout);
    let apply = paint(Paint::Name, "greylag apply");
    Ok(match ended.and_then(|row| row.ended).as_deref() {
        None => format!("go on with {apply}"),
        Some("done") => format!(
            "that was all of this rollout; what is still pending is planned by the next {apply}"
        ),
        Some(ended) => format!("this rollout is {ended}; the next {apply} plans anew"),
    })
}

async fn list(place: &Workplace, screen: &Screen) -> Result<Exit, Problem> {
    let rows = steering::list(&place.setup).await?;
    if !screen.human() {
        screen.document("greylag.rollouts/v1", &json!({"rollouts": rows}));
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        screen.say("there has been no rollout yet");
    }
    for row in rows {
        screen.result(format!(
            "{}  {}  {:<10}  {}",
            row.id,
            clock(row.begun),
            row.ended.as_deref().unwrap_or("unfinished"),
            short_digest(&row.digest),
        ));
    }
    Ok(Exit::Done)
}

async fn show(
    place: &Workplace,
    screen: &Screen,
    rollout: Option<&str>,
    events: bool,
) -> Result<Exit, Problem> {
    let recorded = steering::show(&place.setup, rollout).await?;
    if !screen.human() {
        screen.document(
            "greylag.rollout/v1",
            &json!({
                "rollout": recorded.rollout,
                "plan": &*recorded.plan,
                "events": &*recorded.events,
            }),
        );
        return Ok(Exit::Done);
    }
    show_human(screen, &recorded, events);
    Ok(Exit::Done)
}

fn show_human(screen: &Screen, recorded: &Recorded, events: bool) {
    let mut board = Board::default();
    let taken = Notice::Taken {
        rollout: recorded.rollout.clone(),
        plan: Arc::clone(&recorded.plan),
        past: Arc::clone(&recorded.events),
    };
    board.fold(&taken, Timestamp::now());
    screen.result(format!(
        "{} {}, plan {}",
        paint(Paint::Strong, "rollout"),
        recorded.rollout,
        recorded.plan.digest
    ));
    let summary = recorded.state.summary(Timestamp::now());
    let state = match &recorded.row.ended {
        Some(ended) => ended.as_str(),
        None if summary.paused => "paused",
        None if summary.stopped => "stopped",
        None => "unfinished",
    };
    screen.result(format!(
        "begun {}, {state}: {} of {} done",
        clock(recorded.row.begun),
        board.complete,
        count(board.total(), "shard")
    ));
    for wave in board.waves.iter().filter(|wave| wave.total > 0) {
        screen.result(format!("  {:<16} {}/{}", wave.name, wave.done, wave.total));
    }
    for (title, names) in [
        ("failed", &board.failed),
        ("unknown", &board.unknown),
        ("skipped", &board.skipped),
    ] {
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            screen.result(format!("  {title}: {}", names.join(", ")));
        }
    }
    if events {
        screen.result(String::new());
        show_events(screen, recorded);
    }
}

/// Each event in the words that `apply` had for it; those without any by their names.
fn show_events(screen: &Screen, recorded: &Recorded) {
    let mut board = Board::default();
    let taken = Notice::Taken {
        rollout: recorded.rollout.clone(),
        plan: Arc::clone(&recorded.plan),
        past: Arc::new([]),
    };
    board.fold(&taken, recorded.row.begun);
    let mut teller = Teller::new(true, true, None);
    for stamped in recorded.events.iter() {
        let notice = Notice::Event(stamped.clone());
        board.fold(&notice, stamped.at);
        let mut lines = teller.tell(&notice, &board);
        if lines.is_empty() {
            let shard = stamped.event.shard().map(|shard| format!("{shard}: "));
            let name = stamped.event.name().replace('_', " ");
            lines.push(format!("{}{name}", shard.unwrap_or_default()));
        }
        let lead = format!("{:>5}  {}", stamped.sequence, clock(stamped.at));
        for (at, line) in lines.iter().enumerate() {
            let lead = match at {
                0 => lead.clone(),
                _ => " ".repeat(lead.chars().count()),
            };
            screen.result(format!("{lead}  {line}"));
        }
    }
}

fn sure() -> Result<(), Problem> {
    use std::io::{BufRead, Write};
    let _ = write!(
        anstream::stderr(),
        "End the rollout for good? What is applied stays. [y/N] "
    );
    let _ = anstream::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "yes" | "Y") => Ok(()),
        _ => Err(Problem::new(
            Exit::Error,
            "not confirmed; nothing was touched",
        )),
    }
}

fn names(shards: &[String]) -> Result<Vec<ShardName>, Problem> {
    shards
        .iter()
        .map(|name| {
            name.parse()
                .map_err(|error: greylag_core::fleet::ShardNameError| {
                    Problem::usage(error.to_string())
                })
        })
        .collect()
}

pub fn given(reason: &str) -> Result<String, Problem> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Problem::usage("the reason is empty").hint("the next person will want to know"));
    }
    Ok(reason.to_owned())
}
