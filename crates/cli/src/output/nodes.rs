//! Nodes in tables, and what is wrong with them in lines.

use super::{
    node_words::{UNKNOWN, blame, lag, size},
    paint::{Paint, paint},
    words::clock,
};
use comfy_table::{ContentArrangement, Table, presets};
use greylag_core::{
    node::{NodePolicy, NodeRole, NodeState, Severity},
    position::{Distance, Position},
};
use greylag_orchestrator::replicas::NodeReport;
use jiff::Timestamp;
use std::time::Duration;

/// More of a position than this many characters tells a person nothing.
const POSITION: usize = 20;

/// One node a line.
pub fn node_table<'a>(nodes: impl IntoIterator<Item = &'a NodeReport>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "NODE", "ROLE", "ADDRESS", "SERVER", "POSITION", "BEHIND", "STATE",
        ]);
    for node in nodes {
        table.add_row([
            node.node().to_string(),
            role(node.role).to_owned(),
            node.address.clone().unwrap_or_default(),
            node.version.as_deref().map_or("", server).to_owned(),
            node.position.as_ref().map(place).unwrap_or_default(),
            behind(node),
            node_state(node).to_owned(),
        ]);
    }
    table
}

/// What is wrong with nodes, and whose doing a lag is: a line each, those who must be mended marked so.
pub fn node_troubles<'a>(
    nodes: impl IntoIterator<Item = &'a NodeReport>,
    now: Timestamp,
) -> Vec<String> {
    nodes
        .into_iter()
        .flat_map(|node| troubles(node, now))
        .collect()
}

fn troubles(node: &NodeReport, now: Timestamp) -> Vec<String> {
    let name = node.node();
    let mark = match node.must_be_mended(now) {
        true => paint(Paint::Bad, "✗"),
        false => paint(Paint::Waits, "!"),
    };
    let mut lines = Vec::new();
    // A finding that says it again, and how to mend it, says it better.
    let told = |whose: &String| {
        node.findings
            .iter()
            .any(|found| whose.ends_with(&found.text))
    };
    let whose = node.blame.as_ref().map(blame).filter(|whose| !told(whose));
    let said = match node.state {
        NodeState::Good if !node.is_short() => None,
        NodeState::Good | NodeState::Lagging | NodeState::CatchingUp | NodeState::Stalled => {
            Some(match behind(node) {
                unknown if unknown == UNKNOWN => "nobody knows how far behind".to_owned(),
                figures => format!("{figures} behind"),
            })
        }
        // The findings or the blame say it.
        NodeState::Unreachable | NodeState::Unobservable | NodeState::Refused => {
            Some(String::new())
        }
    };
    if let Some(said) = said {
        let parts = [said, whose.unwrap_or_default()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let mut text = parts.join("; ");
        if text.is_empty() && node.findings.is_empty() {
            text = node_state(node).to_owned();
        }
        if let Some(left_out) = left_out(&node.policy, now) {
            text.push_str(&format!(" ({left_out})"));
        }
        if !text.is_empty() {
            lines.push(format!("{mark} {name}: {text}"));
        }
    }
    for finding in &node.findings {
        let mark = match finding.severity {
            Severity::Problem => paint(Paint::Bad, "✗"),
            Severity::Warning => paint(Paint::Waits, "!"),
        };
        lines.push(format!("{mark} {name}: {}", finding.text));
        if let Some(mend) = &finding.mend {
            lines.push(format!("  {} {mend}", paint(Paint::Waits, "hint:")));
        }
    }
    lines
}

/// Why nobody waits for a node.
fn left_out(policy: &NodePolicy, now: Timestamp) -> Option<String> {
    match policy {
        _ if policy.guards(now) => None,
        NodePolicy::Guard => None,
        NodePolicy::Observe => Some("observed, not waited for".into()),
        NodePolicy::Ignore { until, reason } => {
            let until = until.map_or(String::new(), |until| format!(" until {}", clock(until)));
            Some(format!("ignored{until}: {reason}"))
        }
    }
}

/// How far behind a node is: `7.2 s (112.0 KB)`, `0` where it is not, nothing for a primary.
pub fn behind(node: &NodeReport) -> String {
    if node.role == NodeRole::Primary {
        return String::new();
    }
    let distance = match (node.lag_bytes, node.lag_transactions) {
        (Some(bytes), _) => Some(Distance::Bytes(bytes)),
        (None, Some(count)) => Some(Distance::Transactions(count)),
        (None, None) => None,
    };
    let millis = node
        .lag_seconds
        .map(|seconds| Duration::from_secs_f64(seconds.max(0.0)).as_millis())
        .map(|millis| u64::try_from(millis).unwrap_or(u64::MAX));
    match (millis, distance) {
        (None | Some(0), Some(distance)) if distance.is_zero() => "0".into(),
        (Some(0), None) => "0".into(),
        (Some(0), Some(Distance::Bytes(bytes))) => size(bytes),
        // What one look can tell of the time is next to nothing.
        (_, distance) if node.lag_at_least && !node.is_short() => lag(None, false, distance),
        (millis, distance) => lag(millis, node.lag_at_least, distance),
    }
}

/// How a node stands, in a word or two.
pub fn node_state(node: &NodeReport) -> &'static str {
    match node.state {
        // Further than it should be, and for how long nobody knows.
        NodeState::Good if node.is_short() => "behind",
        NodeState::Good => "good",
        NodeState::Lagging => "lags",
        NodeState::CatchingUp => "catches up",
        NodeState::Stalled => "stalled",
        NodeState::Unreachable => "unreachable",
        NodeState::Unobservable => "can't be seen",
        NodeState::Refused => "refused",
    }
}

