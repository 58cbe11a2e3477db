//! What a constraint or an index that is dropped has guaranteed, and whether something else still does.

use super::refused::is_same;
use crate::{
    catalog::Table,
    effects::says_not_null,
    judge::Scene,
    operation::{Action, Constraint, ConstraintKind, Dropped, Name, Operation},
};
use greylag_core::engine::Dialect;

/// What is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guarantee {
    Key,
    Reference,
    Check,
    /// No migration made it.
    Unknown,
    UnknownIndex,
}

/// What dropping a constraint lifts; None where something else keeps it.
pub(super) fn of_constraint(
    scene: &Scene<'_>,
    table: &Name,
    name: &str,
    kind: Dropped,
) -> Option<Guarantee> {
    if scene.is_new_key(table, name) {
        return None;
    }
    let known = scene.known(table);
    let key = match kind {
        Dropped::PrimaryKey => known.and_then(|known| known.primary_key.clone()),
        Dropped::Constraint => known.and_then(|known| {
            let mut keys = keys(scene, known).into_iter();
            Some(keys.find(|key| key.name == name)?.columns)
        }),
        _ => None,
    };
    // MySQL says PRIMARY, whatever it was called.
    let name = if kind == Dropped::PrimaryKey {
        "primary"
    } else {
        name
    };
    if let Some(columns) = key {
        let kept = keeps_key(scene, table, name, &columns);
        return (!kept).then_some(Guarantee::Key);
    }
    if kind == Dropped::PrimaryKey {
        return Some(Guarantee::Key);
    }
    if let Some(key) = known.and_then(|known| known.foreign_key(name)) {
        let again = |other: &Constraint| match &other.kind {
            ConstraintKind::ForeignKey { columns, reference } => {
                *columns == key.columns && reference.table.is(&key.table)
            }
            _ => false,
        };
        let beside = known.is_some_and(|known| {
            let mut others = known.foreign_keys.iter();
            others.any(|other| {
                other.name != key.name && other.columns == key.columns && other.table.is(&key.table)
            })
        });
        return (!beside && !adds(scene, table, again)).then_some(Guarantee::Reference);
    }
    if adds(scene, table, |other| takes_name(table, other, name)) {
        return None;
    }
    let check = known.and_then(|known| {
        let mut checks = known.checks.iter();
        checks.find(|check| check.0.as_deref() == Some(name))
    });
    match (check, kind) {
        (Some((_, expression, _)), _) => {
            let kept = known.is_some_and(|known| {
                let mut others = known.checks.iter();
                is_proven(scene, known, expression)
                    || others.any(|other| {
                        other.0.as_deref() != Some(name) && is_same(&other.1, expression)
                    })
            });
            let again = |other: &Constraint| match &other.kind {
                ConstraintKind::Check { expression: own } => is_same(scene.sql(own), expression),
                _ => false,
            };
            (!kept && !adds(scene, table, again)).then_some(Guarantee::Check)
        }
        (None, Dropped::Check) => Some(Guarantee::Check),
        (None, Dropped::ForeignKey) => Some(Guarantee::Reference),
        (None, _) => Some(Guarantee::Unknown),
    }
}

/// Whether a constraint is what another of its name was, as far as the name tells: a CHECK or a foreign key, which refuse what they
/// say; but a key has its columns, which only a name that PostgreSQL made up tells.
fn takes_name(table: &Name, new: &Constraint, name: &str) -> bool {
    let same = new.name.as_deref() == Some(name);
    same && match &new.kind {
        ConstraintKind::Check { .. } | ConstraintKind::ForeignKey { .. } => true,
        ConstraintKind::Unique { columns, .. } => {
            let columns: Option<Vec<&str>> = columns.iter().map(Option::as_deref).collect();
            columns
                .is_some_and(|columns| name == format!("{}_{}_key", table.name, columns.join("_")))
        }
        ConstraintKind::PrimaryKey { .. } => name == format!("{}_pkey", table.name),
        _ => false,
    }
}

/// What dropping an index lifts; None where it is none that is unique, or another has the same columns.
pub(super) fn of_index(
    scene: &Scene<'_>,
    table: Option<&Name>,
    name: &str,
    if_exists: bool,
) -> Option<Guarantee> {
    // With IF EXISTS it is most likely none, or one that is made anew.
    let unknown = || (!makes_index(scene, name, !if_exists)).then_some(Guarantee::UnknownIndex);
    let Some(known) = table.and_then(|table| scene.known(table)) else {
        return unknown();
    };
    if scene.is_new_key(&known.name, name) {
        return None;
    }
    let key = keys(scene, known).into_iter().find(|key| key.name == name);
    let index = known
        .indexes
        .iter()
        .find(|i| i.name.as_deref() == Some(name));
    let Some(key) = key else {
        return match index {
            Some(index) if !index.unique => None,
            // With an expression or a WHERE only the same name tells.
            Some(_) => (!makes_index(scene, name, true)).then_some(Guarantee::Key),
            None => unknown(),
        };
    };
    (!keeps_key(scene, &known.name, name, &key.columns)).then_some(Guarantee::Key)
}

