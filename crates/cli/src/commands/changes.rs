//! What `--watch` says to a pipe: a line for each shard, node or rollout that stands differently than at the look before.

use crate::output::{Format, Paint, Screen, clock, node_troubles, paint};
use greylag_core::fleet::ShardName;
use greylag_orchestrator::replicas::NodeReport;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How everything stood at one look.
#[derive(Debug, Default)]
pub struct Watched {
    entries: BTreeMap<String, Entry>,
}

/// How one thing stood.
#[derive(Debug)]
pub struct Entry {
    kind: &'static str,
    name: String,
    /// A change of this is worth a line.
    state: String,
    /// The figures and who is to blame: told with a change, and no reason for one.
    detail: Vec<String>,
    document: Value,
}

impl Entry {
    pub fn shard(name: &ShardName, state: String, document: Value) -> Self {
        Self {
            kind: "shard",
            name: name.to_string(),
            state,
            detail: Vec::new(),
            document,
        }
    }

    /// A node; a finding that comes or goes is a change, too.
    pub fn node(node: &NodeReport, state: &str) -> Self {
        let kinds: Vec<&str> = node.findings.iter().map(|f| f.kind.as_str()).collect();
        let mut state = state.to_owned();
        if !kinds.is_empty() {
            state.push_str(&format!(" ({})", kinds.join(", ")));
        }
        Self {
            kind: "node",
            name: node.node().to_string(),
            state,
            detail: node_troubles([node], Timestamp::now()),
            document: json!(node),
        }
    }

    pub fn rollout(id: &str, state: String, detail: Vec<String>, document: Value) -> Self {
        Self {
            kind: "rollout",
            name: format!("rollout {id}"),
            state,
            detail,
            document,
        }
    }
}

impl Watched {
    pub fn note(&mut self, entry: Entry) {
        self.entries.insert(entry.name.clone(), entry);
    }

    pub fn differs(&self, before: &Watched) -> bool {
        self.changes(before).next().is_some()
    }

    /// A line for each change: for people, or one JSON document a line.
    pub fn tell_changes(&self, before: &Watched, screen: &Screen) {
        for (entry, was) in self.changes(before) {
            if screen.format == Format::Ndjson {
                screen.json(&json!({
                    "schema": "greylag.change/v1",
                    "type": entry.kind,
                    "at": Timestamp::now(),
                    "was": was,
                    "is": entry.state,
                    entry.kind: entry.document,
                }));
                continue;
            }
            screen.result(format!(
                "{} {}: {} → {}",
                paint(Paint::Dim, clock(Timestamp::now())),
                entry.name,
                was.unwrap_or("not there"),
                entry.state
            ));
            entry
                .detail
                .iter()
                .for_each(|line| screen.result(format!("  {line}")));
        }
        for gone in before
            .entries
            .values()
            .filter(|entry| !self.entries.contains_key(&entry.name))
        {
            match screen.format {
                Format::Ndjson => screen.json(&json!({
                    "schema": "greylag.change/v1",
                    "type": gone.kind,
                    "at": Timestamp::now(),
                    "was": gone.state,
                    "is": null,
                    gone.kind: gone.document,
                })),
                _ => screen.result(format!("{}: {} → not there", gone.name, gone.state)),
            }
        }
    }

    /// What stands differently, and how it stood.
    fn changes<'a>(
        &'a self,
        before: &'a Watched,
    ) -> impl Iterator<Item = (&'a Entry, Option<&'a str>)> {
        self.entries.values().filter_map(|entry| {
            let was = before.entries.get(&entry.name).map(|was| &*was.state);
            (was != Some(&*entry.state)).then_some((entry, was))
        })
    }
}
