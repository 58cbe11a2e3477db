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
        // A name without its schema may mean the one table of that name.
        let mut same = self.tables.values().filter(|table| table.name.is(name));
        let first = same.next();
        if same.next().is_some() { None } else { first }
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    fn table_mut(&mut self, name: &Name) -> Option<&mut Table> {
        let found = self.table(name).map(|table| key(&table.name))?;
        self.tables.get_mut(&found)
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
