//! `greylag fleet`: who is there, and who is who.

use super::{report::print_report, rollout::given};
use crate::{
    arguments::Global,
    output::{Paint, Screen, count, paint, trimmed},
    problem::Problem,
    view,
    workplace::{self, Journal, Workplace},
};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use greylag_core::{fleet::ShardName, survey::Role};
use greylag_orchestrator::{
    Exit, Sighting,
    operations::{self, OperationReport},
    project::Replicas,
    survey::survey_fleet,
};
use serde_json::{Value, json};

/// Finds and lists the shards; settles who is who
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  greylag fleet                              who is there, asked on each of them
  greylag fleet list --offline               what discovery finds, without connecting to any
  greylag fleet accept eu-7 --reason \"moved to rack 4\"
  greylag fleet rebrand eu-7 --reason \"copied from eu-6\"
  greylag fleet forget eu-9 --reason \"decommissioned\""
)]
pub struct Fleet {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Args)]
struct List {
    /// Don't connect to any shard
    #[arg(long)]
    offline: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The shards, and what they say of themselves
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
    /// Shards are gone: they are expected no more
    #[command(
        after_help = "Example:\n  greylag fleet forget eu-9 --reason \"decommissioned\"\n\nThe databases are not touched. Take them out of greylag.toml, too."
    )]
    Forget {
        #[command(flatten)]
        which: Which,
    },
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
        Some(Verb::Forget { which }) => forget(which, global, screen).await,
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

async fn forget(which: &Which, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, Journal::Write).await?;
    let reason = given(&which.reason)?;
    // Gone from the project already, most likely: so not looked up in the fleet.
    let names = which
        .shards
        .iter()
        .map(|name| name.parse::<ShardName>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Problem::usage(error.to_string()))?;
    for name in &names {
        if !operations::forget(&place.setup, name, &reason).await? {
            return Err(Problem::usage(format!(
                "`{name}` was never seen, so that there is nothing to forget"
            )));
        }
        if screen.human() {
            let mark = paint(Paint::Good, "✓");
            screen.result(format!("{mark} {name} is expected no more"));
            if place.setup.fleet.get(name).is_some() {
                screen.say("the project still names it: the next look at the fleet sees it anew");
            }
        }
    }
    if !screen.human() {
        screen.document(
            "greylag.fleet-forget/v1",
            &json!({"shards": names, "forgotten": true}),
        );
    }
    Ok(Exit::Done)
}

async fn list(verb: &List, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let place = workplace::open(global, screen, Journal::Look).await?;
    let sightings = if verb.offline {
        None
    } else {
        let looking = view::open_for_looking(screen, place.folder());
        let surveyed = survey_fleet(&place.setup, None, &*looking).await;
        looking.close();
        Some(surveyed?)
    };
    let sighted = |name: &ShardName| sightings.as_ref().and_then(|seen| seen.get(name));
    if screen.human() {
        screen.result(trimmed(&table(&place, &sighted)));
        screen.say(format!(
            "\n{}",
            count(place.setup.fleet.shards.len(), "shard")
        ));
        for shard in &place.setup.fleet.shards {
            if let Some(sighting) = sighted(&shard.shard.name) {
                show_troubles(screen, sighting);
            }
        }
    } else {
        let shards: Vec<Value> = place
            .setup
            .fleet
            .shards
            .iter()
            .enumerate()
            .map(|(at, _)| document(&place, at, &sighted))
            .collect();
        screen.document("greylag.fleet/v1", &json!({"shards": shards}));
    }
    let trouble = sightings.as_ref().is_some_and(|seen| {
        seen.shards
            .iter()
            .any(|one| one.seen.is_err() || !one.refusals.is_empty())
    });
    Ok(if trouble { Exit::Problems } else { Exit::Done })
}

fn table<'a>(place: &'a Workplace, sighted: &impl Fn(&ShardName) -> Option<&'a Sighting>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        "SHARD", "ENGINE", "ADDRESS", "HOST", "LABELS", "REPLICAS", "ROLE", "VERSION",
    ]);
    for (at, shard) in place.setup.fleet.shards.iter().enumerate() {
        let labels = shard.shard.labels.iter().map(|(k, v)| format!("{k}={v}"));
        let mut address = shard.target.address();
        if let Some(schema) = &shard.shard.schema {
            address.push_str(&format!(" schema {schema}"));
        }
        let replicas = match &place.found.replicas[at] {
            Replicas::Unstated => String::new(),
            Replicas::Auto => "auto, not watched yet".into(),
            Replicas::Listed(list) => format!("{}, not watched yet", list.len()),
        };
        let (mut engine, mut role, mut version) =
            (shard.shard.engine.to_string(), String::new(), String::new());
        match sighted(&shard.shard.name).map(|sighting| &sighting.seen) {
            Some(Ok(seen)) => {
                // Without what a distribution adds in parentheses.
                let version_of = &seen.survey.server.version;
                let short = version_of.split(" (").next().unwrap_or_default();
                engine = format!("{engine} {short}");
                role = role_word(seen.survey.role).into();
                version = seen
                    .reading
                    .current
                    .as_ref()
                    .map_or("-".into(), |v| format!("V{v}"));
            }
            Some(Err(_)) => role = "unreachable".into(),
            None => {}
        }
        table.add_row([
            shard.shard.name.to_string(),
            engine,
            address,
            shard.shard.host.to_string(),
            labels.collect::<Vec<_>>().join(","),
            replicas,
            role,
            version,
        ]);
    }
    table
}

fn document<'a>(
    place: &'a Workplace,
    at: usize,
    sighted: &impl Fn(&ShardName) -> Option<&'a Sighting>,
) -> Value {
    let shard = &place.setup.fleet.shards[at];
    let sighting = sighted(&shard.shard.name);
    let seen = sighting.and_then(|sighting| sighting.seen.as_ref().ok());
    json!({
        "name": shard.shard.name,
        "engine": shard.shard.engine,
        "address": shard.target.address(),
        "schema": shard.shard.schema,
        "host": shard.shard.host,
        "labels": shard.shard.labels,
        "replicas": place.found.replicas[at].listed(),
        "named_by": place.found.origins[at],
        "role": seen.map(|seen| seen.survey.role),
        "server": seen.map(|seen| &seen.survey.server.version),
        "identity": seen.and_then(|seen| seen.survey.identity.as_ref()).map(|identity| identity.uuid),
        "version": seen.and_then(|seen| seen.reading.current.as_ref()),
        "unreachable": sighting.and_then(|sighting| sighting.seen.as_ref().err()).map(|why| &why.why),
        "refusals": sighting.map(|sighting| &sighting.refusals),
    })
}

fn show_troubles(screen: &Screen, sighting: &Sighting) {
    if let Err(why) = &sighting.seen {
        screen.result(format!(
            "{} {}: {why}",
            paint(Paint::Bad, "✗"),
            sighting.name
        ));
        if let Some(hint) = &why.hint {
            screen.result(format!("  {} {hint}", paint(Paint::Waits, "hint:")));
        }
    }
    for refusal in &sighting.refusals {
        screen.result(format!("{} {refusal}", paint(Paint::Bad, "✗")));
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::ReadOnly => "read-only",
        Role::Replica => "replica",
    }
}
