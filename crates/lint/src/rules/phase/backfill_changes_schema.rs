//! A backfill changes the schema.

use crate::operation::Operation;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static BACKFILL_CHANGES_SCHEMA: Rule = Rule {
    id: "backfill-changes-schema",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a backfill changes the schema",
    about: "A backfill runs for hours, in batches, beside everything else, and is repeated after a failure. \
            A change of the schema in it would run with every batch. It belongs into an expand or a \
            contract.",
    bad: include_str!("backfill_changes_schema/bad.sql"),
    good: include_str!("backfill_changes_schema/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.phase() != Phase::Backfill {
        return Vec::new();
    }
    let rows = matches!(
        scene.operation,
        Operation::Write(_)
            | Operation::Select(_)
            | Operation::Set { .. }
            | Operation::Harmless { .. }
            | Operation::Unknown { .. }
    );
    if rows {
        return Vec::new();
    }
    Draft::new(scene.whole(), "this is no work over rows, and stands in a backfill")
        .why("A backfill is cut into batches and repeated: only UPDATE, INSERT … SELECT and DELETE can be.")
        .instead("Move it into an expand before, or a contract after.")
        .alone()
}
