//! A table that takes the place of another within a file, and what sets the two apart beside their columns' names.
//!
//! Knows what each of them is in the end. Knows no types, triggers or rights.

use super::{
    keys::{self, Guarantee},
    replaced::{self, Fate},
};
use crate::{
    catalog::{KnownColumn, Table},
    judge::Scene,
    operation::{
        Action, Bytes, Constraint, ConstraintKind, CreateTable, Kind, Name, Operation, Reference,
    },
};
use greylag_core::engine::Dialect;

/// The name that this statement takes from one table, and which another has once the file has run, with the rows.
pub(super) struct Succession<'a> {
    pub(super) name: &'a Name,
    pub(super) span: Bytes,
    /// None where the migrations don't tell all of the one or the other.
    pub(super) tables: Option<(&'a Table, Table)>,
}

/// Those of a statement, without tables that no app knows yet.
pub(super) fn successions<'a>(scene: &Scene<'a>) -> Vec<Succession<'a>> {
    let all: Vec<(&Name, Bytes)> = match scene.operation {
        Operation::Drop(drop) if drop.kind == Kind::Table => {
            let names = drop.names.iter().filter(|name| !scene.is_new(name));
            names.map(|name| (name, name.span.clone())).collect()
        }
        Operation::AlterTable(_) => scene
            .actions()
            .filter(|(_, action, _)| {
                matches!(action, Action::RenameTo(_) | Action::RenameOther { .. })
            })
            .map(|(table, _, span)| (table, span.clone()))
            .collect(),
        _ => Vec::new(),
    };
    all.into_iter()
        .filter(|(name, _)| {
            let fate = replaced::of_renamed(scene, name);
            matches!(fate, Fate::Replaced | Fate::Without(_))
        })
        .filter_map(|(name, span)| {
            let tables = match successor(scene, name)? {
                (new, true) => scene
                    .known(name)
                    .filter(|old| !old.partly)
                    .map(|old| (old, new)),
                (_, false) => None,
            };
            Some(Succession { name, span, tables })
        })
        .collect()
}

impl Succession<'_> {
    /// What the old one kept, and the new one doesn't.
    pub(super) fn lifted(&self, scene: &Scene<'_>) -> Vec<(String, Guarantee)> {
        let tables = self.tables.as_ref();
        tables.map_or_else(Vec::new, |(old, new)| keys::lost_between(scene, old, new))
    }

    /// The columns that were not null, and may be.
    pub(super) fn nulls(&self, scene: &Scene<'_>) -> Vec<&str> {
        let both = self.columns(scene).into_iter();
        let lifted = both.filter(|(old, new)| {
            let kept = |table: &Table, own: &KnownColumn| {
                own.not_null || table.is_in_primary_key(&own.name)
            };
            let (before, after) = self.tables.as_ref().expect("it has columns");
            kept(before, old) && !kept(after, new)
        });
        lifted.map(|(old, _)| old.name.as_str()).collect()
    }

    /// What the server gives no more where it is left out, by column.
    pub(super) fn given_no_more(&self, scene: &Scene<'_>) -> Vec<(&'static str, &str)> {
        let both = self.columns(scene).into_iter();
        let lost = both.filter_map(|(old, new)| {
            let (before, after) = self.tables.as_ref()?;
            let dialect = scene.dialect();
            let what = match () {
                () if old.generated.is_some() && new.generated.is_none() => "the expression",
                () if old.on_update && !new.on_update => "ON UPDATE",
                () if gives(new) || new.generated.is_some() || numbers(dialect, after, new) => {
                    return None;
                }
                () if numbers(dialect, before, old) => "the numbering",
                () if gives(old) => "the default",
                () => return None,
            };
            Some((what, old.name.as_str()))
        });
        lost.collect()
    }

    /// The columns that both have, and apps know.
    fn columns(&self, scene: &Scene<'_>) -> Vec<(&KnownColumn, &KnownColumn)> {
        let pairs = self.tables.iter().flat_map(|(old, new)| {
            let known = old.columns.iter();
            known.filter_map(|own| Some((own, new.column(&own.name)?)))
        });
        pairs
            .filter(|(own, _)| !scene.is_new_column(self.name, &own.name))
            .collect()
    }
}

