//! A partition is detached while nobody may read the table.

use super::super::{rewrite, words};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{fix::Step, operation::Action};

pub(super) static DETACH_PARTITION_BLOCKING: Rule = Rule {
    id: "detach-partition-blocking",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "a partition is detached while nobody may read the table",
    about: "DETACH PARTITION takes ACCESS EXCLUSIVE on the partitioned table. DETACH … CONCURRENTLY \
            (PostgreSQL 14 and later) does not; it can't run in a transaction, nor where there is a default \
            partition.",
    bad: include_str!("detach_partition_blocking/bad.sql"),
    good: include_str!("detach_partition_blocking/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    scene
        .actions()
        .filter_map(|(table, action, span)| match action {
            Action::DetachPartition { partition, concurrently: false } => Some((table, partition, span)),
            _ => None,
        })
        .map(|(table, partition, span)| {
            let sql = format!(
                "ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY;",
                scene.sql(&table.span),
                scene.sql(&partition.span)
            );
            let steps = vec![Step::outside(format!("detach {}", partition.name), sql)];
            words::about(scene, table, span, format!("all of {table} is locked to detach {partition}"))
                .why("The lock waits behind the longest query on any partition, and every other query waits behind the lock.")
                .instead("Use DETACH PARTITION … CONCURRENTLY, in a file of its own with `-- greylag:transaction off`.")
                .fix(rewrite::clause(scene, span, "detach it concurrently, in a file of its own", steps))
        })
        .collect()
}
