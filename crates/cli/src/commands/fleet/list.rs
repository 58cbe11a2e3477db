//! `greylag fleet list`: the shards and their nodes, as they say of themselves.

use crate::{
    arguments::Global,
    commands::changes::{Entry, Watched},
    output::{
        Format, Paint, Refresh, Screen, count, node_state, node_table, node_troubles, paint,
        server, trimmed,
    },
    problem::Problem,
    view,
    workplace::{self, Journal, Workplace},
};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use greylag_core::{fleet::ShardName, node::NodeRole, survey::Role};
use greylag_orchestrator::{
    Exit, Sighting, Surveyed,
    project::Replicas,
    replicas::{Earlier, Keeping, NodeReport, survey_with_nodes},
    watch::Blind,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Where the labels are among a row's cells.
const LABELS: usize = 4;

#[derive(Debug, Args)]
pub struct List {
    /// Don't connect to any shard
    #[arg(long)]
    offline: bool,
    /// Again every two seconds, until ^C: drawn in place on a terminal, else a line for each change
    #[arg(long, conflicts_with = "offline")]
    watch: bool,
}

/// What one look at the fleet came to.
struct Look<'a> {
    place: &'a Workplace,
    sightings: Option<Surveyed>,
    nodes: Vec<NodeReport>,
}

pub async fn list(verb: &List, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let mut place = workplace::open(global, screen, Journal::Look).await?;
    if verb.watch {
        place.setup.open = Arc::new(Keeping::over(place.setup.open.clone()));
        return watch(&place, screen).await;
    }
    let look = if verb.offline {
        Look {
            place: &place,
            sightings: None,
            nodes: Vec::new(),
        }
    } else {
        let looking = view::open_for_looking(screen, place.folder());
        let looked = look_at(&place, &*looking, &mut Earlier::default()).await;
        looking.close();
        looked?
    };
    if screen.human() {
        look.page().iter().for_each(|line| screen.result(line));
    } else {
        screen.document("greylag.fleet/v1", &look.document());
    }
    Ok(look.exit())
}

async fn watch(place: &Workplace, screen: &Screen) -> Result<Exit, Problem> {
    let mut page = Refresh::of_terminal().filter(|_| screen.human());
    let mut before: Option<Watched> = None;
    let mut earlier = Earlier::default();
    loop {
        let look = look_at(place, &Blind, &mut earlier).await?;
        let now = look.watched();
        match (&mut page, &before) {
            (Some(page), _) => page.draw(&look.page()),
            (None, None) if screen.human() => {
                look.page().iter().for_each(|line| screen.result(line));
            }
            (None, None) => screen.document("greylag.fleet/v1", &look.document()),
            (None, Some(before)) if screen.format == Format::Json => {
                if now.differs(before) {
                    screen.document("greylag.fleet/v1", &look.document());
                }
            }
            (None, Some(before)) => now.tell_changes(before, screen),
        }
        before = Some(now);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

async fn look_at<'a>(
    place: &'a Workplace,
    watcher: &dyn greylag_orchestrator::Watcher,
    earlier: &mut Earlier,
) -> Result<Look<'a>, Problem> {
    let (surveyed, nodes) = survey_with_nodes(&place.setup, watcher, earlier).await;
    Ok(Look {
        place,
        sightings: Some(surveyed?),
        nodes,
    })
}

