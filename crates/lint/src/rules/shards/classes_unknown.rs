//! There are several shards, and nobody has said what is sharded.

use crate::{
    finding::Decided,
    operation::{Action, Bytes, Column, Constraint, ConstraintKind, Kind, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, File},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static CLASSES_UNKNOWN: Rule = Rule {
    id: "classes-unknown",
    group: Group::Shards,
    severity: Some(Severity::Note),
    dialects: ALL,
    title: "there are several shards, and nobody has said what is sharded",
    about: "Whether a unique key, a sequence or a foreign key is right depends on how a table's rows lie on the shards. \
            While `[lint]` says no class of any table, the rules about that are not asked, and a fleet of several \
            shards is told so: once for each file that makes such a thing. `default-class = \"sharded\"` with \
            `shard-key`, or `\"reference\"`, or `\"global\"`, and `[lint.tables]` for those that differ, lets them \
            speak; a fleet whose shards have nothing to do with each other switches this one off.",
    bad: include_str!("classes_unknown/bad.sql"),
    good: include_str!("classes_unknown/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let settings = file.settings;
    let seen = file.fleet.map_or(0, |fleet| fleet.shards);
    let shards = seen.max(settings.declared_shards);
    if shards < 2 || settings.knows_classes() {
        return Vec::new();
    }
    let mut operations = file.operations.iter().enumerate();
    let Some((span, what)) = operations.find_map(|(at, operation)| {
        let (span, what) = made(operation)?;
        Some((span.unwrap_or_else(|| file.span(at)), what))
    }) else {
        return Vec::new();
    };
    let decided = if seen > settings.declared_shards {
        Decided::Fleet
    } else {
        Decided::Config
    };
    Draft::new(span, format!("it makes {what}, and how tables lie on {shards} shards isn't known"))
        .decided(decided)
        .why("The rules about unique keys, sequences, foreign keys and rows across shards were not asked: they need the tables' classes.")
        .shards("Each shard has a key, a sequence or a reference of its own, and sees nothing of the others.")
        .instead("Write `default-class = \"sharded\"` and `shard-key = [\"…\"]` into `[lint]` of greylag.toml, and what differs into `[lint.tables]`.")
        .alone()
}

/// What it makes whose worth depends on how rows lie.
fn made(operation: &Operation) -> Option<(Option<Bytes>, &'static str)> {
    let of_column = |column: &Column| {
        let what = if column.is_numbered() {
            "a sequence"
        } else if column.references.is_some() {
            "a foreign key"
        } else if column.unique || column.primary_key && column.data_type.name != "uuid" {
            "a unique key"
        } else {
            return None;
        };
        Some((Some(column.span.clone()), what))
    };
    let of_constraint = |constraint: &Constraint| {
        let what = match &constraint.kind {
            ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } => "a unique key",
            ConstraintKind::ForeignKey { .. } => "a foreign key",
            _ => return None,
        };
        Some((Some(constraint.span.clone()), what))
    };
    match operation {
        Operation::CreateTable(create) if !create.temporary => {
            let columns = create.columns.iter().find_map(of_column);
            columns.or_else(|| create.constraints.iter().find_map(of_constraint))
        }
        Operation::AlterTable(alter) => {
            alter
                .actions
                .iter()
                .find_map(|(action, span)| match action {
                    Action::AddColumn { column, .. } | Action::ModifyColumn { column, .. } => {
                        of_column(column)
                    }
                    Action::AddConstraint(constraint) => of_constraint(constraint),
                    Action::AddIdentity { .. } => Some((Some(span.clone()), "a sequence")),
                    _ => None,
                })
        }
        Operation::CreateIndex(create) if create.unique => Some((None, "a unique key")),
        Operation::Create(create) if create.kind == Kind::Sequence && !create.temporary => {
            Some((None, "a sequence"))
        }
        _ => None,
    }
}
