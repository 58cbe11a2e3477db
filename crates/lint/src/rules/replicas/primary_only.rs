//! What is for primaries only is put where replicas are read.

use crate::operation::{Kind, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static PRIMARY_ONLY: Rule = Rule {
    id: "primary-only",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "it can't be read or heard on replicas",
    about: "A view that calls nextval(), or another function that writes, or locks rows (FOR UPDATE, FOR SHARE) can't \
            be read on a standby: the query fails there. One that takes an advisory lock can, but the lock holds on \
            that node alone. NOTIFY reaches those who listen on the primary; a standby takes no LISTEN.",
    bad: include_str!("primary_only/bad.sql"),
    good: include_str!("primary_only/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.has_replicas() {
        return Vec::new();
    }
    let draft = match scene.operation {
        Operation::Create(create) if create.kind == Kind::View => {
            let calls = |known: &[&str]| {
                let mut calls = create.calls.iter();
                calls.find(|call| known.contains(&call.as_str())).cloned()
            };
            let name = create.name.as_ref().map(ToString::to_string);
            let name = name.unwrap_or_default();
            let what = calls(&WRITES).map(|call| format!("it calls {call}()"));
            let what = what.or_else(|| create.locks_rows.then(|| "it locks rows".to_owned()));
            match (what, calls(&ADVISORY)) {
                (Some(what), _) => {
                    Draft::new(scene.whole(), format!("{name} can't be read on replicas: {what}"))
                        .why("A standby is read-only, down to sequences, row locks and transaction ids.")
                        .replicas("Each query of the view fails there (SQLSTATE 25006, or 55000 for what recovery forbids).")
                        .instead("Call it where rows are written, and lock them in the query that changes them, not in a view.")
                }
                (None, Some(call)) => {
                    Draft::new(scene.whole(), format!("{name} locks on the node where it is read alone: it calls {call}()"))
                        .why("Advisory locks are no part of the WAL: who takes one on a replica keeps nobody out on the primary.")
                        .replicas("Two readers on two nodes both get the lock.")
                        .instead("Take the lock on the primary, in the transaction that it is for.")
                }
                (None, None) => return Vec::new(),
            }
        }
        Operation::Harmless { what } if what == "NOTIFY" => told(scene, "NOTIFY"),
        Operation::Select(query) if query.calls.iter().any(|call| call == "pg_notify") => {
            told(scene, "pg_notify()")
        }
        _ => return Vec::new(),
    };
    draft.alone()
}

fn told(scene: &Scene<'_>, what: &str) -> Draft {
    Draft::new(scene.whole(), format!("{what} is not heard on replicas"))
        .severity(Severity::Note)
        .why("Notifications are no part of the WAL: who reads from replicas must listen on the primary.")
        .replicas("LISTEN and NOTIFY are refused there.")
        .instead("Make sure that whoever must know listens on the primary.")
}

/// What a standby refuses.
const WRITES: [&str; 12] = [
    "nextval",
    "setval",
    "txid_current",
    "pg_current_xact_id",
    "pg_notify",
    "pg_current_wal_lsn",
    "pg_current_wal_insert_lsn",
    "pg_switch_wal",
    "pg_logical_emit_message",
    "lo_create",
    "lo_put",
    "lo_from_bytea",
];

/// What a standby grants, to whoever asks there.
const ADVISORY: [&str; 8] = [
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
];
