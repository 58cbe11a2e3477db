//! Dropping a foreign key keeps out readers of two tables.

use super::super::words;
use crate::effects::Role;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static FOREIGN_KEY_DROP_LOCKS_BOTH: Rule = Rule {
    id: "foreign-key-drop-locks-both",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "dropping a foreign key keeps out readers of two tables",
    about: "Dropping a foreign key, or a table that has one, takes ACCESS EXCLUSIVE on the other table as \
            well. With the table that everything references, that stops everything. One foreign key per \
            migration, and a lock timeout.",
    bad: include_str!("foreign_key_drop_locks_both/bad.sql"),
    good: include_str!("foreign_key_drop_locks_both/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let taken = scene.taken();
    let both = taken
        .iter()
        .filter(|taken| taken.role == Role::Referenced && taken.is_exclusive());
    both.map(|taken| {
        let other = &taken.table;
        words::about(scene, other, &taken.span, format!("reads and writes of {other} wait too"))
            .why("The foreign key is also on the other side: the lock is taken there as well, and everything waits behind it.")
            .instead("Drop one foreign key per migration, apart from other work, in a quiet hour.")
    })
    .collect()
}
