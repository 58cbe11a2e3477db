//! What is wrong with a node, or about to be, whether or not it lags.

use super::{
    Case, Finding, NodeRole, NodeSighting, ReplayState, Severity, Slot, Subscription,
    failing::more, subscriber::quoted,
};
use crate::position::{Position, Reach};
use jiff::Timestamp;

/// The finding that what comes in is not replayed, and won't be until somebody mends that.
const APPLIER: &str = "applier-stopped";

/// A slot with less room left than this share of what it holds is near its limit.
const ROOM: u64 = 4;

pub(super) fn findings_of(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(applier(case));
    findings.extend(receiver(case));
    findings.extend(conflicts(case));
    findings.extend(errant(case));
    let subscriptions = case.node.subscriptions.iter();
    findings.extend(subscriptions.flat_map(|found| subscription(case, found)));
    findings.extend(case.node.slots.iter().filter_map(slot));
    findings
}

/// What the node has counted since its statistics began: for who looks once, and has no look before to compare with.
pub fn counted(node: &NodeSighting) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(conflicts) = &node.conflicts {
        let of_all = |(kind, count): (&String, &u64)| (*count > 0).then(|| (kind.clone(), *count));
        let cancelled: Vec<_> = conflicts.cancelled.iter().filter_map(of_all).collect();
        let since = began(conflicts.since);
        findings.extend(cancelled_by(
            &cancelled,
            &format!("has cancelled queries there {since}"),
        ));
    }
    for found in &node.subscriptions {
        let (name, since) = (&found.name, began(found.errors_since));
        if let Some(count) = found.apply_errors.filter(|count| *count > 0) {
            findings.push(warning(
                "apply-error",
                format!(
                    "the subscription `{name}` has failed to apply changes {} {since}",
                    times(count)
                ),
                Some(APPLY),
            ));
        }
        if let Some(count) = found.sync_errors.filter(|count| *count > 0) {
            findings.push(warning(
                "sync-error",
                format!(
                    "the subscription `{name}` has failed to copy a table {} {since}",
                    times(count)
                ),
                Some(SYNC),
            ));
        }
    }
    findings
}

const APPLY: &str = "the server's log names the row; a missing column or table is added by the migration there first";

const SYNC: &str = "the server's log names the table";

fn problem(kind: &str, text: String, mend: Option<&str>) -> Finding {
    Finding {
        severity: Severity::Problem,
        kind: kind.into(),
        text,
        mend: mend.map(Into::into),
    }
}

fn warning(kind: &str, text: String, mend: Option<&str>) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..problem(kind, text, mend)
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

fn began(since: Option<Timestamp>) -> String {
    match since {
        Some(since) => format!("since {since:.0}"),
        None => "since its statistics began".to_owned(),
    }
}

/// A replica's applier that ended with an error: idle or not, it gets no further until somebody mends that.
fn applier(case: &Case<'_>) -> Option<Finding> {
    if case.role == NodeRole::Primary {
        return None;
    }
    let ReplayState::Stopped { error: Some(error) } = &case.node.replay.as_ref()?.state else {
        return None;
    };
    Some(problem(
        APPLIER,
        format!("replay has stopped: {error}"),
        Some(
            "mend there what the error names and start the SQL thread again, or rebuild it from its primary",
        ),
    ))
}

fn receiver(case: &Case<'_>) -> Option<Finding> {
    if case.role == NodeRole::Primary {
        return None;
    }
    let upstream = case.node.upstream.as_ref()?;
    let error = upstream.error.as_ref()?;
    Some(match upstream.failed {
        true => problem(
            "receiver-stopped",
            format!("it gets nothing from upstream: {error}"),
            Some(
                "mend there what the error names and start the IO thread again, or rebuild it from its primary",
            ),
        ),
        false => problem(
            "receiver-error",
            format!("it gets nothing from upstream: {error}"),
            None,
        ),
    })
}

/// Only what was cancelled since the look before: the counters never go back.
fn conflicts(case: &Case<'_>) -> Option<Finding> {
    let now = case.node.conflicts.as_ref()?;
    let before = case.before?.0.conflicts.as_ref()?;
    let new = now.cancelled.iter().filter_map(|(kind, count)| {
        let then = before.cancelled.get(kind).copied().unwrap_or(0);
        Some((kind.clone(), more(Some(*count), Some(then))?))
    });
    cancelled_by(&new.collect::<Vec<_>>(), "cancelled queries there")
}