/// The constraints of a table, as ALTER TABLE would add them; CHECKs apart, and with what is said of each.
pub(super) fn constraints(table: &Table) -> Vec<(String, Constraint)> {
    let span = table.name.span.clone();
    let of = |kind, enforced| Constraint {
        name: None,
        kind,
        not_valid: false,
        enforced,
        // The words of the file's own text aren't asked for.
        span: span.start..span.start,
    };
    let primary = table.primary_key.iter().map(|columns| {
        let kind = ConstraintKind::PrimaryKey {
            columns: columns.clone(),
            using_index: None,
        };
        (
            format!("the primary key ({})", columns.join(", ")),
            of(kind, true),
        )
    });
    let uniques = table.uniques.iter().map(|own| &own.columns);
    let indexes = table.indexes.iter().filter(|own| own.unique);
    let uniques = uniques
        .chain(indexes.map(|own| &own.columns))
        .map(|columns| {
            let named: Vec<&str> = columns
                .iter()
                .map(|own| own.as_deref().unwrap_or("…"))
                .collect();
            let what = format!("the unique key ({})", named.join(", "));
            let kind = ConstraintKind::Unique {
                columns: columns.clone(),
                using_index: None,
            };
            (what, of(kind, true))
        });
    let foreign = table.foreign_keys.iter().map(|key| {
        let reference = Reference {
            name: key.name.clone(),
            table: key.table.clone(),
            columns: key.refers.clone(),
            on_delete: key.on_delete,
            on_update: key.on_update,
            enforced: key.enforced,
        };
        let what = format!("the foreign key ({})", key.columns.join(", "));
        let columns = key.columns.clone();
        (
            what,
            of(
                ConstraintKind::ForeignKey { columns, reference },
                key.enforced,
            ),
        )
    });
    // What is in the primary key was said with it.
    let solid = table.columns.iter();
    let solid = solid.filter(|own| {
        own.not_null && own.generated.is_none() && !table.is_in_primary_key(&own.name)
    });
    let solid = solid.map(|own| {
        let column = own.name.clone();
        (
            format!("NOT NULL of {column}"),
            of(ConstraintKind::NotNull { column }, true),
        )
    });
    primary.chain(uniques).chain(foreign).chain(solid).collect()
}

/// The table that has the name once the file has run, and whether all of it is known; None where none has it.
fn successor(scene: &Scene<'_>, name: &Name) -> Option<(Table, bool)> {
    let is = |one: &Name, other: &Name| scene.catalog.is_same(one, other);
    let later = &scene.operations[scene.index..];
    let renames = later.iter().flat_map(replaced::renames);
    let mut names: Vec<&Name> = renames
        .filter(|(_, to)| is(to, name))
        .map(|(from, _)| from)
        .collect();
    let seed = names.clone();
    names.push(name);
    let about = |table: &Name| names.iter().any(|own| is(own, table));
    let mut catalog = scene.catalog.only(&seed);
    for operation in later {
        let counts = match operation {
            Operation::CreateTable(create) => about(&create.name),
            Operation::AlterTable(alter) => {
                about(&alter.name) || alter.renames().any(|(from, to)| about(from) || about(to))
            }
            Operation::CreateIndex(create) => about(&create.table),
            Operation::DropIndex(_) => true,
            Operation::Drop(drop) => drop.kind == Kind::Table && drop.names.iter().any(about),
            _ => false,
        };
        if let Operation::CreateTable(CreateTable {
            like: Some(like), ..
        }) = operation
            && counts
        {
            catalog.learn(scene.catalog.table(like));
        }
        if counts {
            catalog.apply(scene.number, &scene.content.script, operation);
        }
    }
    let mut new = catalog.own_table(name)?.clone();
    if !new.partly {
        return Some((new, true));
    }
    let mut made = scene.operations.iter();
    let of_query = made.any(|operation| match operation {
        Operation::CreateTable(create) => {
            create.query.is_some() && create.like.is_none() && about(&create.name)
        }
        _ => false,
    });
    match scene.known(name).filter(|old| of_query && !old.partly) {
        Some(old) => {
            fill(scene, &mut new, old, &about);
            Some((new, true))
        }
        None => Some((new, false)),
    }
}

/// The columns that a query has copied: MySQL copies NOT NULL and defaults along, the others names and types alone.
fn fill(scene: &Scene<'_>, new: &mut Table, old: &Table, about: &dyn Fn(&Name) -> bool) {
    let copies = scene.dialect() == Dialect::Mysql;
    for own in &old.columns {
        if new.column(&own.name).is_none() {
            new.columns.push(KnownColumn {
                not_null: copies && own.not_null || new.is_in_primary_key(&own.name),
                default: own.default.clone().filter(|_| copies),
                numbers_itself: false,
                generated: None,
                on_update: copies && own.on_update,
                ..own.clone()
            });
        }
    }
    for operation in scene.operations {
        let Operation::AlterTable(alter) = operation else {
            continue;
        };
        let actions = alter.actions.iter().filter(|_| about(&alter.name));
        for (action, _) in actions {
            // Keys are known already.
            if matches!(
                action,
                Action::SetDefault { .. }
                    | Action::DropDefault { .. }
                    | Action::SetNotNull { .. }
                    | Action::DropNotNull { .. }
                    | Action::AddIdentity { .. }
            ) {
                new.change(scene.number, &scene.content.script, action);
            }
        }
    }
}

fn gives(column: &KnownColumn) -> bool {
    column
        .default
        .as_ref()
        .is_some_and(|default| !default.is_null)
}

/// SQLite numbers the rows of a table by its one INTEGER PRIMARY KEY; INT, which it doesn't, is taken for the same.
pub(super) fn numbers(dialect: Dialect, table: &Table, column: &KnownColumn) -> bool {
    let alone = || {
        table
            .primary_key
            .as_deref()
            .is_some_and(|key| *key == [column.name.clone()])
    };
    column.is_numbered() || dialect == Dialect::Sqlite && column.data_type.name == "int" && alone()
}