/// Columns that no two rows share, and what that is called.
pub(super) struct Key {
    name: String,
    pub(super) columns: Vec<String>,
}

pub(super) fn keys(scene: &Scene<'_>, table: &Table) -> Vec<Key> {
    let mysql = scene.dialect() == Dialect::Mysql;
    let own = &table.name.name;
    let primary = table.primary_key.iter().map(|columns| Key {
        name: match &table.primary_key_name {
            _ if mysql => "primary".to_owned(),
            Some(name) => name.clone(),
            None => format!("{own}_pkey"),
        },
        columns: columns.clone(),
    });
    let uniques = table.uniques.iter().filter_map(|unique| {
        let columns: Vec<String> = unique.columns.iter().cloned().collect::<Option<_>>()?;
        let usual = || match mysql {
            true => columns.first().cloned().unwrap_or_default(),
            false => format!("{own}_{}_key", columns.join("_")),
        };
        Some(Key {
            name: unique.name.clone().unwrap_or_else(usual),
            columns,
        })
    });
    let indexes = table.indexes.iter().filter(|i| i.unique && !i.worked_out);
    let indexes = indexes.filter_map(|index| {
        Some(Key {
            name: index.name.clone()?,
            columns: index.columns.iter().cloned().collect::<Option<_>>()?,
        })
    });
    primary.chain(uniques).chain(indexes).collect()
}

/// Another key has the same columns: there already, or made by this file.
fn keeps_key(scene: &Scene<'_>, table: &Name, name: &str, columns: &[String]) -> bool {
    let same = |others: &[String]| {
        others.len() == columns.len() && others.iter().all(|own| columns.contains(own))
    };
    let plain = |others: &[Option<String>]| {
        let others: Option<Vec<String>> = others.iter().cloned().collect();
        others.is_some_and(|others| same(&others))
    };
    let there = scene.known(table).is_some_and(|known| {
        let mut others = keys(scene, known).into_iter();
        others.any(|key| key.name != name && same(&key.columns))
    });
    let made = |constraint: &Constraint| match &constraint.kind {
        ConstraintKind::Unique {
            columns,
            using_index: None,
        } => plain(columns),
        ConstraintKind::PrimaryKey { columns, .. } => same(columns),
        _ => false,
    };
    let indexed = scene.operations.iter().any(|operation| match operation {
        Operation::CreateIndex(create) => {
            create.unique && !create.partial && create.table.is(table) && plain(&create.columns)
        }
        _ => false,
    });
    there || indexed || adds(scene, table, made)
}

/// Some clause of the file adds such a constraint to the table.
fn adds(scene: &Scene<'_>, table: &Name, such: impl Fn(&Constraint) -> bool) -> bool {
    let mut operations = scene.operations.iter();
    operations.any(|operation| match operation {
        Operation::AlterTable(alter) if alter.name.is(table) => {
            let mut actions = alter.actions.iter();
            actions.any(|(action, _)| matches!(action, Action::AddConstraint(other) if such(other)))
        }
        _ => false,
    })
}

/// The file makes an index of this name, a unique one where that is asked for.
fn makes_index(scene: &Scene<'_>, name: &str, unique: bool) -> bool {
    let mut operations = scene.operations.iter();
    operations.any(|operation| match operation {
        Operation::CreateIndex(create) => {
            let own = create.name.as_ref();
            (create.unique || !unique) && own.is_some_and(|own| own.name == name)
        }
        _ => false,
    })
}

/// A CHECK that a column is not null, which the column says itself by now.
fn is_proven(scene: &Scene<'_>, table: &Table, expression: &str) -> bool {
    let known = table.columns.iter().filter(|column| column.not_null);
    let mut known = known.map(|column| column.name.as_str());
    let before = scene.operations[..=scene.index].iter();
    let set = before.flat_map(|operation| match operation {
        Operation::AlterTable(alter) if alter.name.is(&table.name) => alter.actions.as_slice(),
        _ => &[],
    });
    let mut set = set.filter_map(|(action, _)| match action {
        Action::SetNotNull { column } => Some(column.as_str()),
        _ => None,
    });
    known.any(|column| says_not_null(expression, column))
        || set.any(|column| says_not_null(expression, column))
}
