//! An expand lifts what apps rely on.

use super::{
    keys::{self, Guarantee},
    replaced,
    succession::successions,
};
use crate::operation::{Action, Bytes, Change, Dropped, Kind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::{engine::Dialect, migration::Phase};

pub(super) static EXPAND_LIFTS_GUARANTEE: Rule = Rule {
    id: "expand-lifts-guarantee",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "an expand lifts what apps rely on",
    about: "The old app was written for rows that keep to what the schema promises. Without a unique key its ON \
            CONFLICT or ON DUPLICATE KEY fails, or adds a second row, which is an error; without row level security it meets everybody's rows; \
            without a foreign key nothing is deleted along, and nothing refused; without a CHECK it meets values it doesn't know; NOT ENFORCED lifts them as DROP does, and so does MODIFY on MariaDB \
            for a CHECK that is written within the column. A foreign key that comes back with another ON DELETE or ON UPDATE does other things to rows. \
            A table that takes the place of a dropped or renamed one lifts what it doesn't keep: `CREATE TABLE … AS` keeps no key; where the migrations don't tell, a note says so. \
            What is dropped may also be a key that no migration names. Lift it in the contract, or in \
            a file that puts the new one in its place. DROP NOT NULL belongs into an expand, as the new app can't leave the column out before; \
            a note says that the old one may read nulls from then on.",
    bad: include_str!("expand_lifts_guarantee/bad.sql"),
    good: include_str!("expand_lifts_guarantee/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.phase() != Phase::Expand {
        return Vec::new();
    }
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .flat_map(|(table, action, span)| {
                let checks = lost_checks(scene, table, action, span);
                checks.into_iter().chain(lifted(scene, table, action, span))
            })
            .chain(of_successors(scene))
            .collect(),
        Operation::Drop(_) => of_successors(scene),
        Operation::DropIndex(drop) => {
            let names = drop.names.iter();
            names
                .filter_map(|name| {
                    let on = drop.table.as_ref();
                    let table = on.or_else(|| Some(&scene.catalog.index(&name.name)?.0.name));
                    if table.is_some_and(|table| scene.is_new(table)) {
                        return None;
                    }
                    let lifted = keys::of_index(scene, table, &name.name, drop.if_exists)?;
                    told(&name.span, &name.name, table, &lifted)
                })
                .collect()
        }
        Operation::Alter(alter) if alter.kind == Kind::Domain => {
            let Change::Other(text) = &alter.change else {
                return Vec::new();
            };
            let lifts = text == "DROP NOT NULL" || text.starts_with("DROP CONSTRAINT");
            let name = alter.name.as_ref().filter(|_| lifts);
            let told = name.map(|name| match text == "DROP NOT NULL" {
                true => nulls(&scene.whole(), format!("NOT NULL of {name}")),
                false => draft(&scene.whole(), format!("what {name} allows")),
            });
            told.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What a table has kept that another takes the place of.
fn of_successors(scene: &Scene<'_>) -> Vec<Draft> {
    let all = successions(scene).into_iter();
    all.flat_map(|own| {
        let (name, span) = (own.name, &own.span);
        let lifted = own.lifted(scene).into_iter();
        let mut drafts: Vec<Draft> = lifted
            .filter_map(|(what, lifted)| told(span, &what, Some(name), &lifted))
            .collect();
        let solid = own.nulls(scene).into_iter();
        drafts.extend(solid.map(|column| nulls(span, format!("NOT NULL of {name}.{column}"))));
        if own.tables.is_none() {
            drafts.push(unknown(span, name));
        }
        drafts
    })
    .collect()
}

fn unknown(span: &Bytes, table: &Name) -> Draft {
    Draft::new(span.clone(), format!("whether the new {table} keeps what the old one kept, and asks no more, can't be told"))
        .severity(Severity::Note)
        .why("The migrations don't tell all of both. A key, a default, a NOT NULL or a CHECK that sets them apart fails the old app's writes, or lets in what it doesn't know.")
        .instead("Compare the two on a server: keys, defaults, NOT NULL, CHECKs and foreign keys.")
}

/// CHECKs that are written within a column which is said anew without them.
fn lost_checks(scene: &Scene<'_>, table: &Name, action: &Action, span: &Bytes) -> Vec<Draft> {
    let Action::ModifyColumn { from, column, .. } = action else {
        return Vec::new();
    };
    if scene.is_new_column(table, from) {
        return Vec::new();
    }
    let lost = keys::lost_checks(scene, table, from, column).into_iter();
    lost.map(|check| {
        let expression = &check.expression;
        draft(span, format!("the CHECK {expression} of {table}.{from}"))
            .instead("Say it again within the column: on MariaDB MODIFY and CHANGE drop a column's CHECK that they don't repeat.")
    })
    .collect()
}

fn lifted(scene: &Scene<'_>, table: &Name, action: &Action, span: &Bytes) -> Option<Draft> {
    match action {
        Action::DropConstraint { name, kind, .. } => {
            let lifted = keys::of_constraint(scene, table, name, *kind)?;
            told(span, name, Some(table), &lifted)
        }
        Action::AlterConstraint {
            name,
            enforced: Some(false),
        } => {
            // PostgreSQL can say so of a foreign key, MySQL of a CHECK.
            let kind = match scene.dialect() {
                Dialect::Mysql => Dropped::Check,
                _ => Dropped::ForeignKey,
            };
            let lifted = keys::of_constraint(scene, table, name, kind)?;
            told(span, name, Some(table), &lifted)
        }
        Action::DropIndex { name } => {
            let lifted = keys::of_index(scene, Some(table), name, false)?;
            told(span, name, Some(table), &lifted)
        }
        Action::DropNotNull { column } if !scene.is_new_column(table, column) => {
            let known = scene.known(table);
            let nullable = known.is_some_and(|known| {
                !known.is_in_primary_key(column)
                    && known.column(column).is_some_and(|own| !own.not_null)
            });
            (!nullable).then(|| nulls(span, format!("NOT NULL of {table}.{column}")))
        }
        Action::ModifyColumn { from, column, .. }
            if !column.not_null && !scene.is_new_column(table, from) =>
        {
            let known = scene.known(table)?;
            let was = known.column(from)?.not_null && !known.is_in_primary_key(from);
            was.then(|| nulls(span, format!("NOT NULL of {table}.{from}")))
        }
        Action::RowSecurity { on: false } => {
            let back = |action: &Action| *action == Action::RowSecurity { on: true };
            let draft = draft(span, format!("row level security of {table}"))
                .why("The old app was written for rows that its policies let it see: from here on it may meet everybody's.");
            (!replaced::is_taken_back(scene, table, span, back)).then_some(draft)
        }
        _ => None,
    }
}

fn told(span: &Bytes, name: &str, table: Option<&Name>, lifted: &Guarantee) -> Option<Draft> {
    let of = table
        .map(|table| format!(" of {table}"))
        .unwrap_or_default();
    Some(match lifted {
        Guarantee::Key => draft(span, format!("the unique key {name}{of}"))
            .severity(Severity::Error)
            .why("An INSERT … ON CONFLICT or ON DUPLICATE KEY of the old app fails from here on, or adds a second row."),
        Guarantee::Reference => draft(span, format!("the foreign key {name}{of}"))
            .why("Rows that belong together can be parted from here on, and nothing is deleted along."),
        Guarantee::Deed => Draft::new(span.clone(), format!("the foreign key {name}{of} comes back, and does something else with rows that lose theirs"))
            .why("The old app counts on what becomes of rows when one goes or changes that they reference: that they are kept, or go along, or that it is refused.")
            .instead("Change what the key does in a file with `-- greylag:phase contract`, once every app that is alive counts on it."),
        Guarantee::Check => draft(span, format!("the CHECK {name}{of}")),
        Guarantee::Unknown => draft(span, format!("the constraint {name}{of}"))
            .why("No migration says what it is. If it is a unique key, an INSERT … ON CONFLICT of the old app fails from here on."),
        Guarantee::UnknownIndex => draft(span, format!("the index {name}{of}"))
            .severity(Severity::Note)
            .why("No migration says what it is. If it is unique, an INSERT … ON CONFLICT of the old app fails from here on."),
    })
}

fn draft(span: &Bytes, what: String) -> Draft {
    Draft::new(span.clone(), format!("{what} is lifted while the old app may rely on it"))
        .why("The old app still reads and writes, and was written for rows that keep to it.")
        .instead("Lift it in a file with `-- greylag:phase contract`; or have this file put in its place what keeps the old app's promise.")
}

/// Its place is here: the new app can't leave the column out before.
fn nulls(span: &Bytes, what: String) -> Draft {
    Draft::new(span.clone(), format!("{what} is lifted, and the old app may read a null"))
        .severity(Severity::Note)
        .why("The new app can't leave it out before, so it belongs here; but what the new app leaves out, the old one reads.")
        .instead("Write the first null once every app that is alive reads it: behind a switch, or in a later version.")
}
