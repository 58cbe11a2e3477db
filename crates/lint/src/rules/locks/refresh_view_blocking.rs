//! A materialized view can't be read while it is refreshed.

use super::super::{rewrite, words};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{
    fix::{Fix, Step},
    operation::{Name, Operation, Work},
};

pub(super) static REFRESH_VIEW_BLOCKING: Rule = Rule {
    id: "refresh-view-blocking",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "a materialized view can't be read while it is refreshed",
    about: "REFRESH MATERIALIZED VIEW takes ACCESS EXCLUSIVE on the view until the query is done. With \
            CONCURRENTLY, which needs a unique index and may run in a transaction, readers go on.",
    bad: include_str!("refresh_view_blocking/bad.sql"),
    good: include_str!("refresh_view_blocking/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Maintain(maintain) = scene.operation else {
        return Vec::new();
    };
    if maintain.work
        != (Work::Refresh {
            concurrently: false,
        })
    {
        return Vec::new();
    }
    let text = scene.text();
    let behind = text
        .to_ascii_uppercase()
        .find("VIEW")
        .map_or(0, |at| at + 4);
    let sql = format!("{} CONCURRENTLY{};", &text[..behind], &text[behind..]);
    let made_here = |view: &Name| {
        scene.operations.iter().any(
            |op| matches!(op, Operation::Create(c) if c.name.as_ref().is_some_and(|n| n.is(view))),
        )
    };
    let views = maintain
        .tables
        .iter()
        .filter(|view| !made_here(view) && !text.to_ascii_uppercase().ends_with("WITH NO DATA"));
    views
        .map(|view| {
            words::about(
                scene,
                view,
                &scene.whole(),
                format!("{view} can't be read until it is refreshed"),
            )
            .why("Every query on the view waits until its own query is done.")
            .instead("Use REFRESH MATERIALIZED VIEW CONCURRENTLY; the view needs a unique index.")
            .fix(fix(scene, view, &sql))
        })
        .collect()
}

/// Without a unique index of plain columns over all rows the server refuses CONCURRENTLY.
fn fix(scene: &Scene<'_>, view: &Name, sql: &str) -> Option<Fix> {
    let mut indexes = scene.known(view)?.indexes.iter();
    if !indexes.any(|index| index.unique && !index.worked_out) {
        return None;
    }
    let steps = vec![Step::here(sql)];
    rewrite::statement(scene, "refresh it concurrently", steps)
}
