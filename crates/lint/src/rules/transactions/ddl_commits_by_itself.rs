//! Several changes of the schema, each committed by itself.

use crate::operation::Operation;
use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{Group, Look, MYSQL, Rule},
};
use greylag_core::script::Tx;

pub(super) static DDL_COMMITS_BY_ITSELF: Rule = Rule {
    id: "ddl-commits-by-itself",
    group: Group::Transactions,
    severity: Some(Severity::Note),
    dialects: MYSQL,
    title: "several changes of the schema, each committed by itself",
    about: "MySQL and MariaDB commit each DDL statement. A file with several of them that fails half-way \
            leaves the first half behind. Greylag takes up at the statement that is open; files with one DDL \
            statement each leave nothing to think about.",
    bad: include_str!("ddl_commits_by_itself/bad.sql"),
    good: include_str!("ddl_commits_by_itself/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let statements = &file.content.script.statements;
    let commits: Vec<usize> = (0..statements.len())
        .filter(|at| {
            matches!(statements[*at].tx, Tx::Commits(_)) && !makes_something(&file.operations[*at])
        })
        .collect();
    let Some(second) = commits.get(1) else {
        return Vec::new();
    };
    Draft::new(
        file.span(*second),
        format!(
            "{} changes of the schema, each committed by itself",
            commits.len()
        ),
    )
    .why("If a later one fails, the earlier ones stay, and the shard is between two versions.")
    .instead("Put each into a file of its own.")
    .alone()
}

/// What only makes something new does no harm when it is left behind.
fn makes_something(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::CreateTable(_)
            | Operation::Create(_)
            | Operation::Harmless { .. }
            | Operation::Revoke(_)
            | Operation::Set { .. }
    )
}
