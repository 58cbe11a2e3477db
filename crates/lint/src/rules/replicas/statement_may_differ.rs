//! A replica may do this differently.

use crate::operation::{Operation, Verb};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static STATEMENT_MAY_DIFFER: Rule = Rule {
    id: "statement-may-differ",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "a replica may do this differently",
    about: "With statement-based (or mixed) binary logs UUID(), RAND(), SYSDATE(), LIMIT without ORDER BY, \
            and INSERT … SELECT into an AUTO_INCREMENT table give other rows on a replica. With row-based \
            logs they don't, but whoever replays statements (a restore, another shard) still gets others.",
    bad: include_str!("statement_may_differ/bad.sql"),
    good: include_str!("statement_may_differ/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Write(write) = scene.operation else {
        return Vec::new();
    };
    let Some(table) = &write.table else {
        return Vec::new();
    };
    let numbered = scene
        .known(table)
        .is_some_and(|known| known.columns.iter().any(|column| column.numbers_itself));
    let call = write
        .calls
        .iter()
        .find(|call| UNSAFE.contains(&call.as_str()));
    let what = if let Some(call) = call {
        format!("{call}() gives another value each time")
    } else if write.limit && !write.ordered {
        "LIMIT without ORDER BY takes other rows each time".to_owned()
    } else if numbered && write.from_query && write.verb == Verb::Insert && !write.ordered {
        "the numbers depend on the order in which rows are read".to_owned()
    } else {
        return Vec::new();
    };
    Draft::new(scene.whole(), format!("{table} may get other rows on a replica: {what}"))
        .why("A replica that repeats the statement, instead of receiving its rows, ends up with other data.")
        .replicas("Unsafe with binlog_format STATEMENT; MIXED and ROW send the rows.")
        .instead("Work the values out beforehand, order the rows, and make sure that binlog_format is ROW.")
        .alone()
}

const UNSAFE: [&str; 10] = [
    "uuid",
    "uuid_short",
    "rand",
    "sysdate",
    "connection_id",
    "last_insert_id",
    "row_count",
    "found_rows",
    "load_file",
    "version",
];
