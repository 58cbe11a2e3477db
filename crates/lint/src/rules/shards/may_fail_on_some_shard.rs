//! Whether it works depends on each shard's rows.

use super::{super::types::never_fails, probe};
use crate::{
    catalog::KnownColumn,
    effects::proves_not_null,
    finding::Decided,
    operation::{Action, Bytes, Column, ConstraintKind, DataType, Name, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::engine::Engine;

pub(super) static MAY_FAIL_ON_SOME_SHARD: Rule = Rule {
    id: "may-fail-on-some-shard",
    group: Group::Shards,
    severity: Some(Severity::Note),
    dialects: ALL,
    title: "whether it works depends on each shard's rows",
    about: "NOT NULL, a CHECK, a unique index, a foreign key, a primary key over an index whose columns may be null, and a narrower type (MySQL: MODIFY \
            and CHANGE too) fail on the one shard that has a row against them, after others have it. Count such rows on all shards first, with the query that the finding gives: a file before \
            this one with `-- greylag:verify SELECT count(*) = 0 FROM … WHERE …` stops the rollout at the first shard that has one.",
    bad: include_str!("may_fail_on_some_shard/bad.sql"),
    good: include_str!("may_fail_on_some_shard/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.settings.knows_shards() && scene.fleet.is_none_or(|fleet| fleet.shards < 2) {
        return Vec::new();
    }
    let decided = if scene.settings.knows_shards() {
        Decided::Config
    } else {
        Decided::Fleet
    };
    let told = |span: &Bytes, what: String, probe: Option<String>| {
        Draft::new(span.clone(), format!("{what} fails on a shard that has a row against it"))
            .decided(decided)
            .why("Some shards would have the migration and one would not: the rollout stops with the fleet split.")
            .shards("Each shard has other rows; the canary proves nothing about the rest.")
            .instead(instead(probe))
    };
    if let Operation::CreateIndex(create) = scene.operation {
        let counts = create.unique && !scene.is_new(&create.table);
        return if counts {
            told(
                &scene.whole(),
                "the unique index".to_owned(),
                probe::of_index(scene, create),
            )
            .alone()
        } else {
            Vec::new()
        };
    }
    let may_fail = |known: Option<&KnownColumn>, to: &DataType| {
        known.is_none_or(|known| !never_fails(scene.dialect(), &known.data_type, to))
    };
    scene
        .actions()
        .filter_map(|(table, action, span)| {
            let what = match action {
                Action::SetNotNull { column } => format!("NOT NULL on {table}.{column}"),
                Action::ValidateConstraint { name } => format!("validating {name}"),
                Action::AddConstraint(constraint)
                    if constraint.not_valid || !constraint.enforced =>
                {
                    return None;
                }
                Action::AlterConstraint {
                    name,
                    enforced: Some(true),
                } => format!("enforcing {name}"),
                Action::AddConstraint(constraint) => match &constraint.kind {
                    ConstraintKind::Index { .. }
                    | ConstraintKind::Unique {
                        using_index: Some(_),
                        ..
                    } => return None,
                    ConstraintKind::PrimaryKey {
                        using_index: Some(index),
                        ..
                    } if !may_be_null(scene, table, index) => return None,
                    _ => format!("the new constraint on {table}"),
                },
                Action::AlterType {
                    column,
                    data_type,
                    using,
                    ..
                } if *using || may_fail(column_of(scene, table, column), data_type) => {
                    format!("turning {table}.{column} into another type")
                }
                Action::ModifyColumn { from, column, .. } => {
                    let known = column_of(scene, table, from);
                    let solid = known.is_some_and(|known| known.not_null)
                        || scene
                            .known(table)
                            .is_some_and(|t| t.is_in_primary_key(from));
                    // MariaDB asks none of the rows that are there.
                    let checked = column.is_checked() && scene.unit.engine != Engine::Mariadb;
                    if may_fail(known, &column.type_in(scene.known(table))) {
                        format!("turning {table}.{from} into another type")
                    } else if (column.not_null || column.primary_key) && !solid {
                        format!("NOT NULL on {table}.{from}")
                    } else if column.unique || column.primary_key {
                        format!("the new key on {table}.{from}")
                    } else if checked {
                        format!("the new CHECK on {table}.{from}")
                    } else {
                        return None;
                    }
                }
                Action::AddColumn { column, .. } if is_same_twice(column) => {
                    format!("the new key on {table}.{}", column.name)
                }
                _ => return None,
            };
            Some(told(
                span,
                what,
                probe::of_action(scene, table, action, span),
            ))
        })
        .collect()
}

/// With the query that counts the rows against it, where that can be told.
fn instead(probe: Option<String>) -> String {
    match probe {
        Some(query) => {
            let verify = query.replacen("count(*)", "count(*) = 0", 1);
            format!(
                "Count the rows against it on all shards first: `{query}`. In a migration before this one `-- greylag:verify {verify}` \
                 stops the rollout at the first shard that has one."
            )
        }
        None => "Count the rows against it on all shards first: `-- greylag:verify SELECT count(*) = 0 FROM … WHERE …` in a migration \
                 before this one."
            .to_owned(),
    }
}

/// A new column that is unique, and has the same value in every row that is there: two rows are one too many.
fn is_same_twice(column: &Column) -> bool {
    let default = column.default.as_ref().filter(|default| !default.is_null);
    let same = match default {
        Some(default) => default.literal,
        // MySQL fills in what it takes for nothing; the others refuse it.
        None => column.not_null && !column.numbers_itself(),
    };
    (column.unique || column.primary_key) && same
}

/// An index whose columns aren't all known to be NOT NULL.
fn may_be_null(scene: &Scene<'_>, table: &Name, index: &str) -> bool {
    let known = scene.known(table);
    let solid = |column: &String| known.is_some_and(|known| proves_not_null(known, column));
    let index = scene.catalog.index(index);
    !index.is_some_and(|(_, index)| index.columns.iter().flatten().all(solid))
}

fn column_of<'a>(scene: &Scene<'a>, table: &Name, column: &str) -> Option<&'a KnownColumn> {
    scene.known(table)?.column(column)
}
