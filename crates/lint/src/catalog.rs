//! What earlier statements made: tables, columns, keys, as far as the migrations tell.
//!
//! Knows no server. A table that no migration made is simply not known.

mod apply;
mod table;

pub(crate) use table::{ForeignKey, Index, KnownColumn, Table, Unique};

use crate::operation::{Name, Operation};
use std::collections::{BTreeMap, BTreeSet};

/// What the migrations so far have made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    tables: BTreeMap<String, Table>,
    /// Those that some table is written with.
    schemas: BTreeSet<String>,
    /// Labels of enums, by type.
    pub(crate) enums: BTreeMap<String, Vec<String>>,
    /// What views read.
    pub(crate) views: BTreeMap<String, Vec<Name>>,
    /// Some publication is FOR ALL TABLES.
    pub(crate) publishes_all: bool,
    pub(crate) publishes: bool,
    /// Domains with a CHECK or NOT NULL.
    pub(crate) constrained: BTreeSet<String>,
    /// The tables that each change has touched.
    touched: BTreeMap<String, BTreeSet<String>>,
}

impl Catalog {
    pub(crate) fn table(&self, name: &Name) -> Option<&Table> {
        if let Some(found) = self.tables.get(&key(name)) {
            return Some(found);
        }
        if name.schema.is_some() {
            let plain = self.tables.get(&name.name);
            return plain.filter(|table| table.name.schema.is_none());
        }
        // A name without its schema may mean the one table of that name in another.
        let mut schemas = self.schemas.iter();
        let mut same = schemas
            .by_ref()
            .filter_map(|schema| self.tables.get(&format!("{schema}.{}", name.name)));
        let first = same.next();
        if same.next().is_some() { None } else { first }
    }

    /// Remembers which tables a change is about.
    pub(crate) fn touch(&mut self, change: Option<&str>, operations: &[Operation]) {
        let Some(change) = change else { return };
        let tables = self.touched.entry(change.to_owned()).or_default();
        tables.extend(operations.iter().filter_map(Operation::table).map(key));
    }

    /// Whether an earlier migration of a change was about a table. None: the change has none.
    pub(crate) fn has_touched(&self, change: &str, table: &Name) -> Option<bool> {
        Some(self.touched.get(change)?.contains(&key(table)))
    }

    /// Whether an earlier migration of a change was about any table.
    pub(crate) fn has_touched_any(&self, change: &str) -> bool {
        self.touched
            .get(change)
            .is_some_and(|tables| !tables.is_empty())
    }

    /// The table that has an index of this name.
    pub(crate) fn index(&self, name: &str) -> Option<(&Table, &Index)> {
        self.tables.values().find_map(|table| {
            let index = table
                .indexes
                .iter()
                .find(|i| i.name.as_deref() == Some(name))?;
            Some((table, index))
        })
    }
}

fn key(name: &Name) -> String {
    match name.schema.as_deref() {
        None | Some("public" | "main") => name.name.clone(),
        Some(schema) => format!("{schema}.{}", name.name),
    }
}
