//! A new reference makes writes to the other table wait.

use crate::effects::{Role, Taken};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static REFERENCE_LOCKS_OTHER: Rule = Rule {
    id: "reference-locks-other",
    group: Group::Locks,
    severity: Some(Severity::Note),
    dialects: POSTGRES,
    title: "a new reference makes writes to the other table wait",
    about: "A foreign key takes SHARE ROW EXCLUSIVE on the table that it references, also where nothing has \
            to be read: with NOT VALID, with a new column, with a new table. It is short, but it waits \
            behind every transaction that has written to that table, and all writes wait behind it.",
    bad: include_str!("reference_locks_other/bad.sql"),
    good: include_str!("reference_locks_other/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let taken = scene.taken();
    let mut told: Vec<&Taken> = Vec::new();
    for one in taken
        .iter()
        .filter(|t| t.role == Role::Referenced && t.lock() == Some("SHARE ROW EXCLUSIVE"))
    {
        if !told.iter().any(|before| before.table.is(&one.table)) {
            told.push(one);
        }
    }
    told.into_iter()
        .map(|taken| {
            let other = &taken.table;
            Draft::new(taken.span.clone(), format!("writes to {other} wait while the reference is made"))
                .why(format!("The lock waits behind every transaction that has written to {other}, and all writes to it wait behind the lock."))
                .lock(format!("It takes SHARE ROW EXCLUSIVE on {other}, which keeps out writes."))
                .replicas("Replicas take no lock for it.")
                .instead("One reference per migration, where writes to the other table are short.")
        })
        .collect()
}
