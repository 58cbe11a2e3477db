//! The page of `status`, for people.

use crate::{
    commands::plan::some,
    output::{
        Paint, behind, clock, count, draw_failure, hold_reason, node_state, node_troubles, paint,
        trimmed, wait_reason,
    },
};
use comfy_table::{ContentArrangement, Table, presets};
use greylag_core::{
    migration::{MigrationId, Version},
    node::NodeRole,
};
use greylag_orchestrator::{
    replicas::NodeReport,
    status::{RolloutStatus, ShardStatus, Status as Document},
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Up to so many shards are listed one by one without being asked.
const LISTED: usize = 16;

/// What is printed, and what is said beside it.
pub struct Page {
    pub lines: Vec<String>,
    pub aside: Vec<String>,
}

/// `all`: every shard, however many.
pub fn page(document: &Document, all: bool) -> Page {
    let (mut lines, mut aside) = (Vec::new(), Vec::new());
    let fleet = &document.fleet;
    lines.push(format!(
        "{} ({}): {}",
        paint(Paint::Strong, &document.project),
        document.environment,
        figures(document),
    ));
    let mut versions: Vec<_> = document.versions.iter().collect();
    versions.sort_by_key(|(version, _)| version.parse::<Version>().ok());
    for (version, n) in versions {
        let label = match version.as_str() {
            "-" => "nothing yet".to_owned(),
            version => format!("V{version}"),
        };
        let share = (n * 30).checked_div(fleet.shards).unwrap_or(0).max(1);
        lines.push(format!(
            "  {label:>12}  {n:>5}  {}",
            paint(Paint::Name, "━".repeat(share))
        ));
    }
    if let Some(rollout) = &document.rollout {
        lines.extend(of_rollout(rollout));
    }
    let all = all || document.shards.len() <= LISTED;
    let listed: Vec<_> = document
        .shards
        .iter()
        .filter(|shard| all || is_odd(shard))
        .collect();
    if !listed.is_empty() {
        lines.push(String::new());
        lines.push(trimmed(&table(&listed)));
    }
    if !all {
        let rest = document.shards.len() - listed.len();
        aside.push(paint(
            Paint::Dim,
            format!(
                "{} without trouble; --shards lists all",
                count(
                    rest,
                    if listed.is_empty() {
                        "shard"
                    } else {
                        "other shard"
                    }
                )
            ),
        ));
    }
    for shard in &document.shards {
        lines.extend(troubles(shard));
    }
    lines.extend(late(document));
    let held = held(document);
    if !held.is_empty() {
        lines.push(String::new());
        lines.extend(held);
    }
    for known in &document.missing {
        let version = known
            .version
            .as_ref()
            .map(|v| format!(", on V{v}"))
            .unwrap_or_default();
        lines.push(format!(
            "{} {} was seen on {}{version}, and is named no more: `greylag fleet forget {} --reason …` if it is gone",
            paint(Paint::Waits, "!"),
            known.name,
            clock(known.seen),
            known.name
        ));
    }
    Page { lines, aside }
}

/// What is held below what is applied: mostly the same everywhere.
fn late(document: &Document) -> Vec<String> {
    let mut of: BTreeMap<&MigrationId, Vec<String>> = BTreeMap::new();
    for shard in &document.shards {
        for id in &shard.out_of_order {
            of.entry(id).or_default().push(shard.name.to_string());
        }
    }
    let line = |(id, shards): (&MigrationId, Vec<String>)| {
        format!(
            "\n{}: {} is held, below what is applied; give it a higher version, or `out-of-order = true` in [rollout] lets it in",
            paint(Paint::Strong, some(&shards)),
            paint(Paint::Strong, id.to_string()),
        )
    };
    of.into_iter().map(line).collect()
}

/// What the lint holds, and what is behind that.
pub fn held(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for held in &document.held {
        let Some(id) = &held.migration else { continue };
        let reasons: Vec<_> = held.reasons.iter().map(hold_reason).collect();
        lines.push(format!(
            "{} is held: {}",
            paint(Paint::Strong, id.to_string()),
            reasons.join("; ")
        ));
    }
    let unreviewed: Vec<_> = document
        .unreviewed
        .iter()
        .map(ToString::to_string)
        .collect();
    if !unreviewed.is_empty() {
        lines.push(format!(
            "whether the lint holds {} hangs on sizes (`[lint] fleet = true`): `greylag plan` looks at them, and tells",
            paint(Paint::Strong, some(&unreviewed))
        ));
    }
    lines
}

fn figures(document: &Document) -> String {
    let fleet = &document.fleet;
    let mut parts = vec![format!(
        "{}, {} up to date",
        count(fleet.shards, "shard"),
        fleet.up_to_date
    )];
    for (n, word, colour) in [
        (fleet.pending, "pending", Paint::Waits),
        (fleet.failed, "failed", Paint::Bad),
        (fleet.refused, "refused", Paint::Bad),
        (fleet.unreachable, "unreachable", Paint::Bad),
    ] {
        if n > 0 {
            parts.push(paint(colour, format!("{n} {word}")));
        }
    }
    let mut text = parts.join(", ");
    if fleet.replicas > 0 {
        text.push_str(&format!("; {}", count(fleet.replicas, "replica")));
    }
    if fleet.nodes_in_trouble > 0 {
        let bad = format!("{} in trouble", count(fleet.nodes_in_trouble, "node"));
        text.push_str(&format!(", {}", paint(Paint::Waits, bad)));
    }
    text
}

fn of_rollout(rollout: &RolloutStatus) -> Vec<String> {
    let mut line = format!("rollout {}: {}", rollout.id, rollout.state);
    if let Some(holder) = &rollout.holder {
        line.push_str(&format!(", {holder} is at it"));
    }
    line.push_str(&format!(", {} done", count(rollout.done, "shard")));
    for (names, word) in [
        (&rollout.failed, "failed"),
        (&rollout.unknown, "unknown"),
        (&rollout.skipped, "skipped"),
    ] {
        if !names.is_empty() {
            line.push_str(&format!(", {} {word}", names.len()));
        }
    }
    let mut lines = vec![line];
    for reason in &rollout.waiting {
        lines.push(paint(
            Paint::Waits,
            format!("  waiting: {}", wait_reason(reason)),
        ));
    }
    lines
}

/// A line for each shard, and below it one for each of its other nodes.
fn table(shards: &[&ShardStatus]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let hosts = shards.iter().any(|shard| shard.host != shards[0].host);
    let nodes = shards.iter().any(|shard| !shard.replicas.is_empty());
    let row = |cells: [String; 6]| {
        let [name, host, version, pending, behind, state] = cells;
        let mut row = vec![name];
        row.extend(hosts.then_some(host));
        row.extend([version, pending]);
        row.extend(nodes.then_some(behind));
        row.push(state);
        row
    };
    table.set_header(row([
        "SHARD", "HOST", "VERSION", "PENDING", "BEHIND", "STATE",
    ]
    .map(str::to_owned)));
    for shard in shards {
        let version = shard
            .version
            .as_ref()
            .map_or("-".to_owned(), |v| format!("V{v}"));
        let pending = match &shard.pending[..] {
            [] => String::new(),
            [one] => one.to_string(),
            [first, .., last] => format!("{first} … {last} ({})", shard.pending.len()),
        };
        table.add_row(row([
            shard.name.to_string(),
            shard.host.clone(),
            version,
            pending,
            String::new(),
            state(shard),
        ]));
        for node in &shard.replicas {
            table.add_row(row([
                format!("  {}", node.name),
                String::new(),
                String::new(),
                String::new(),
                behind(node),
                state_of_node(node),
            ]));
        }
    }
    table
}

fn state_of_node(node: &NodeReport) -> String {
    let state = node_state(node);
    match node.role {
        NodeRole::Primary | NodeRole::Replica => state.to_owned(),
        NodeRole::Subscriber => format!("{state} (subscriber)"),
        NodeRole::Downstream => format!("{state} (downstream)"),
    }
}

pub fn state(shard: &ShardStatus) -> String {
    if shard.unreachable.is_some() {
        "unreachable".into()
    } else if !shard.refusals.is_empty() {
        "refused".into()
    } else if let Some(failed) = &shard.failed {
        format!("failed in {}", failed.migration)
    } else if !shard.problems.is_empty() {
        "history differs".into()
    } else if shard.pending.is_empty() {
        "up to date".into()
    } else if !shard.out_of_order.is_empty() || shard.held.len() == shard.pending.len() {
        "held".into()
    } else {
        "pending".into()
    }
}

fn is_odd(shard: &ShardStatus) -> bool {
    let now = Timestamp::now();
    shard.unreachable.is_some()
        || !shard.refusals.is_empty()
        || shard.failed.is_some()
        || !shard.problems.is_empty()
        || shard.nodes().any(|node| node.in_trouble(now))
}

fn troubles(shard: &ShardStatus) -> Vec<String> {
    let mut lines = Vec::new();
    let title = |text: String| paint(Paint::Strong, text);
    if let Some(why) = &shard.unreachable {
        lines.push(format!(
            "\n{} can't be reached\n  {why}",
            title(shard.name.to_string())
        ));
    }
    for refusal in &shard.refusals {
        lines.push(format!("\n{}: {refusal}", title(shard.name.to_string())));
    }
    if let Some(failed) = &shard.failed {
        lines.push(format!(
            "\n{} failed in {}",
            title(shard.name.to_string()),
            failed.migration
        ));
        for line in failed
            .failure
            .iter()
            .flat_map(|failure| draw_failure(failure, None))
        {
            lines.push(format!("  {line}"));
        }
    }
    for problem in &shard.problems {
        lines.push(format!("\n{}: {problem}", title(shard.name.to_string())));
    }
    let nodes = node_troubles(shard.nodes(), Timestamp::now());
    if !nodes.is_empty() {
        lines.push(String::new());
        lines.extend(nodes);
    }
    lines
}
