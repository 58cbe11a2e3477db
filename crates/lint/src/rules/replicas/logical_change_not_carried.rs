//! Logical subscribers don't get this change by themselves.

use crate::{
    finding::Decided,
    operation::{Action, Name, Operation},
};
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
    about: "Publications carry rows, not DDL. A new column must be on the subscriber first, a dropped one \
            must go on the publisher first, a rename breaks apply, and a new table has to be added to the \
            publication and fetched with REFRESH PUBLICATION. A column list or row filter keeps a column \
            from being dropped.",
    bad: include_str!("logical_change_not_carried/bad.sql"),
    good: include_str!("logical_change_not_carried/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if let Operation::CreateTable(create) = scene.operation {
        let named = published(scene, &create.name);
        if named.is_some_and(|(all, _)| !all) && !create.temporary {
            drafts.push(
                Draft::new(create.name.span.clone(), format!("{} is in no publication", create.name))
                    .why("Tables are published by name: subscribers don't know the new one.")
                    .instead("ALTER PUBLICATION … ADD TABLE, create it on the subscriber, then ALTER SUBSCRIPTION … REFRESH PUBLICATION."),
            );
        }
        return drafts;
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
            Action::RenameColumn { .. } | Action::RenameTo(_) => (
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

/// Whether a table is published, by what is known: whether by FOR ALL TABLES, and how that is known.
pub(super) fn published(scene: &Scene<'_>, table: &Name) -> Option<(bool, Decided)> {
    if let Some(fleet) = scene.fleet {
        let by_all = fleet
            .publications
            .iter()
            .any(|publication| publication.all_tables);
        if fleet.publishing(&table.name).next().is_some() {
            return Some((by_all, Decided::Fleet));
        }
    }
    match scene.settings.logical_replication {
        Some(true) => return Some((true, Decided::Config)),
        Some(false) => return None,
        None => {}
    }
    let catalog = scene.catalog;
    (catalog.publishes_all).then_some((true, Decided::Text))
}
