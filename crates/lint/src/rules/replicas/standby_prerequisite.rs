//! Replicas need something first that no WAL brings them.

use crate::operation::{Alter, Change, Kind, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static STANDBY_PREREQUISITE: Rule = Rule {
    id: "standby-prerequisite",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "replicas need something first that no WAL brings them",
    about: "A tablespace's folder, an extension's library, and settings like max_connections must be there \
            on each standby before the primary uses them; else it stops replaying, or queries there fail. \
            DROP DATABASE ends the sessions there.",
    bad: include_str!("standby_prerequisite/bad.sql"),
    good: include_str!("standby_prerequisite/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.has_replicas() {
        return Vec::new();
    }
    let (what, instead) = match scene.operation {
        Operation::Create(create) => match create.kind {
            Kind::Tablespace => (
                "the tablespace's folder must exist on each replica",
                "Make the folder on every node first.",
            ),
            Kind::Extension => (
                "the extension's library must be installed on each replica",
                "Install its package on every node first.",
            ),
            _ => return Vec::new(),
        },
        Operation::Drop(drop) if drop.kind == Kind::Database => (
            "sessions on replicas are ended",
            "Make sure that nobody reads it there any more.",
        ),
        Operation::Alter(Alter {
            change: Change::Other(text),
            ..
        }) if GROWING.iter().any(|name| text.contains(name)) && text.starts_with("SET ") => (
            "the setting must be raised on each replica first",
            "Raise it on the replicas, then on the primary; lower it the other way round.",
        ),
        _ => return Vec::new(),
    };
    Draft::new(scene.whole(), what)
        .why("The WAL says that it is there, not what it is: a standby without it stops replaying, or fails its queries.")
        .replicas("A standby that can't replay pauses or ends; reads there go stale.")
        .instead(instead)
        .alone()
}

/// Settings that a standby must have at least as large.
const GROWING: [&str; 5] = [
    "MAX_CONNECTIONS",
    "MAX_WORKER_PROCESSES",
    "MAX_WAL_SENDERS",
    "MAX_LOCKS_PER_TRANSACTION",
    "MAX_PREPARED_TRANSACTIONS",
];
