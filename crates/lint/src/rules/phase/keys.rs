//! What a constraint or an index that is dropped has guaranteed, and whether something else still does.

use super::condition::implies;
use crate::{
    catalog::{Check, ForeignKey, Index, Table},
    effects::says_not_null,
    judge::Scene,
    operation::{Action, Column, Constraint, ConstraintKind, Deed, Dropped, Name, Operation},
};
use greylag_core::engine::Dialect;

/// What is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guarantee {
    Key,
    Reference,
    /// The foreign key stays, and does something else with the rows of one that goes.
    Deed,
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
            let (_, columns) = known.keys().find(|(own, _)| *own == Some(name))?;
            Some(owned(&columns))
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
        return of_foreign_key(scene, table, key);
    }
    let check = known.and_then(|known| {
        let mut checks = known.checks.iter();
        checks.find(|check| check.name.as_deref() == Some(name))
    });
    match (check, kind) {
        (Some(check), _) if !check.enforced => None,
        (Some(check), _) => of_check(scene, table, check),
        (None, _) if adds(scene, table, |other| takes_place(scene, table, name, other)) => None,
        (None, Dropped::Check) => Some(Guarantee::Check),
        (None, Dropped::ForeignKey) => Some(Guarantee::Reference),
        (None, _) => Some(Guarantee::Unknown),
    }
}

/// What goes with a foreign key.
fn of_foreign_key(scene: &Scene<'_>, table: &Name, key: &ForeignKey) -> Option<Guarantee> {
    if !key.enforced {
        return None;
    }
    let known = scene.known(table).into_iter();
    let others = known.flat_map(|known| &known.foreign_keys);
    let others = others.filter(|other| other.name != key.name && other.enforced);
    let beside = others.filter(|other| other.columns == key.columns && other.table.is(&key.table));
    let beside = beside.map(|other| (other.on_delete, other.on_update));
    let again = added(scene, table).filter_map(|other| match &other.kind {
        ConstraintKind::ForeignKey { columns, reference } => {
            let same = *columns == key.columns && reference.table.is(&key.table);
            (other.enforced && same).then_some((reference.on_delete, reference.on_update))
        }
        _ => None,
    });
    of_deeds(key, &beside.chain(again).collect::<Vec<_>>())
}

/// What goes with a foreign key where others, which do so with rows, have its columns and its table.
fn of_deeds(key: &ForeignKey, deeds: &[(Deed, Deed)]) -> Option<Guarantee> {
    if deeds.is_empty() {
        return Some(Guarantee::Reference);
    }
    // Where rows go along no more, a write is refused: another rule's matter.
    let kept = |was: Deed, is: Deed| was == is || !is.acts();
    let same = |(on_delete, on_update): &(Deed, Deed)| {
        kept(key.on_delete, *on_delete) && kept(key.on_update, *on_update)
    };
    (!deeds.iter().any(same)).then_some(Guarantee::Deed)
}

/// What goes with a CHECK that asks rows.
fn of_check(scene: &Scene<'_>, table: &Name, check: &Check) -> Option<Guarantee> {
    let dialect = scene.dialect();
    let kept = scene.known(table).is_some_and(|known| {
        let others = known.checks.iter().filter(|other| other.enforced);
        let mut others = others.filter(|other| other.name != check.name);
        is_proven(scene, known, &check.expression)
            || others.any(|other| implies(dialect, &other.expression, &check.expression))
    });
    // One that is wider belongs into an expand, and so does another of the same name.
    let again = |other: &Constraint| match &other.kind {
        ConstraintKind::Check { expression } if other.enforced => {
            stands_for(dialect, &other.name, scene.sql(expression), check)
        }
        _ => false,
    };
    (!kept && !adds(scene, table, again)).then_some(Guarantee::Check)
}

fn stands_for(dialect: Dialect, name: &Option<String>, expression: &str, check: &Check) -> bool {
    name.is_some() && *name == check.name
        || implies(dialect, expression, &check.expression)
        || implies(dialect, &check.expression, expression)
}

