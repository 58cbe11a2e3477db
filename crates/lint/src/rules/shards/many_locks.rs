//! One transaction locks very many tables.

use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static MANY_LOCKS: Rule = Rule {
    id: "many-locks",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "one transaction locks very many tables",
    about: "Each table and index that a transaction touches takes a place in the server's lock table, which \
            all schema shards of a server share (max_locks_per_transaction × max_connections). A migration \
            over many tables, times shards at once, exhausts it for everybody.",
    bad: include_str!("many_locks/bad.sql"),
    good: include_str!("many_locks/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let mut tables: Vec<Vec<String>> = Vec::new();
    for (index, operation) in file.operations.iter().enumerate() {
        let Some(transaction) = file.transactions[index] else {
            continue;
        };
        if tables.len() <= transaction {
            tables.resize(transaction + 1, Vec::new());
        }
        let own = &mut tables[transaction];
        let touched = &file.taken[index];
        let names = touched.iter().map(|taken| taken.table.to_string());
        let created = operation.table().map(ToString::to_string);
        for name in names.chain(created) {
            if !own.contains(&name) {
                own.push(name);
            }
        }
        if own.len() == MANY + 1 {
            return Draft::new(file.span(index), format!("more than {MANY} tables are locked in one transaction"))
                .why("The server's lock table is shared by all sessions: when it is full, every one of them fails (out of shared memory).")
                .shards("Schema shards of one server go through it at the same time.")
                .instead("Split the file.")
                .alone();
        }
    }
    Vec::new()
}

/// Half of what one transaction may be sure of: max_locks_per_transaction is 64, and indexes count too.
const MANY: usize = 32;
