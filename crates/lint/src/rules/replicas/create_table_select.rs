//! CREATE TABLE … SELECT is logged as two things.

use crate::operation::Operation;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static CREATE_TABLE_SELECT: Rule = Rule {
    id: "create-table-select",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "CREATE TABLE … SELECT is logged as two things",
    about: "It commits in the middle: with GTIDs older servers refuse it, and a replica that fails between \
            the two has an empty table. Create the table, then insert.",
    bad: include_str!("create_table_select/bad.sql"),
    good: include_str!("create_table_select/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::CreateTable(create) = scene.operation else {
        return Vec::new();
    };
    if create.query.is_none() || create.temporary {
        return Vec::new();
    }
    Draft::new(scene.whole(), format!("{} is made and filled in one statement", create.name))
        .why("The table is committed before its rows: a failure leaves it empty, and it has no keys of the original.")
        .replicas("MySQL before 8.0.21 refuses it with GTIDs.")
        .instead("CREATE TABLE with its columns and keys, then INSERT … SELECT.")
        .alone()
}
