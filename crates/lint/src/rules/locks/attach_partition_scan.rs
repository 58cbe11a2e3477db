//! A partition is read whole while it is attached.

use super::super::words;
use super::bounds::Bounds;
use crate::operation::{Action, Bytes, Name, Operation};
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
            that it fits; and, like CREATE TABLE … PARTITION OF, at each row of the default partition, to see that nothing in there belongs to it. A \
            validated CHECK that says what the bounds say, on a column that is NOT NULL, spares the first; one on the default partition \
            that says NOT what they say spares the second. Any other CHECK spares nothing.",
    bad: include_str!("attach_partition_scan/bad.sql"),
    good: include_str!("attach_partition_scan/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if let Operation::CreateTable(create) = scene.operation {
        let parent = create
            .partition_of
            .as_ref()
            .filter(|parent| !scene.is_new(parent));
        let span = scene.whole();
        let bounds = |parent: &Name| scene.sql(&(parent.span.end..span.end));
        let rest = parent.and_then(|parent| rest_read(scene, parent, bounds(parent), &parent.span));
        return rest.into_iter().collect();
    }
    let mut drafts = Vec::new();
    for (parent, action, span) in scene.actions() {
        let Action::AttachPartition { partition, .. } = action else {
            continue;
        };
        let text = scene.sql(span);
        if !scene.is_new(partition) && !is_proven(scene, parent, partition, text) {
            drafts.push(partition_read(scene, partition, span));
        }
        drafts.extend(rest_read(scene, parent, text, span));
    }
    drafts
}

fn partition_read(scene: &Scene<'_>, partition: &Name, span: &Bytes) -> Draft {
    words::about(scene, partition, span, format!("all of {partition} is read while it is attached"))
        .why(words::why(scene, partition, "Nobody may read or write the partition until every row was looked at."))
        .instead("Make its column NOT NULL, and add a CHECK that says what the bounds say, NOT VALID; validate it in a file of its own; attach; drop it.")
}

/// The default partition, whose rows are looked through for such as belong to the new one.
fn rest_read(scene: &Scene<'_>, parent: &Name, bounds: &str, span: &Bytes) -> Option<Draft> {
    let rest = scene
        .catalog
        .default_of(parent)
        .filter(|rest| !scene.is_new(&rest.name))?;
    let known = scene.known(parent);
    let bounds = Bounds::read(bounds);
    let key = known.and_then(|known| known.partition_column());
    if bounds.is_some_and(|bounds| bounds.are_kept_out_of(rest, key)) {
        return None;
    }
    let rest = &rest.name;
    let draft = words::about(scene, rest, span, format!("all of the default partition {rest} is read to see that nothing in there belongs to the new one"))
        .why(words::why(scene, rest, "It is locked with ACCESS EXCLUSIVE: nobody may read or write it until every row was looked at, nor the whole table where a query can't leave it out."))
        .instead("Add a CHECK to the default partition that says NOT what the bounds say, NOT VALID; validate it in a file of its own; then add the partition, and drop the CHECK.");
    Some(draft)
}

fn is_proven(scene: &Scene<'_>, parent: &Name, partition: &Name, bounds: &str) -> bool {
    let key = scene
        .known(parent)
        .and_then(|known| known.partition_column());
    let (Some(bounds), Some(known)) = (Bounds::read(bounds), scene.known(partition)) else {
        return false;
    };
    bounds.are_proven_by(known, key)
}
