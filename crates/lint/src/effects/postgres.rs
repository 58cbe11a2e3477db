//! Which measured effect a statement of PostgreSQL has.

mod alter;
mod column;
mod heirs;

pub(crate) use column::{column_rewrites, domain_of, proves_not_null, says_not_null};
pub(super) use heirs::of_heirs;

use super::{Effect, Role, Taken, find};
use crate::{
    catalog::Catalog,
    operation::{
        Alter, Bytes, ConstraintKind, Create, CreateTable, Drop, Kind, Name, Operation, Verb, Work,
    },
};
use greylag_core::engine::Dialect;

pub(super) fn taken(operation: &Operation, catalog: &Catalog) -> Vec<Taken> {
    let mut list = List::default();
    match operation {
        Operation::CreateTable(create) => create_table(&mut list, create, catalog),
        Operation::AlterTable(alter) => {
            for (action, span) in &alter.actions {
                alter::alter_table(&mut list, &alter.name, action, span, catalog);
            }
        }
        Operation::CreateIndex(create) => {
            let id = if create.concurrently {
                "create-index-concurrently"
            } else {
                "create-index"
            };
            list.add(id, Role::Target, &create.table, &create.table.span);
        }
        Operation::DropIndex(drop) => {
            let id = if drop.concurrently {
                "drop-index-concurrently"
            } else {
                "drop-index"
            };
            for name in &drop.names {
                let table = catalog
                    .index(&name.name)
                    .map(|(table, _)| table.name.clone());
                list.add(
                    id,
                    Role::Target,
                    &table.unwrap_or_else(|| name.clone()),
                    &name.span,
                );
            }
        }
        Operation::Reindex(reindex) => {
            let id = if reindex.concurrently {
                "reindex-concurrently"
            } else {
                "reindex"
            };
            if let Some(name) = &reindex.name {
                let of_index = catalog
                    .index(&name.name)
                    .map(|(table, _)| table.name.clone());
                let table = of_index.unwrap_or_else(|| name.clone());
                list.add(id, Role::Target, &table, &name.span);
            }
        }
        Operation::Create(create) => create_object(&mut list, create, catalog),
        Operation::Alter(alter) => alter_object(&mut list, alter),
        Operation::Drop(drop) => drop_object(&mut list, drop, catalog),
        Operation::Truncate(truncate) => {
            for table in &truncate.tables {
                list.add("truncate", Role::Target, table, &table.span);
                if truncate.cascade {
                    emptied_too(&mut list, table, &table.span, catalog);
                }
            }
        }
        Operation::LockTable { tables, mode, .. } => {
            let id = format!("lock-{}", mode.to_lowercase().replace(' ', "-"));
            if super::all(Dialect::Postgres).iter().any(|e| e.id == id) {
                for table in tables {
                    list.add(&id, Role::Target, table, &table.span);
                }
            }
        }
        Operation::Maintain(maintain) => {
            let id = match maintain.work {
                Work::VacuumFull => "vacuum-full",
                Work::Cluster => "cluster",
                Work::Refresh { concurrently: true } => "refresh-view-concurrently",
                Work::Refresh {
                    concurrently: false,
                } => "refresh-view",
                _ => return list.0,
            };
            for table in &maintain.tables {
                list.add(id, Role::Target, table, &table.span);
            }
        }
        Operation::Write(write) if write.verb != Verb::Select => {
            for write in std::iter::once(write).chain(&write.within) {
                if let Some(table) = &write.table {
                    list.add("write", Role::Target, table, &table.span);
                }
            }
        }
        _ => {}
    }
    list.0
}

#[derive(Default)]
struct List(Vec<Taken>);

impl List {
    fn add(&mut self, id: &str, role: Role, table: &Name, span: &Bytes) {
        let effect: &'static Effect = find(Dialect::Postgres, id);
        self.0.push(Taken {
            effect,
            role,
            table: table.clone(),
            span: span.clone(),
        });
    }

