//! A partition is read whole while it is attached.

use super::super::words;
use crate::operation::Action;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static ATTACH_PARTITION_SCAN: Rule = Rule {
    id: "attach-partition-scan",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "a partition is read whole while it is attached",
    about: "ATTACH PARTITION looks at each row of the new partition, under ACCESS EXCLUSIVE on it, to see \
            that it fits; and of the default partition, to see that nothing in there belongs to it. A \
            validated CHECK that says the same spares that.",
    bad: include_str!("attach_partition_scan/bad.sql"),
    good: include_str!("attach_partition_scan/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    scene
        .actions()
        .filter_map(|(_, action, span)| match action {
            Action::AttachPartition { partition, .. } if !scene.is_new(partition) => Some((partition, span)),
            _ => None,
        })
        .filter(|(partition, _)| scene.known(partition).is_none_or(|known| known.checks.iter().all(|check| !check.2)))
        .map(|(partition, span)| {
            words::about(scene, partition, span, format!("all of {partition} is read while it is attached"))
                .why(words::why(scene, partition, "Nobody may read or write the partition until every row was looked at."))
                .instead("Add a CHECK that says what the bounds say, NOT VALID; validate it in a file of its own; attach; drop it.")
        })
        .collect()
}
