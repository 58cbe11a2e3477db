//! Dropping a foreign key keeps out readers of two tables.

use super::super::words;
use crate::{
    effects::{Role, Taken},
    operation::{Kind, Name, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, File},
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
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let mut held: Vec<(Option<usize>, &Name)> = Vec::new();
    let mut drafts = Vec::new();
    for (index, taken) in file.taken.iter().enumerate() {
        let transaction = file.transactions[index];
        let exclusive = taken.iter().filter(|taken| taken.is_exclusive());
        for taken in exclusive {
            let other = &taken.table;
            // What this transaction has locked already waits no longer for it.
            let known = held
                .iter()
                .any(|(of, table)| transaction.is_some() && *of == transaction && table.is(other));
            if taken.role == Role::Referenced && !known && !goes(file, other) {
                drafts.push(about(file, taken));
            }
            held.push((transaction, other));
        }
    }
    drafts
}

/// Whether the file drops the table itself: nobody should be reading it.
fn goes(file: &File<'_>, table: &Name) -> bool {
    file.operations.iter().any(|operation| match operation {
        Operation::Drop(drop) if drop.kind == Kind::Table => {
            drop.names.iter().any(|name| name.is(table))
        }
        _ => false,
    })
}

fn about(file: &File<'_>, taken: &Taken) -> Draft {
    let other = &taken.table;
    let draft = Draft::new(
        taken.span.clone(),
        format!("reads and writes of {other} wait too"),
    )
    .sized(&file.size(other))
    .why("The foreign key is also on the other side: the lock is taken there as well, and everything waits behind it.")
    .instead("Drop one foreign key per migration, apart from other work, in a quiet hour.");
    let draft = match taken.sentence() {
        Some(lock) => draft.lock(format!("It takes {lock}.")),
        None => draft,
    };
    match words::replayed_lock(file, other) {
        Some(text) => draft.replicas(text),
        None => draft,
    }
}
