//! A statement that can't run in a transaction stands in one.

use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, POSTGRES, Rule},
};
use greylag_core::script::Tx;

pub(super) static CONCURRENTLY_IN_TRANSACTION: Rule = Rule {
    id: "concurrently-in-transaction",
    group: Group::Transactions,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a statement that can't run in a transaction stands in one",
    about: "CREATE INDEX CONCURRENTLY, VACUUM and their like are refused inside a transaction. Greylag runs \
            such files statement by statement by itself; a BEGIN in the file, or `-- greylag:transaction \
            on`, takes that away.",
    bad: include_str!("concurrently_in_transaction/bad.sql"),
    good: include_str!("concurrently_in_transaction/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if let Err(error) = &file.content.mode {
        let span = file.span(error.statement);
        drafts.push(
            Draft::new(
                span,
                format!("the file asks for one transaction, but {}", error.why),
            )
            .why("The server refuses the statement, and nothing of the file runs.")
            .instead(error.hint()),
        );
        return drafts;
    }
    for (index, statement) in file.content.script.statements.iter().enumerate() {
        if let (Tx::Cannot(what), Some(_)) = (statement.tx, file.transactions[index]) {
            drafts.push(
                Draft::new(
                    statement.span.clone(),
                    format!("{what} stands between BEGIN and COMMIT"),
                )
                .why("The server refuses it there, and what the transaction did before is lost.")
                .instead("Move it into a file of its own with `-- greylag:transaction off`."),
            );
        }
    }
    drafts
}
