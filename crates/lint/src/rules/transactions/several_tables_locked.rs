//! Several tables are locked at once.

use crate::operation::Name;
use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static SEVERAL_TABLES_LOCKED: Rule = Rule {
    id: "several-tables-locked",
    group: Group::Transactions,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "several tables are locked at once",
    about: "Each lock of a transaction is held to its end. With the second table locked the first is still \
            locked, and two migrations or queries that take them in another order end in a deadlock. One \
            table per migration.",
    bad: include_str!("several_tables_locked/bad.sql"),
    good: include_str!("several_tables_locked/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut held: Vec<(usize, Name)> = Vec::new();
    let mut told: Vec<usize> = Vec::new();
    for (index, taken) in file.taken.iter().enumerate() {
        let Some(transaction) = file.transactions[index] else {
            continue;
        };
        for taken in taken {
            let mine = held
                .iter()
                .any(|(at, table)| *at == transaction && table.is(&taken.table));
            if !taken.is_exclusive()
                || mine
                || matches!(&*taken.effect.id, "drop-foreign-key" | "drop-table")
            {
                continue;
            }
            let before: Vec<String> = held
                .iter()
                .filter(|(at, _)| *at == transaction)
                .map(|(_, table)| table.to_string())
                .collect();
            held.push((transaction, taken.table.clone()));
            if before.is_empty() || told.contains(&transaction) {
                continue;
            }
            told.push(transaction);
            let title = format!(
                "{} is locked while {} still is",
                taken.table,
                before.join(", ")
            );
            drafts.push(
                Draft::new(taken.span.clone(), title)
                    .why("Locks are held to the end of the transaction: reads and writes of all these tables wait together.")
                    .lock("ACCESS EXCLUSIVE on each of them keeps out reads and writes.")
                    .replicas("Replicas hold the locks from where they replay them to where they replay the commit.")
                    .instead("Change one table per migration."),
            );
        }
    }
    drafts
}