/// What a table has kept, and the one that takes its place doesn't. What goes with a column is told of the column.
pub(super) fn lost_between(
    scene: &Scene<'_>,
    old: &Table,
    new: &Table,
) -> Vec<(String, Guarantee)> {
    let dialect = scene.dialect();
    let own = |name: &Option<&str>| name.is_some_and(|name| scene.is_new_key(&old.name, name));
    // Nobody relies on what comes with a column that no app knows.
    let there =
        |column: &str| new.column(column).is_some() && !scene.is_new_column(&old.name, column);
    let same = |columns: &[&str], others: &[&str]| {
        others.len() == columns.len() && others.iter().all(|own| columns.contains(own))
    };
    let keys = old.keys().filter(|(name, columns)| {
        let mut others = new.keys();
        let kept = others.any(|(_, others)| same(columns, &others));
        !kept && !own(name) && columns.iter().all(|column| there(column))
    });
    let keys = keys.map(|(name, columns)| {
        let name = name.filter(|name| *name != "primary");
        let name = name.map_or_else(|| format!("({})", columns.join(", ")), str::to_owned);
        (name, Guarantee::Key)
    });
    let of_part = |table: &Table| -> Vec<Index> {
        let indexes = table.indexes.iter();
        let indexes = indexes.filter(|index| index.unique && index.worked_out);
        indexes.cloned().collect()
    };
    let others = of_part(new);
    let parts = of_part(old).into_iter().filter(|index| {
        let alike = |other: &Index| {
            let said = other.columns == index.columns && other.mentions == index.mentions;
            said || other.name.is_some() && other.name == index.name
        };
        let named = index.columns.iter().flatten();
        let whole = named
            .chain(&index.mentions)
            .all(|column| there(column) || old.column(column).is_none());
        !own(&index.name.as_deref()) && whole && !others.iter().any(alike)
    });
    let parts = parts.map(|index| (index.name.unwrap_or_default(), Guarantee::Key));
    let foreign = old.foreign_keys.iter().filter(|key| key.enforced);
    let foreign = foreign
        .filter(|key| !own(&key.name.as_deref()) && key.columns.iter().all(|column| there(column)));
    let foreign = foreign.filter_map(|key| {
        let others = new.foreign_keys.iter().filter(|other| {
            other.enforced && other.columns == key.columns && other.table.is(&key.table)
        });
        let deeds: Vec<(Deed, Deed)> = others
            .map(|other| (other.on_delete, other.on_update))
            .collect();
        let name = key
            .name
            .clone()
            .unwrap_or_else(|| format!("({})", key.columns.join(", ")));
        Some((name, of_deeds(key, &deeds)?))
    });
    let checks = old
        .checks
        .iter()
        .filter(|check| check.enforced && !own(&check.name.as_deref()));
    let checks = checks.filter(|check| {
        let mut others = new.checks.iter().filter(|other| other.enforced);
        let mut gone = old.columns.iter().filter(|column| !there(&column.name));
        let mut solid = new.columns.iter().filter(|column| column.not_null);
        !others.any(|other| stands_for(dialect, &other.name, &other.expression, check))
            && !solid.any(|column| says_not_null(dialect, &check.expression, &column.name))
            && !gone.any(|column| check.names(dialect, &column.name))
    });
    let checks = checks.map(|check| {
        let name = check.name.clone();
        (
            name.unwrap_or_else(|| check.expression.clone()),
            Guarantee::Check,
        )
    });
    keys.chain(parts).chain(foreign).chain(checks).collect()
}

/// Whether a CHECK that is written within a column, which is said anew, is said no more.
pub(super) fn lost_checks<'a>(
    scene: &Scene<'a>,
    table: &Name,
    from: &str,
    column: &Column,
) -> Vec<&'a Check> {
    let known = scene.known(table).filter(|known| known.habits.own_checks);
    let Some(known) = known else {
        return Vec::new();
    };
    let dialect = scene.dialect();
    let mut renamed = known.clone();
    renamed.rename_column(dialect, from, &column.name);
    let said: Vec<&str> = column
        .checks
        .iter()
        .map(|own| scene.sql(&own.expression))
        .collect();
    let pairs = known.checks.iter().zip(&renamed.checks);
    let own = pairs.filter(|(check, _)| check.column.as_deref() == Some(from));
    let lost = own.filter(|(_, check)| {
        let expression = &check.expression;
        !said
            .iter()
            .any(|said| implies(dialect, said, expression) || implies(dialect, expression, said))
    });
    lost.map(|(check, _)| check).collect()
}

/// Whether a new constraint of the same name is the one that no migration made: a CHECK or a foreign key may say more or less than the old
/// one, a key is the same where its columns have made its name.
fn takes_place(scene: &Scene<'_>, table: &Name, name: &str, other: &Constraint) -> bool {
    let same = other.name.as_deref() == Some(name) && other.enforced;
    same && match &other.kind {
        ConstraintKind::Check { .. } | ConstraintKind::ForeignKey { .. } => true,
        ConstraintKind::NotNull { .. } => true,
        ConstraintKind::PrimaryKey { .. } => name == format!("{}_pkey", table.name),
        ConstraintKind::Unique { columns, .. } => {
            let columns: Option<Vec<&str>> = columns.iter().map(Option::as_deref).collect();
            columns.is_some_and(|columns| match scene.dialect() {
                Dialect::Mysql => columns.first() == Some(&name),
                _ => name == format!("{}_{}_key", table.name, columns.join("_")),
            })
        }
        // What was a key lets nobody say ON CONFLICT (…) of it now.
        ConstraintKind::Exclude { .. } | ConstraintKind::Index { .. } => false,
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
    let key = known.keys().find(|(own, _)| *own == Some(name));
    let index = known
        .indexes
        .iter()
        .find(|i| i.name.as_deref() == Some(name));
    let Some((_, columns)) = key else {
        return match index {
            Some(index) if !index.unique => None,
            // With an expression or a WHERE only the same name tells.
            Some(_) => (!makes_index(scene, name, true)).then_some(Guarantee::Key),
            None => unknown(),
        };
    };
    (!keeps_key(scene, &known.name, name, &owned(&columns))).then_some(Guarantee::Key)
}

fn owned(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|own| (*own).to_owned()).collect()
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
        let mut others = known.keys();
        others.any(|(own, columns)| own != Some(name) && same(&owned(&columns)))
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
    added(scene, table).any(such)
}

/// The constraints that the file adds to the table.
fn added<'a>(scene: &Scene<'a>, table: &Name) -> impl Iterator<Item = &'a Constraint> {
    let alters = scene
        .file
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::AlterTable(alter) if alter.name.is(table) => Some(&alter.actions),
            _ => None,
        });
    alters.flatten().filter_map(|(action, _)| match action {
        Action::AddConstraint(constraint) => Some(constraint),
        _ => None,
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
    let dialect = scene.dialect();
    known.any(|column| says_not_null(dialect, expression, column))
        || set.any(|column| says_not_null(dialect, expression, column))
}