fn cancelled_by(counts: &[(String, u64)], what: &str) -> Option<Finding> {
    let by: Vec<String> = (counts.iter())
        .map(|(kind, count)| format!("{count} by {kind}"))
        .collect();
    (!by.is_empty()).then(|| {
        warning(
            "recovery-conflicts",
            format!("replay {what}: {}", by.join(", ")),
            Some("raise max_standby_streaming_delay, or run long queries elsewhere"),
        )
    })
}

/// What was written on a replica by itself, and its primary does not have.
fn errant(case: &Case<'_>) -> Option<Finding> {
    if case.role == NodeRole::Primary {
        return None;
    }
    let written = case.node.written_here.as_ref()?;
    let there = case.primary?.position.as_ref()?;
    // A domain is reached by its number alone, whoever wrote it: what a replica wrote into one is never the primary's.
    let has = !matches!(written, Position::Domains(_)) && there.reaches(written) == Reach::Yes;
    (!has).then(|| {
        problem(
            "errant-writes",
            format!("it was written to by itself, and its primary does not have that ({written}): the two no longer hold the same"),
            Some("find out what was written; rebuild it from its primary, and set it read_only"),
        )
    })
}

fn subscription(case: &Case<'_>, found: &Subscription) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = &found.name;
    let before = case.before.and_then(|(before, _)| {
        let mut known = before.subscriptions.iter();
        known.find(|before| before.name == *name)
    });
    // One that has just been started has got nothing yet either, and never failed.
    let never_failed = found.apply_errors == Some(0);
    let stands = !found.running || found.stands() && !never_failed;
    if case.role == NodeRole::Subscriber && found.enabled && stands {
        findings.push(problem(
            APPLIER,
            format!("no worker applies the subscription `{name}`"),
            Some("the server's log says why; a missing column or table is added by the migration there first"),
        ));
    }
    let failed = before.and_then(|before| more(found.apply_errors, before.apply_errors));
    if found.owes.is_some() || failed.is_some() {
        findings.push(problem(
            "apply-error",
            format!("the subscription `{name}` fails to apply changes, and has not got past them"),
            Some(APPLY),
        ));
    }
    if found.sync_fails {
        findings.push(problem(
            "sync-error",
            format!("the subscription `{name}` fails to copy a table"),
            Some(SYNC),
        ));
    }
    if !found.enabled {
        findings.push(warning(
            "subscription-disabled",
            format!("the subscription `{name}` is disabled"),
            Some(&format!(
                "its owner runs there: ALTER SUBSCRIPTION {} ENABLE;",
                quoted(name)
            )),
        ));
    }
    if found.syncing > 0 {
        findings.push(warning(
            "subscription-syncing",
            match found.syncing {
                1 => format!("the subscription `{name}` copies a table still"),
                several => format!("the subscription `{name}` copies {several} tables still"),
            },
            None,
        ));
    }
    findings
}

fn slot(slot: &Slot) -> Option<Finding> {
    let name = &slot.name;
    let lost = matches!(slot.status.as_deref(), Some("lost"));
    if lost {
        return Some(problem(
            "slot-lost",
            format!(
                "the slot `{name}` has lost log that its reader has not read: the reader must be built anew"
            ),
            Some("raise max_slot_wal_keep_size before the next one"),
        ));
    }
    let unreserved = matches!(slot.status.as_deref(), Some("unreserved"));
    let retained = slot.retained_bytes.unwrap_or(0);
    let near = slot
        .safe_bytes
        .is_some_and(|safe| safe < retained / ROOM && retained > 0);
    (unreserved || near).then(|| {
        let left = slot
            .safe_bytes
            .map_or("little".to_owned(), |bytes| format!("{bytes} bytes"));
        problem(
            "slot-near-limit",
            format!(
                "the slot `{name}` keeps {retained} bytes of log, and is lost after {left} more"
            ),
            Some("let its reader catch up, or raise max_slot_wal_keep_size"),
        )
    })
}
