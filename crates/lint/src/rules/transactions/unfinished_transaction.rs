//! The file begins a transaction and doesn't end it.

use crate::operation::Operation;
use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::script::TxControl;

pub(super) static UNFINISHED_TRANSACTION: Rule = Rule {
    id: "unfinished-transaction",
    group: Group::Transactions,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "the file begins a transaction and doesn't end it",
    about: "A BEGIN without COMMIT leaves the transaction open: its locks stay, and it is undone when the \
            connection ends. Let Greylag make the transaction.",
    bad: include_str!("unfinished_transaction/bad.sql"),
    good: include_str!("unfinished_transaction/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let mut open = None;
    for (index, operation) in file.operations.iter().enumerate() {
        match operation {
            Operation::Transaction(TxControl::Begin) => open = Some(index),
            Operation::Transaction(TxControl::Commit | TxControl::Rollback) => open = None,
            _ => {}
        }
    }
    let Some(index) = open else {
        return Vec::new();
    };
    Draft::new(file.span(index), "this transaction never ends")
        .why("What it does is undone when the connection ends, and its locks are held until then.")
        .instead("Take the BEGIN out: Greylag makes the transaction itself.")
        .alone()
}
