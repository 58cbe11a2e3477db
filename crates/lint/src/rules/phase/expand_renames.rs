//! A rename takes the old name away at once.

use super::replaced::{self, Fate};
use crate::operation::{Action, Bytes, Change, Kind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static EXPAND_RENAMES: Rule = Rule {
    id: "expand-renames",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a rename takes the old name away at once",
    about: "There is no moment at which old and new app can both run: the one knows the old name, the other \
            the new one, and shards change one after the other. Add the new thing, write both, fill it, \
            switch reads, and drop the old one in the contract. That holds for every phase. A unique constraint, which ON CONFLICT ON CONSTRAINT \
            may name, is renamed in the contract.",
    bad: include_str!("expand_renames/bad.sql"),
    good: include_str!("expand_renames/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let told = |span: &Bytes, from: String, to: &str| {
        Draft::new(span.clone(), format!("{from} is renamed to {to} at once"))
            .why("Apps that know the old name fail from here on, those that know the new one have failed until now.")
            .shards("Shards change one after the other, so no version of an app fits all of them.")
            .instead("Add the new one beside it, write both, fill it with a backfill, switch reads, drop the old one in the contract.")
    };
    let renamed = |from: &Name, to: &Name, span: &Bytes| {
        let draft = told(span, from.to_string(), &to.name);
        match place(scene, from, to) {
            Place::Taken => None,
            Place::MayBe => Some(draft.severity(Severity::Warning)),
            Place::New => Some(draft),
        }
    };
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| match action {
                Action::RenameColumn { from, to } if !scene.is_new_column(table, from) => {
                    Some(told(span, format!("{table}.{from}"), to))
                }
                Action::ModifyColumn { from, column, .. }
                    if *from != column.name && !scene.is_new_column(table, from) =>
                {
                    Some(told(span, format!("{table}.{from}"), &column.name))
                }
                Action::RenameTo(to) | Action::RenameOther { to, .. } => renamed(table, to, span),
                Action::RenameConstraint { from, to } => key(scene, table, from, to, span),
                Action::SetSchema => Some(told(span, table.to_string(), "another schema")),
                _ => None,
            })
            .collect(),
        Operation::Alter(alter) if alter.kind == Kind::Index => {
            let (Some(index), Change::RenameTo(to)) = (&alter.name, &alter.change) else {
                return Vec::new();
            };
            // The index of a constraint is called as the constraint is.
            let table = scene.catalog.table_of_key(&index.name);
            let table = table.filter(|table| !scene.is_new(&table.name));
            let told =
                table.and_then(|table| key(scene, &table.name, &index.name, to, &scene.whole()));
            told.into_iter().collect()
        }
        Operation::Alter(alter)
            if matches!(
                alter.kind,
                Kind::View
                    | Kind::MaterializedView
                    | Kind::Type
                    | Kind::Schema
                    | Kind::Function
                    | Kind::Sequence
                    | Kind::Domain
            ) =>
        {
            let name = alter
                .name
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            match &alter.change {
                Change::RenameTo(to) => vec![told(&scene.whole(), name, to)],
                Change::RenamePart { from, to } => {
                    vec![told(&scene.whole(), format!("{from} of {name}"), to)]
                }
                Change::SetSchema => vec![told(&scene.whole(), name, "another schema")],
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Whether a table's new name is the place of another.
enum Place {
    /// It was built to take the place, or its own is taken by another; or nobody knows the name that it had.
    Taken,
    /// It takes the place of another, and nobody knows which of them is the older.
    MayBe,
    New,
}

fn place(scene: &Scene<'_>, from: &Name, to: &Name) -> Place {
    let is = |one: &Name, other: &Name| scene.catalog.is_same(one, other);
    let before = || scene.operations[..scene.index].iter();
    let pairs = || renames(scene).take_while(|(own, _)| !is(own, from));
    let earlier = || before().flat_map(replaced::renames).chain(pairs());
    let came_here = earlier().any(|(_, own)| is(own, from));
    if came_here || replaced::of_renamed(scene, from) == Fate::Replaced {
        return Place::Taken;
    }
    let dropped = before().any(|operation| match operation {
        Operation::Drop(drop) => {
            let read = matches!(drop.kind, Kind::Table | Kind::View | Kind::MaterializedView);
            let there = !drop.if_exists || scene.catalog.age(to).is_some();
            read && there && drop.names.iter().any(|name| is(name, to))
        }
        _ => false,
    });
    if !dropped && !earlier().any(|(own, _)| is(own, to)) {
        return Place::New;
    }
    match replaced::succeeds(scene, from, to) {
        Some(true) => Place::Taken,
        Some(false) => Place::New,
        None => Place::MayBe,
    }
}

/// The tables that this statement renames, in order.
fn renames<'a>(scene: &Scene<'a>) -> impl Iterator<Item = (&'a Name, &'a Name)> {
    let alter = match scene.operation {
        Operation::AlterTable(alter) => Some(alter),
        _ => None,
    };
    alter.into_iter().flat_map(|alter| alter.renames())
}

/// The old app may say ON CONFLICT ON CONSTRAINT. A CHECK or a foreign key is refused the same under any name.
fn key(scene: &Scene<'_>, table: &Name, from: &str, to: &str, span: &Bytes) -> Option<Draft> {
    if scene.phase() != Phase::Expand || scene.is_new_key(table, from) {
        return None;
    }
    let known = scene.known(table);
    let is_key = known.is_some_and(|known| known.key_columns(from).is_some());
    let other = known.is_some_and(|known| {
        let mut checks = known.checks.iter();
        known.foreign_key(from).is_some() || checks.any(|check| check.name.as_deref() == Some(from))
    });
    let whole = known.is_some_and(|known| !known.partly);
    let severity = match (is_key, other || whole) {
        (true, _) => Severity::Warning,
        (false, true) => return None,
        (false, false) => Severity::Note,
    };
    let draft = Draft::new(span.clone(), format!("the constraint {from} of {table} is renamed to {to} while the old app may name it"))
        .severity(severity)
        .why("An INSERT … ON CONFLICT ON CONSTRAINT, or whatever tells one refusal from another by that name, no longer finds it.")
        .instead("Have apps name the columns, `ON CONFLICT (…)`, and rename in a file with `-- greylag:phase contract`.");
    Some(draft)
}