impl Look<'_> {
    fn sighted(&self, name: &ShardName) -> Option<&Sighting> {
        self.sightings.as_ref()?.get(name)
    }

    fn nodes_of<'a>(&'a self, name: &'a ShardName) -> impl Iterator<Item = &'a NodeReport> {
        self.nodes.iter().filter(move |node| node.shard == *name)
    }

    fn exit(&self) -> Exit {
        let now = Timestamp::now();
        let shard = self.sightings.as_ref().is_some_and(|seen| {
            let trouble = |one: &Sighting| one.seen.is_err() || !one.refusals.is_empty();
            seen.shards.iter().any(trouble)
        });
        match shard || self.nodes.iter().any(|node| node.must_be_mended(now)) {
            true => Exit::Problems,
            false => Exit::Done,
        }
    }

    /// For people.
    fn page(&self) -> Vec<String> {
        let shards = &self.place.setup.fleet.shards;
        let mut lines = vec![trimmed(&self.table())];
        if !self.nodes.is_empty() {
            lines.extend([String::new(), trimmed(&node_table(&self.nodes))]);
        }
        let others = (self.nodes.iter())
            .filter(|node| node.role != NodeRole::Primary)
            .count();
        let mut total = count(shards.len(), "shard");
        if others > 0 {
            total.push_str(&format!(", {}", count(others, "replica")));
        }
        lines.extend([String::new(), total]);
        for shard in shards {
            if let Some(sighting) = self.sighted(&shard.shard.name) {
                lines.extend(troubles(sighting));
            }
        }
        lines.extend(node_troubles(&self.nodes, Timestamp::now()));
        lines
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        let shards = &self.place.setup.fleet.shards;
        let labelled = shards.iter().any(|shard| !shard.shard.labels.is_empty());
        let row = |cells: [String; 8]| {
            let mut row = Vec::from(cells);
            if !labelled {
                row.remove(LABELS);
            }
            row
        };
        let head = [
            "SHARD", "ENGINE", "ADDRESS", "HOST", "LABELS", "REPLICAS", "ROLE", "VERSION",
        ];
        table.set_header(row(head.map(str::to_owned)));
        for (at, shard) in shards.iter().enumerate() {
            let name = &shard.shard.name;
            let labels = shard.shard.labels.iter().map(|(k, v)| format!("{k}={v}"));
            // The engine has a column of its own.
            let address = shard.target.address();
            let mut address = (address.split_once("://"))
                .map_or(&*address, |(_, rest)| rest)
                .to_owned();
            if let Some(schema) = &shard.shard.schema {
                address.push_str(&format!(" schema {schema}"));
            }
            let named = match &self.place.found.replicas[at] {
                Replicas::Unstated => String::new(),
                Replicas::Auto => "auto".into(),
                Replicas::Listed(list) => list.len().to_string(),
            };
            let found = (self.nodes_of(name))
                .filter(|node| node.role != NodeRole::Primary)
                .count();
            let replicas = match found {
                0 => named,
                found => found.to_string(),
            };
            let (mut engine, mut role, mut version) =
                (shard.shard.engine.to_string(), String::new(), String::new());
            match self.sighted(name).map(|sighting| &sighting.seen) {
                Some(Ok(seen)) => {
                    engine = format!("{engine} {}", server(&seen.survey.server.version));
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
            table.add_row(row([
                name.to_string(),
                engine,
                address,
                shard.shard.host.to_string(),
                labels.collect::<Vec<_>>().join(","),
                replicas,
                role,
                version,
            ]));
        }
        table
    }

    fn document(&self) -> Value {
        let shards = &self.place.setup.fleet.shards;
        let shards: Vec<Value> = (0..shards.len()).map(|at| self.shard(at)).collect();
        json!({"shards": shards})
    }

    fn shard(&self, at: usize) -> Value {
        let shard = &self.place.setup.fleet.shards[at];
        let sighting = self.sighted(&shard.shard.name);
        let seen = sighting.and_then(|sighting| sighting.seen.as_ref().ok());
        json!({
            "name": shard.shard.name,
            "engine": shard.shard.engine,
            "address": shard.target.address(),
            "schema": shard.shard.schema,
            "host": shard.shard.host,
            "labels": shard.shard.labels,
            "replicas": self.place.found.replicas[at].listed(),
            "nodes": self.nodes_of(&shard.shard.name).collect::<Vec<_>>(),
            "named_by": self.place.found.origins[at],
            "role": seen.map(|seen| seen.survey.role),
            "server": seen.map(|seen| &seen.survey.server.version),
            "identity": seen.and_then(|seen| seen.survey.identity.as_ref()).map(|identity| identity.uuid),
            "version": seen.and_then(|seen| seen.reading.current.as_ref()),
            "unreachable": sighting.and_then(|sighting| sighting.seen.as_ref().err()).map(|why| &why.why),
            "refusals": sighting.map(|sighting| &sighting.refusals),
        })
    }

    /// What of it is worth a line when it changes.
    fn watched(&self) -> Watched {
        let mut watched = Watched::default();
        for (at, shard) in self.place.setup.fleet.shards.iter().enumerate() {
            let name = &shard.shard.name;
            let state = match self.sighted(name).map(|sighting| &sighting.seen) {
                Some(Ok(seen)) => format!(
                    "{}, {}",
                    role_word(seen.survey.role),
                    (seen.reading.current.as_ref()).map_or("-".into(), |v| format!("V{v}"))
                ),
                Some(Err(_)) => "unreachable".into(),
                None => String::new(),
            };
            watched.note(Entry::shard(name, state, self.shard(at)));
        }
        for node in &self.nodes {
            watched.note(Entry::node(node, node_state(node)));
        }
        watched
    }
}

fn troubles(sighting: &Sighting) -> Vec<String> {
    let mut lines = Vec::new();
    if let Err(why) = &sighting.seen {
        lines.push(format!(
            "{} {}: {why}",
            paint(Paint::Bad, "✗"),
            sighting.name
        ));
        if let Some(hint) = &why.hint {
            lines.push(format!("  {} {hint}", paint(Paint::Waits, "hint:")));
        }
    }
    for refusal in &sighting.refusals {
        lines.push(format!("{} {refusal}", paint(Paint::Bad, "✗")));
    }
    lines
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::ReadOnly => "read-only",
        Role::Replica => "replica",
    }
}
