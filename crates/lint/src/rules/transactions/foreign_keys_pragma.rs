//! PRAGMA foreign_keys does nothing inside a transaction.

use crate::operation::Operation;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SQLITE},
};

pub(super) static FOREIGN_KEYS_PRAGMA: Rule = Rule {
    id: "foreign-keys-pragma",
    group: Group::Transactions,
    severity: Some(Severity::Error),
    dialects: SQLITE,
    title: "PRAGMA foreign_keys does nothing inside a transaction",
    about: "SQLite ignores PRAGMA foreign_keys inside a transaction. A table that is built anew and swapped \
            then deletes the rows that reference it, by ON DELETE. Put the PRAGMA into a file with `-- \
            greylag:transaction off`, or use PRAGMA defer_foreign_keys, which works inside.",
    bad: include_str!("foreign_keys_pragma/bad.sql"),
    good: include_str!("foreign_keys_pragma/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Set { name, .. } = scene.operation else {
        return Vec::new();
    };
    if name != "pragma foreign_keys" || scene.transaction().is_none() {
        return Vec::new();
    }
    Draft::new(scene.whole(), "this PRAGMA does nothing: the file is one transaction")
        .why("Foreign keys stay as they were: dropping a table that others reference deletes or refuses their rows.")
        .instead("Use PRAGMA defer_foreign_keys = ON, or `-- greylag:transaction off` with a BEGIN behind the PRAGMA.")
        .alone()
}