    fn on(&mut self, id: &str, table: Option<&Name>) {
        if let Some(table) = table {
            self.add(id, Role::Target, table, &table.span);
        }
    }
}

fn create_table(list: &mut List, create: &CreateTable, catalog: &Catalog) {
    if let Some(parent) = &create.partition_of {
        list.add("create-partition", Role::Parent, parent, &parent.span);
        if let Some(rest) = catalog.default_of(parent) {
            list.add(
                "create-partition",
                Role::Partition,
                &rest.name,
                &parent.span,
            );
        }
    }
    let inline = create
        .columns
        .iter()
        .filter_map(|column| column.references.as_ref());
    let apart = create.constraints.iter().filter_map(|c| match &c.kind {
        ConstraintKind::ForeignKey { reference, .. } => Some(reference),
        _ => None,
    });
    for reference in inline.chain(apart) {
        let table = &reference.table;
        list.add(
            "create-table-referencing",
            Role::Referenced,
            table,
            &table.span,
        );
    }
}

fn create_object(list: &mut List, create: &Create, catalog: &Catalog) {
    let id = match create.kind {
        Kind::Trigger => "create-trigger",
        Kind::Policy => "policy",
        Kind::Rule => "rule",
        Kind::View if create.or_replace => {
            if let Some(name) = create.name.as_ref().filter(|name| catalog.has_view(name)) {
                list.add("view", Role::Target, name, &name.span);
            }
            return;
        }
        _ => return,
    };
    list.on(id, create.on.as_ref());
}

fn alter_object(list: &mut List, alter: &Alter) {
    match alter.kind {
        Kind::View | Kind::MaterializedView => list.on("view", alter.name.as_ref()),
        Kind::Trigger | Kind::Rule => list.on("rename-trigger", alter.on.as_ref()),
        Kind::Policy => list.on("policy", alter.on.as_ref()),
        _ => {}
    }
}

fn drop_object(list: &mut List, drop: &Drop, catalog: &Catalog) {
    match drop.kind {
        Kind::Table => {
            for name in &drop.names {
                drop_table(list, name, &name.span, catalog);
                if drop.cascade {
                    for view in catalog.views_over(name) {
                        list.add("view", Role::Target, &view, &name.span);
                    }
                }
            }
        }
        Kind::Schema if drop.cascade => {
            for schema in &drop.names {
                for table in catalog.tables_in(&schema.name) {
                    drop_table(list, &table.name, &schema.span, catalog);
                }
            }
        }
        Kind::View | Kind::MaterializedView => {
            for name in &drop.names {
                list.add("view", Role::Target, name, &name.span);
            }
        }
        Kind::Trigger => list.on("drop-trigger", drop.on.as_ref()),
        Kind::Policy => list.on("policy", drop.on.as_ref()),
        Kind::Rule => list.on("rule", drop.on.as_ref()),
        _ => {}
    }
}

/// A foreign key goes with either of its tables, and is taken off the other one.
fn drop_table(list: &mut List, name: &Name, span: &Bytes, catalog: &Catalog) {
    list.add("drop-table", Role::Target, name, span);
    let Some(table) = catalog.table(name) else {
        return;
    };
    if let Some(parent) = &table.parent {
        list.add("drop-partition", Role::Parent, parent, span);
        if let Some(rest) = catalog.default_of(parent) {
            list.add("drop-partition", Role::Partition, &rest.name, span);
        }
    }
    for key in &table.foreign_keys {
        list.add("drop-table", Role::Referenced, &key.table, span);
    }
    for (other, _) in catalog.referencing(name) {
        list.add("drop-table", Role::Referenced, &other.name, span);
    }
}

/// TRUNCATE … CASCADE goes on to what references the table, and so on.
fn emptied_too(list: &mut List, table: &Name, span: &Bytes, catalog: &Catalog) {
    for (other, _) in catalog.referencing(table) {
        if !list.0.iter().any(|taken| taken.table.is(&other.name)) {
            list.add("truncate", Role::Target, &other.name, span);
            emptied_too(list, &other.name, span, catalog);
        }
    }
}