fn role(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Primary => "primary",
        NodeRole::Replica => "replica",
        NodeRole::Subscriber => "subscriber",
        NodeRole::Downstream => "downstream",
    }
}

/// The number of a version, without what a distribution adds.
pub fn server(version: &str) -> &str {
    version.split([' ', '-']).next().unwrap_or_default()
}

/// A position in the fewest characters that still tell two apart on one shard.
fn place(position: &Position) -> String {
    let text = match position {
        Position::Wal { timeline, lsn, .. } => {
            let lsn = format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF);
            match timeline {
                1 => lsn,
                timeline => format!("{lsn} on {timeline}"),
            }
        }
        // Of each server's uuid the beginning.
        Position::Gtid(set) => set
            .to_string()
            .split(',')
            .map(|one| match one.split_once(':') {
                Some((uuid, rest)) => format!("{}…:{rest}", &uuid[..uuid.len().min(4)]),
                None => one.to_owned(),
            })
            .collect::<Vec<_>>()
            .join(","),
        Position::Domains(_) => position.to_string().replacen("domains:", "", 1),
        Position::File { log, offset, .. } => format!("{log}:{offset}"),
    };
    if text.chars().count() <= POSITION {
        return text;
    }
    // The end moves.
    let tail: Vec<char> = text.chars().rev().take(POSITION - 1).collect();
    format!("…{}", tail.into_iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_core::node::Blame;

    fn node(state: NodeState) -> NodeReport {
        NodeReport {
            shard: "eu-7".parse().unwrap(),
            name: "b".into(),
            role: NodeRole::Replica,
            policy: NodePolicy::Guard,
            state,
            lag_seconds: Some(7.2),
            lag_at_least: false,
            lag_bytes: Some(114_688),
            lag_transactions: None,
            blame: None,
            findings: Vec::new(),
            unobservable: Vec::new(),
            address: Some("10.0.0.2:5432".into()),
            version: Some("15.18 (Debian 15.18-0+deb12u1)".into()),
            position: Some("wal:7391234567890/1/1A/16B3748".parse().unwrap()),
        }
    }

    #[test]
    fn a_node_that_lags_is_told_with_figures_and_blame() {
        let mut lags = node(NodeState::Stalled);
        lags.blame = Some(Blame::Paused);
        let text = node_troubles([&lags], Timestamp::UNIX_EPOCH).join("\n");
        assert!(
            text.ends_with("eu-7/b: 7.2 s (112.0 KB) behind; replay is paused there"),
            "{text}"
        );
        lags.policy = NodePolicy::Ignore {
            until: None,
            reason: "being rebuilt".into(),
        };
        let text = node_troubles([&lags], Timestamp::UNIX_EPOCH).join("\n");
        assert!(text.ends_with("(ignored: being rebuilt)"), "{text}");
        assert!(!lags.in_trouble(Timestamp::UNIX_EPOCH));
        assert!(node_troubles([&node(NodeState::Good)], Timestamp::UNIX_EPOCH).is_empty());
    }

    #[test]
    fn what_nobody_knows_is_not_nothing() {
        let mut unseen = node(NodeState::Unobservable);
        (unseen.lag_seconds, unseen.lag_bytes) = (None, None);
        assert_eq!(behind(&unseen), "unknown");
        (unseen.lag_seconds, unseen.lag_bytes) = (None, Some(0));
        assert_eq!(behind(&unseen), "0");
        (unseen.lag_seconds, unseen.lag_bytes) = (Some(0.0), Some(2048));
        assert_eq!(behind(&unseen), "2.0 KB");
        let mut lost = node(NodeState::Stalled);
        (lost.lag_seconds, lost.lag_bytes) = (None, None);
        lost.blame = Some(Blame::Disconnected { error: None });
        let text = node_troubles([&lost], Timestamp::UNIX_EPOCH).join("\n");
        assert!(
            text.ends_with("nobody knows how far behind; it gets nothing from upstream"),
            "{text}"
        );
    }

    #[test]
    fn what_is_only_known_to_be_no_less_is_told_so() {
        let mut far = node(NodeState::Good);
        (far.lag_bytes, far.lag_transactions) = (None, Some(1_000_000));
        (far.lag_seconds, far.lag_at_least) = (Some(0.004), true);
        // One look: no time is better than none to speak of.
        assert_eq!(
            (behind(&far), node_state(&far)),
            ("1000000 transactions".into(), "good")
        );
        far.lag_seconds = Some(1.2);
        far.blame = Some(Blame::Apply);
        assert_eq!(behind(&far), "≥ 1.2 s (1000000 transactions)");
        assert_eq!(node_state(&far), "behind");
        assert!(far.in_trouble(Timestamp::UNIX_EPOCH));
        let text = node_troubles([&far], Timestamp::UNIX_EPOCH).join("\n");
        assert!(
            text.ends_with(
                "≥ 1.2 s (1000000 transactions) behind; the replica is still replaying it"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_line_of_the_table_fits_a_hundred_columns() {
        let mut mysql = node(NodeState::Lagging);
        mysql.lag_bytes = None;
        mysql.lag_transactions = Some(12);
        mysql.version = Some("11.8.2-MariaDB-ubu2404".into());
        mysql.position = Some(
            "gtid:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77123,aaaaaaaa-71ca-11e1-9e33-c80aa9429562:1-5"
                .parse()
                .unwrap(),
        );
        let table = node_table([&node(NodeState::Good), &mysql]).to_string();
        for line in table.lines() {
            assert!(line.trim_end().chars().count() <= 100, "{line}");
        }
        assert!(
            table.contains("1A/16B3748") && table.contains("15.18 "),
            "{table}"
        );
        assert!(
            table.contains("11.8.2 ") && table.contains("…:1-5"),
            "{table}"
        );
    }
}
