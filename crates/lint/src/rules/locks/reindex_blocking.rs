//! An index is built anew while writes wait.

use super::super::rewrite;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{fix::Step, operation::Operation};

pub(super) static REINDEX_BLOCKING: Rule = Rule {
    id: "reindex-blocking",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "an index is built anew while writes wait",
    about: "REINDEX keeps out writes to the table, and every query that would use the index. REINDEX \
            CONCURRENTLY builds the new index beside the old one; it can't run in a transaction.",
    bad: include_str!("reindex_blocking/bad.sql"),
    good: include_str!("reindex_blocking/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Reindex(reindex) = scene.operation else {
        return Vec::new();
    };
    if reindex.concurrently || reindex.name.as_ref().is_some_and(|name| scene.is_new(name)) {
        return Vec::new();
    }
    let what = reindex
        .name
        .as_ref()
        .map_or_else(|| "everything".to_owned(), ToString::to_string);
    let kind = &reindex.kind;
    Draft::new(scene.whole(), format!("building the indexes of {what} anew keeps out writes"))
        .why("Writes wait until it is done, and so does every query that the planner would answer from the index.")
        .lock("It takes SHARE on the table, which keeps out writes, and ACCESS EXCLUSIVE on each index.")
        .replicas("Replicas replay the lock on each index, and cancel queries on the table.")
        .instead("Use REINDEX … CONCURRENTLY, in a file of its own with `-- greylag:transaction off`.")
        .fix(reindex.name.as_ref().and_then(|name| {
            // Options would be lost.
            if scene.text().contains('(') {
                return None;
            }
            let sql = format!("REINDEX {kind} CONCURRENTLY {};", scene.sql(&name.span));
            let steps = vec![Step::outside(format!("reindex {}", name.name), sql)];
            rewrite::statement(scene, "rebuild concurrently, in a file of its own", steps)
        }))
        .alone()
}
