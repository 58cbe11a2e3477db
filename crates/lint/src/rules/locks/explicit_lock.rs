//! LOCK TABLE keeps others out for as long as the migration takes.

use crate::operation::Operation;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};

pub(super) static EXPLICIT_LOCK: Rule = Rule {
    id: "explicit-lock",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "LOCK TABLE keeps others out for as long as the migration takes",
    about: "A migration that locks a table by hand keeps others out until its transaction ends, whatever \
            else it does meanwhile. Statements take the locks that they need.",
    bad: include_str!("explicit_lock/bad.sql"),
    good: include_str!("explicit_lock/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::LockTable { tables, mode, .. } = scene.operation else {
        return Vec::new();
    };
    let Some(table) = tables.iter().find(|table| !scene.is_new(table)) else {
        return Vec::new();
    };
    let light = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "READ"].contains(&mode.as_str());
    if light {
        return Vec::new();
    }
    Draft::new(scene.whole(), format!("{table} is locked until the transaction ends"))
        .why("Others wait for everything that the migration does after it.")
        .lock(format!("It takes {mode} on {table}."))
        .instead("Leave it out: each statement takes the locks it needs, and Greylag bounds the wait for them.")
        .alone()
}
