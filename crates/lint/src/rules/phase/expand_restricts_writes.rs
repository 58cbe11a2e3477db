//! An expand refuses what the old app writes.

use crate::operation::{Action, Bytes, Constraint, ConstraintKind, DataType, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static EXPAND_RESTRICTS_WRITES: Rule = Rule {
    id: "expand-restricts-writes",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "an expand refuses what the old app writes",
    about: "A new constraint, NOT NULL, a unique index or a narrower type refuses rows that were welcome \
            before. In the expand phase the old app still writes them. Make the app keep to it first, and \
            restrict in the contract; a CHECK that says what all apps do already may be allowed.",
    bad: include_str!("expand_restricts_writes/bad.sql"),
    good: include_str!("expand_restricts_writes/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.phase() != Phase::Expand {
        return Vec::new();
    }
    let told = |span: &Bytes, what: String| {
        Draft::new(span.clone(), format!("{what} refuses rows that were welcome before"))
            .why("The old app still writes, and doesn't know of it: its writes fail from here on.")
            .instead("Restrict in a file with `-- greylag:phase contract`, once every app that is alive keeps to it.")
    };
    if let Operation::CreateIndex(create) = scene.operation {
        if !create.unique || scene.is_new(&create.table) {
            return Vec::new();
        }
        let name = create
            .name
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        return told(&scene.whole(), format!("the unique index {name}")).alone();
    }
    scene
        .actions()
        .filter_map(|(table, action, span)| match action {
            Action::AddConstraint(constraint) => restricts(scene, table, constraint)
                .then(|| told(span, format!("the new constraint on {table}"))),
            Action::SetNotNull { column } => {
                Some(told(span, format!("NOT NULL on {table}.{column}")))
            }
            Action::AlterType {
                column, data_type, ..
            } => {
                let known = scene.known(table)?.column(column)?;
                narrows(&known.data_type, data_type)
                    .then(|| told(span, format!("the narrower type of {table}.{column}")))
            }
            Action::ModifyColumn { from, column, .. } => {
                let known = scene.known(table)?.column(from)?;
                if known.numbers_itself && !column.auto_increment {
                    return Some(told(span, format!("{table}.{from} without AUTO_INCREMENT")));
                }
                let stricter = column.not_null && !known.not_null
                    || narrows(&known.data_type, &column.data_type);
                stricter.then(|| told(span, format!("the narrower {table}.{from}")))
            }
            _ => None,
        })
        .collect()
}

fn restricts(scene: &Scene<'_>, table: &Name, constraint: &Constraint) -> bool {
    let columns: Vec<&String> = match &constraint.kind {
        ConstraintKind::Index { .. }
        | ConstraintKind::Unique {
            using_index: Some(_),
            ..
        } => return false,
        // A constraint on columns that are new themselves keeps nobody from anything.
        ConstraintKind::ForeignKey { columns, .. } => columns.iter().collect(),
        ConstraintKind::Unique { columns, .. } => columns.iter().flatten().collect(),
        _ => Vec::new(),
    };
    let Some(known) = scene.known(table) else {
        return true;
    };
    let new = |column: &&String| {
        known
            .column(column)
            .is_some_and(|c| c.made_in == scene.number)
    };
    columns.is_empty() || !columns.iter().all(new)
}

fn narrows(from: &DataType, to: &DataType) -> bool {
    const SIZES: [&str; 5] = ["tinyint", "smallint", "mediumint", "int", "bigint"];
    let size = |data_type: &DataType| SIZES.iter().position(|name| *name == data_type.name);
    let length = |data_type: &DataType| {
        data_type
            .arguments
            .first()
            .and_then(|n| n.trim().parse::<u64>().ok())
    };
    match (size(from), size(to)) {
        (Some(a), Some(b)) => b < a || from.unsigned != to.unsigned,
        _ if from.name == to.name => match (length(from), length(to)) {
            (Some(a), Some(b)) => b < a,
            (None, Some(_)) => true,
            _ => false,
        },
        _ => from.name == "text" && to.name == "varchar",
    }
}
