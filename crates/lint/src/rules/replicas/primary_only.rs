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
    about: "A view that calls nextval(), takes an advisory lock or locks rows can't be read on a standby: the query \
            fails there. NOTIFY reaches those who listen on the primary; a standby takes no LISTEN. Advisory locks \
            hold on the node where they are taken.",
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
            let Some(what) = create
                .calls
                .iter()
                .find(|call| WRITES.contains(&call.as_str()))
            else {
                return Vec::new();
            };
            let name = create
                .name
                .as_ref()
                .map_or_else(String::new, ToString::to_string);
            Draft::new(scene.whole(), format!("{name} can't be read on replicas: it calls {what}()"))
                .why("A standby is read-only, down to sequences, row locks and transaction ids.")
                .replicas("Each query of the view fails there (SQLSTATE 25006, or 55000 for what recovery forbids).")
                .instead("Call it where rows are written, not in a view.")
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
const WRITES: [&str; 8] = [
    "nextval",
    "setval",
    "txid_current",
    "pg_current_xact_id",
    "pg_notify",
    "pg_current_wal_lsn",
    "pg_switch_wal",
    "lo_create",
];
