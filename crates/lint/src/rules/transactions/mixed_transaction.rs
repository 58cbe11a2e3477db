//! One statement takes the transaction from all others of its file.

use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, POSTGRES, Rule},
};
use greylag_core::script::{Statement, Tx};

pub(super) static MIXED_TRANSACTION: Rule = Rule {
    id: "mixed-transaction",
    group: Group::Transactions,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "one statement takes the transaction from all others of its file",
    about: "A file with a statement that can't run in a transaction goes statement by statement: if it fails \
            half-way, what came before stays. Greylag takes up at the statement that is open, but the other \
            statements would be safer in a file of their own.",
    bad: include_str!("mixed_transaction/bad.sql"),
    good: include_str!("mixed_transaction/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let statements = &file.content.script.statements;
    let apart = statements
        .iter()
        .position(|s| matches!(s.tx, Tx::Cannot(_)));
    let others = |s: &&Statement| s.tx == Tx::Can && !s.session;
    let others = statements.iter().filter(others).count();
    let (Some(apart), true) = (apart, others > 0) else {
        return Vec::new();
    };
    let Tx::Cannot(what) = statements[apart].tx else {
        return Vec::new();
    };
    Draft::new(
        statements[apart].span.clone(),
        format!("{what} keeps {others} other statements out of a transaction"),
    )
    .why("The file goes statement by statement: a failure half-way leaves the first half behind.")
    .instead("Move it into a file of its own.")
    .alone()
}
