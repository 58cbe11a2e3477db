//! The table is copied while writes wait.

use super::super::{online, words};
use crate::effects::Algorithm;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static COPIES_TABLE: Rule = Rule {
    id: "copies-table",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: MYSQL,
    title: "the table is copied while writes wait",
    about: "Changing a type, dropping a primary key, adding a foreign key or a CHECK, or converting the \
            character set makes the server copy the table: writes wait until it is done, and replicas then \
            do it again. A tool that changes tables online does it beside running traffic.",
    bad: include_str!("copies_table/bad.sql"),
    good: include_str!("copies_table/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(cost) = online::cost(scene) else {
        return Vec::new();
    };
    if !cost.writes_wait || online::is_handed_over(scene) {
        return Vec::new();
    }
    let (table, engine) = (cost.table, scene.unit.engine.title());
    let does = if cost.algorithm == Algorithm::Copy {
        "copied"
    } else {
        "worked on"
    };
    Draft::new(cost.span.clone(), format!("{table} is {does} while writes wait"))
        .sized(&scene.size(table))
        .decided(cost.decided)
        .why(words::why(scene, table, &format!("{} isn't possible beside writes in {engine} {}.", cost.title, cost.version)))
        .lock(format!("Writes to {table} wait until it is done; at its beginning and end reads wait too."))
        .replicas("Replicas do it again when the primary is done, and lag all the while.")
        .instead("Hand it to `-- greylag:online pt-online-schema-change`, or add something new beside it and fill that with a backfill.")
        .alone()
}
