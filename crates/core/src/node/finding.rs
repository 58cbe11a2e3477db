//! What is wrong with a node, or about to be, whether or not it lags.

use super::{Case, Finding, NodeRole, Severity, Slot, subscriber::quoted};
use crate::position::{Position, Reach};

/// A slot with less room left than this share of what it holds is near its limit.
const ROOM: u64 = 4;

pub(super) fn findings_of(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(conflicts(case));
    findings.extend(receiver(case));
    findings.extend(errant(case));
    findings.extend(subscriptions(case));
    findings.extend(case.node.slots.iter().filter_map(slot));
    findings
}

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

/// Only what was cancelled since the look before: the counters never go back.
fn conflicts(case: &Case<'_>) -> Option<Finding> {
    let now = case.node.conflicts.as_ref()?;
    let before = case.before?.0.conflicts.as_ref()?;
    let new: Vec<String> = now
        .cancelled
        .iter()
        .filter_map(|(kind, count)| {
            let more = count.saturating_sub(before.cancelled.get(kind).copied().unwrap_or(0));
            (more > 0).then(|| format!("{more} by {kind}"))
        })
        .collect();
    (!new.is_empty()).then(|| {
        warning(
            "recovery-conflicts",
            format!("replay cancelled queries there: {}", new.join(", ")),
            Some("raise max_standby_streaming_delay, or run long queries elsewhere"),
        )
    })
}

fn receiver(case: &Case<'_>) -> Option<Finding> {
    if case.role == NodeRole::Primary {
        return None;
    }
    let error = case.node.upstream.as_ref()?.error.as_ref()?;
    Some(problem(
        "receiver-error",
        format!("it gets nothing from upstream: {error}"),
        None,
    ))
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

fn subscriptions(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for subscription in &case.node.subscriptions {
        let name = &subscription.name;
        let before = case.before.and_then(|(before, _)| {
            before
                .subscriptions
                .iter()
                .find(|before| before.name == *name)
        });
        let more = |now: Option<u64>, then: Option<u64>| {
            now.zip(then)
                .map(|(now, then)| now.saturating_sub(then))
                .filter(|more| *more > 0)
        };
        if let Some(more) = more(
            subscription.apply_errors,
            before.and_then(|before| before.apply_errors),
        ) {
            findings.push(problem(
                "apply-error",
                format!("the subscription `{name}` failed to apply changes {more} times since the look before"),
                Some("the server's log names the row; a missing column or table is added by the migration there first"),
            ));
        }
        if let Some(more) = more(
            subscription.sync_errors,
            before.and_then(|before| before.sync_errors),
        ) {
            findings.push(problem(
                "sync-error",
                format!("the subscription `{name}` failed to copy a table {more} times since the look before"),
                Some("the server's log names the table"),
            ));
        }
        if !subscription.enabled {
            findings.push(warning(
                "subscription-disabled",
                format!("the subscription `{name}` is disabled"),
                Some(&format!(
                    "its owner runs there: ALTER SUBSCRIPTION {} ENABLE;",
                    quoted(name)
                )),
            ));
        }
        if subscription.syncing > 0 {
            findings.push(warning(
                "subscription-syncing",
                match subscription.syncing {
                    1 => format!("the subscription `{name}` copies a table still"),
                    several => format!("the subscription `{name}` copies {several} tables still"),
                },
                None,
            ));
        }
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
