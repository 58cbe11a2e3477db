//! Nodes in words: how far behind, whose doing, what is wrong.

use super::words::{blocker, span};
use greylag_core::{
    gate::{LoadKind, SlotLimit, StandbyEffect, WaitReason},
    node::{Blame, NodeName},
    outcome::Blocker,
    position::Distance,
};
use std::time::Duration;

/// A reason to wait that is about nodes; none for the others.
pub fn node_reason(reason: &WaitReason) -> String {
    match reason {
        WaitReason::ReplicaLag {
            node,
            lag_ms,
            at_least,
            distance: missing,
            limit_ms,
            blame: whose,
        } => {
            let mut text = match lag(*lag_ms, *at_least, *missing) {
                unknown if unknown == UNKNOWN => {
                    format!("nobody knows how far behind replica {node} is")
                }
                figures => format!("replica {node} is {figures} behind"),
            };
            text.push_str(&format!(
                " (limit {})",
                span(Duration::from_millis(*limit_ms))
            ));
            if let Some(whose) = whose {
                text.push_str(&format!("; {}", blame(whose)));
            }
            text
        }
        WaitReason::ReplicaUnseen {
            node, why, mend, ..
        } => {
            let mend = mend
                .as_ref()
                .map_or(String::new(), |mend| format!("; {mend}"));
            format!("node {node} can't be judged: {why}{mend}")
        }
        WaitReason::ReplicaTrouble { node, finding } => {
            let mend = finding
                .mend
                .as_ref()
                .map_or(String::new(), |mend| format!("; {mend}"));
            format!("node {node}: {}{mend}", finding.text)
        }
        WaitReason::NoReplicas { shard, why } => {
            format!("shard {shard} has no replica to wait for: {why}")
        }
        WaitReason::TooFewReplicas {
            shard,
            guarded,
            wanted,
        } => format!(
            "shard {shard} has {} to wait for, and `wait = {wanted}` of [replicas] wants more: name or mend others, or lower it",
            super::count(*guarded as usize, "guarded node")
        ),
        WaitReason::NoPrimary { shard, servers, .. } => format!(
            "shard {shard} has no primary: {}; promote one, or bring the primary back",
            servers.join("; ")
        ),
        WaitReason::PrimaryDisputed { why, mend, .. } => {
            format!(
                "{why}. Nothing is written there. {}",
                mend.trim_end_matches('.')
            )
        }
        WaitReason::Replay {
            nodes,
            count,
            blame: whose,
        } => {
            let whose = whose
                .as_ref()
                .map_or(String::new(), |whose| format!("; {}", blame(whose)));
            format!(
                "applied, not yet replayed by {}{whose}",
                named(nodes, *count)
            )
        }
        WaitReason::NotReplayed { shards, count } => {
            let names: Vec<String> = shards.iter().map(ToString::to_string).collect();
            let more = (*count as usize).saturating_sub(names.len());
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "applied, not replayed in time (replicas.timeout): {}{more}; goes on by itself once it is",
                names.join(", ")
            )
        }
        WaitReason::StandbyQueries {
            node,
            blockers,
            effect,
            ..
        } => {
            let effect = match effect {
                StandbyEffect::Cancels { after_ms } => format!(
                    "the migration's lock would cancel them after {}",
                    span(Duration::from_millis(*after_ms))
                ),
                StandbyEffect::Stalls => {
                    "the migration's lock would stall replay until they end".to_owned()
                }
            };
            format!("queries on standby {node}: {}; {effect}", who(blockers))
        }
        WaitReason::Slot {
            node,
            slot,
            what,
            bytes,
            limit,
        } => {
            let what = match what {
                SlotLimit::Lag => "its reader is behind by",
                SlotLimit::Retained => "it keeps",
            };
            format!(
                "slot `{slot}` on {node}: {what} {} (limit {})",
                size(*bytes),
                size(*limit)
            )
        }
        WaitReason::Load {
            place,
            what,
            figure,
            limit,
        } => {
            let what = match what {
                LoadKind::Active => "sessions at work",
                LoadKind::LockWaiters => "sessions that wait for locks",
                LoadKind::ActiveOnHost => "sessions at work on its primaries",
            };
            format!("{place} has {figure} {what} (limit {limit})")
        }
        // Said by its caller. Should one be forgotten, its bare form is better than silence.
        other => serde_json::to_string(other).unwrap_or_else(|_| format!("{other:?}")),
    }
}

/// How far behind, where nobody knows.
pub const UNKNOWN: &str = "unknown";

/// How far behind, as far as anybody knows.
pub fn lag(millis: Option<u64>, at_least: bool, missing: Option<Distance>) -> String {
    let bound = if at_least { "≥ " } else { "" };
    let time = millis.map(|millis| format!("{bound}{}", span(Duration::from_millis(millis))));
    match (time, missing) {
        (Some(time), Some(missing)) => format!("{time} ({})", distance(missing)),
        (Some(time), None) => time,
        (None, Some(missing)) => distance(missing),
        (None, None) => UNKNOWN.to_owned(),
    }
}

pub fn distance(distance: Distance) -> String {
    match distance {
        Distance::Bytes(bytes) => size(bytes),
        Distance::Transactions(1) => "1 transaction".to_owned(),
        Distance::Transactions(count) => format!("{count} transactions"),
    }
}

/// Bytes as people read them, in powers of 1024.
pub fn size(bytes: u64) -> String {
    let units = ["KB", "MB", "GB", "TB"];
    let mut figure = bytes as f64;
    let mut unit = "bytes";
    for next in units {
        if figure < 1024.0 {
            break;
        }
        figure /= 1024.0;
        unit = next;
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        unit => format!("{figure:.1} {unit}"),
    }
}

/// Whose doing a lag is, as a clause.
pub fn blame(blame: &Blame) -> String {
    match blame {
        Blame::Network => "it is on its way to the replica (network)".to_owned(),
        Blame::ReplicaDisk => "the replica's disk is slow to take it".to_owned(),
        Blame::Apply => "the replica is still replaying it".to_owned(),
        Blame::Blocked { by } if by.is_empty() => "replay is blocked by a query there".to_owned(),
        Blame::Blocked { by } => format!("replay is blocked by {}", who(by)),
        Blame::Paused => "replay is paused there".to_owned(),
        Blame::Delayed { by } => format!("replay is delayed on purpose by {}", span(*by)),
        Blame::Disconnected { error } => because("it gets nothing from upstream", error.as_ref()),
        Blame::Stopped { error } => because("replay has stopped", error.as_ref()),
        Blame::Unobservable { what, mend } => {
            let mend = mend
                .as_ref()
                .map_or(String::new(), |mend| format!("; mend with: {mend}"));
            format!("{what} can't be seen{mend}")
        }
        Blame::Unreachable { error, .. } => format!("it can't be reached: {error}"),
    }
}

fn because(what: &str, error: Option<&String>) -> String {
    match error {
        Some(error) => format!("{what}: {error}"),
        None => what.to_owned(),
    }
}

fn who(blockers: &[Blocker]) -> String {
    match blockers {
        [] => "somebody the server doesn't name".to_owned(),
        [first] => blocker(first),
        [first, rest @ ..] => format!("{} and {} more", blocker(first), rest.len()),
    }
}

fn named(nodes: &[NodeName], all: u32) -> String {
    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    match (all as usize).saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
