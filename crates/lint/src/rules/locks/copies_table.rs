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
    about: "Changing a type, dropping a primary key, adding a foreign key or a CHECK, converting the character \
            set, or asking for ALGORITHM=COPY or a LOCK makes the server copy the table: writes wait until it is done, and replicas then \
            do it again. A Galera cluster carries it out on all nodes at one point of the order (TOI): writes to all of its tables wait, on every node, until the copy is \
            done. A tool that changes tables online does it beside running traffic.",
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
    let who = if cost.reads_wait {
        "reads and writes"
    } else {
        "writes"
    };
    let why = match cost.title {
        "ALGORITHM=COPY" | "LOCK=EXCLUSIVE" | "LOCK=SHARED" => {
            format!("The statement itself asks for {}.", cost.title)
        }
        title => format!(
            "{title} isn't possible beside writes in {engine} {}.",
            cost.version
        ),
    };
    let lock = if cost.reads_wait {
        format!("Reads and writes of {table} wait until it is done.")
    } else {
        format!("Writes to {table} wait until it is done; at its beginning and end reads wait too.")
    };
    let title = format!("{table} is {does} while {who} wait");
    let draft = Draft::new(cost.span.clone(), title)
        .sized(&scene.size(table))
        .decided(cost.decided)
        .why(words::why(scene, table, &why))
        .lock(lock)
        .replicas("Replicas do it again when the primary is done, and lag all the while; in a Galera cluster all nodes do it at once, and writes to every table wait.");
    let instead = if why.starts_with("The statement") {
        "Leave the clause out: Greylag asks for the lightest way itself."
    } else {
        "Hand it to `-- greylag:online pt-online-schema-change`, or add something new beside it and fill that with a backfill."
    };
    draft.instead(instead).alone()
}
