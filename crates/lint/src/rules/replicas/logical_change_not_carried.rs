//! Logical subscribers don't get this change by themselves.

use super::published::{is_left_out, published};
use crate::operation::{Action, Kind, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static LOGICAL_CHANGE_NOT_CARRIED: Rule = Rule {
    id: "logical-change-not-carried",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "logical subscribers don't get this change by themselves",
    about: "Publications carry rows, not DDL. A new column must be on the subscriber first, a dropped column or \
            table must go on the publisher first, both sides must change a type together, and a rename breaks \
            apply. Where tables are published by name, a new one has to be added to the publication and \
            fetched with REFRESH PUBLICATION. A column list or row filter keeps a column from being dropped.",
    bad: include_str!("logical_change_not_carried/bad.sql"),
    good: include_str!("logical_change_not_carried/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    match scene.operation {
        Operation::CreateTable(create) => {
            let decided = is_left_out(scene, &create.name);
            if let Some(decided) = decided.filter(|_| !create.temporary && !create.unlogged) {
                drafts.push(
                    Draft::new(create.name.span.clone(), format!("{} is in no publication", create.name))
                        .decided(decided)
                        .why("Tables are published by name: subscribers don't know the new one.")
                        .instead("ALTER PUBLICATION … ADD TABLE, create it on the subscriber, then ALTER SUBSCRIPTION … REFRESH PUBLICATION."),
                );
            }
            return drafts;
        }
        Operation::Drop(drop) if drop.kind == Kind::Table => {
            for table in drop.names.iter().filter(|table| !scene.is_new(table)) {
                if let Some((_, decided)) = published(scene, table) {
                    drafts.push(
                        Draft::new(table.span.clone(), format!("{table} is published: it must go here first, on subscribers after"))
                            .decided(decided)
                            .why("Rows that still come for a table that a subscriber lacks end its apply.")
                            .replicas("A subscriber that drops it first stops, and its slot keeps the primary's WAL.")
                            .instead("Migrate the publisher before the subscriber: declare it as a node with role = \"subscriber\", and drop the table in a contract."),
                    );
                }
            }
            return drafts;
        }
        _ => {}
    }
    for (table, action, span) in scene.actions() {
        let Some((_, decided)) = published(scene, table) else {
            continue;
        };
        let (what, instead) = match action {
            Action::AddColumn { .. } => (
                "a new column must be on subscribers first",
                "Migrate the subscriber before the publisher: declare it as a node with role = \"subscriber\".",
            ),
            Action::DropColumn { .. } => (
                "a dropped column must go here first, on subscribers after",
                "Migrate the publisher before the subscriber, and take the column out of column lists and row filters.",
            ),
            Action::RenameColumn { .. }
            | Action::RenameTo(_)
            | Action::RenameOther { .. }
            | Action::SetSchema => (
                "a rename stops what subscribers apply",
                "Don't rename what is published: add, fill, and drop.",
            ),
            Action::AlterType { .. } => (
                "both sides must change the type together",
                "Pause the subscription, change both, resume; or add a new column.",
            ),
            _ => continue,
        };
        drafts.push(
            Draft::new(span.clone(), format!("{table} is published: {what}"))
                .decided(decided)
                .why("Logical replication carries rows, not changes of the schema: apply fails on the first row that doesn't fit.")
                .replicas("The subscription stops, and its slot keeps the primary's WAL.")
                .instead(instead),
        );
    }
    drafts
}
