//! The change is kept from replicas.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static BINARY_LOG_OFF: Rule = Rule {
    id: "binary-log-off",
    group: Group::Replicas,
    severity: Some(Severity::Error),
    dialects: MYSQL,
    title: "the change is kept from replicas",
    about: "SET sql_log_bin = 0 keeps what follows out of the binary log: replicas never get it, and a GTID \
            on one side only keeps a replica from ever following again. Greylag migrates the primary, and \
            waits for the replicas.",
    bad: include_str!("binary_log_off/bad.sql"),
    good: include_str!("binary_log_off/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let off = |value: &str| ["0", "OFF", "FALSE"].contains(&value.to_ascii_uppercase().as_str());
    let mut assignments = scene.assignments().into_iter();
    if !assignments.any(|(name, value)| name.to_lowercase().ends_with("sql_log_bin") && off(&value))
    {
        return Vec::new();
    }
    Draft::new(scene.whole(), "replicas never get what follows")
        .why("Primary and replicas are no longer the same, and nothing says so until a statement fails there.")
        .replicas("Greylag would wait for the replicas' history row, which never comes.")
        .instead("Take it out.")
        .alone()
}
