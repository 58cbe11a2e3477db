//! What earlier statements made: tables, columns, keys, as far as the migrations tell.
//!
//! Knows no server. A table that no migration made is simply not known.

mod apply;
mod changes;
mod check;
mod gone;
mod key;
mod keys;
mod letters;
mod names;
mod path;
mod renames;
mod swap;
mod table;

pub(crate) use changes::About;
pub(crate) use check::{Check, name_of};
use key::Key;
pub(crate) use letters::{Letters, bytes_of, is_usual};
use table::View;
pub(crate) use table::{Domain, ForeignKey, Function, Habits, Index, KnownColumn, Table, Unique};

use crate::operation::{Argument, Name, Published};
use greylag_core::engine::Dialect;
use std::collections::{BTreeMap, BTreeSet};

/// What the migrations so far have made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    /// Of the file that runs; none before the first.
    dialect: Option<Dialect>,
    /// Where its names without a schema lead.
    path: path::Path,
    /// Of the server that the next statements run on.
    pub(crate) habits: Habits,
    tables: BTreeMap<Key, Table>,
    /// Those of the file that runs: they hide all others of their names.
    temporary: BTreeMap<String, Table>,
    /// Those that some table is written with.
    schemas: BTreeSet<String>,
    /// Labels of enums, by type.
    pub(crate) enums: BTreeMap<String, Vec<String>>,
    views: BTreeMap<Key, View>,
    /// Functions that say they are IMMUTABLE or STABLE.
    pub(crate) steady: BTreeSet<String>,
    /// By their names: one for each that has the name.
    functions: BTreeMap<Key, Vec<Function>>,
    /// The unit that made the first function or procedure of a name.
    functions_made: BTreeMap<Key, usize>,
    /// What publications carry, by their names.
    publications: BTreeMap<String, Published>,
    pub(crate) domains: BTreeMap<String, Domain>,
    /// What each change has been about.
    touched: BTreeMap<String, About>,
    /// How many tables and views were made so far.
    made: usize,
    /// When what this file has dropped or renamed was made, by the names it had first.
    ages_gone: BTreeMap<Key, Option<usize>>,
}

impl Catalog {
    /// The unit that made a view, and whether the view may have been there; None where no migration made it.
    pub(crate) fn view_made_in(&self, name: &Name) -> Option<(usize, bool)> {
        let view = self.views.get(&self.key(name))?;
        Some((view.made_in, view.if_missing))
    }

    /// Views over a table, and views over those.
    pub(crate) fn views_over(&self, table: &Name) -> Vec<Name> {
        let mut found: Vec<&Key> = Vec::new();
        let mut next = vec![self.resolved(table)];
        while let Some(read) = next.pop() {
            for (name, view) in &self.views {
                let mut reads = view.reads.iter();
                if !found.contains(&name) && reads.any(|own| self.resolved(own) == read) {
                    found.push(name);
                    next.push(name.clone());
                }
            }
        }
        let names = found.into_iter().map(|view| Name {
            schema: view.schema.clone(),
            name: view.name.clone(),
            span: table.span.clone(),
        });
        names.collect()
    }

    /// The key of the table that a name means.
    fn resolved(&self, name: &Name) -> Key {
        self.table(name)
            .map_or_else(|| self.key(name), |table| self.key(&table.name))
    }

    /// When a table or a view was made, among all that migrations made: what had the name first in this file. None: no migration made it.
    pub(crate) fn age(&self, name: &Name) -> Option<usize> {
        let key = self.key(name);
        if let Some(gone) = self.ages_gone.get(&key) {
            return *gone;
        }
        let table = self.own_table(name).filter(|table| table.made_in.is_some());
        let view = || self.views.get(&key).map(|view| view.age);
        table.map(|table| table.age).or_else(view)
    }

    /// What a view reads; nothing where no migration made it.
    pub(crate) fn reads_of_view(&self, view: &Name) -> &[Name] {
        self.views
            .get(&self.key(view))
            .map_or(&[], |view| &view.reads)
    }

    /// The names of what a view gives; None where nobody knows them.
    pub(crate) fn columns_of_view(&self, view: &Name) -> Option<&[String]> {
        self.views.get(&self.key(view))?.columns.as_deref()
    }

    /// The function of a name that takes this, whatever is optional, or the only one; None where none is known, or several are.
    pub(crate) fn function(&self, name: &Name, takes: Option<&[Argument]>) -> Option<&Function> {
        let all = self.functions.get(&self.key(name))?.iter();
        let types = |arguments: &[Argument]| -> Vec<String> {
            let types = arguments.iter().map(|own| own.data_type.clone());
            types.collect()
        };
        let mut all = all.filter(|own| match (takes, &own.arguments) {
            (Some(takes), Some(own)) => types(takes) == types(own),
            _ => true,
        });
        all.next().filter(|_| all.next().is_none())
    }

    /// The unit that made a function or a procedure, or took its place first; None where no migration did.
    pub(crate) fn function_made_in(&self, function: &Name) -> Option<usize> {
        self.functions_made.get(&self.key(function)).copied()
    }

    /// Whether a view selects a column by its name, or all there are.
    pub(crate) fn view_has(&self, view: &Name, column: &str) -> bool {
        let view = self.views.get(&self.key(view));
        view.is_some_and(|view| view.star || view.mentions.iter().any(|own| own == column))
    }

    /// Tables that have a column of a type, or had one.
    pub(crate) fn tables_with(&self, data_type: &str) -> impl Iterator<Item = &Table> {
        let tables = self.tables.values();
        tables.filter(move |table| table.has_had(data_type))
    }

    pub(crate) fn has_view(&self, name: &Name) -> bool {
        self.views.contains_key(&self.key(name))
    }

    /// Tables that are written with this schema.
    pub(crate) fn tables_in<'a>(&'a self, schema: &'a str) -> impl Iterator<Item = &'a Table> {
        let own = move |table: &&Table| table.name.schema.as_deref() == Some(schema);
        self.tables.values().filter(own)
    }

    /// Partitions and other heirs of a table, and theirs.
    pub(crate) fn heirs(&self, table: &Name) -> Vec<&Table> {
        let mut found: Vec<&Table> = Vec::new();
        let mut next = vec![self.resolved(table)];
        while let Some(parent) = next.pop() {
            for child in self.tables.values() {
                let parents = child.parent.iter().chain(&child.inherits);
                let mut parents = parents.map(|name| self.resolved(name));
                let seen = found.iter().any(|other| other.name == child.name);
                if parents.any(|own| own == parent) && !seen {
                    next.push(self.key(&child.name));
                    found.push(child);
                }
            }
        }
        found
    }

    /// Whether a publication carries a table or what it is a partition of, and whether one FOR ALL TABLES does.
    pub(crate) fn publishing(&self, table: &Name) -> Option<bool> {
        if self.publications.values().any(|carried| carried.all_tables) {
            return Some(true);
        }
        let mut name = table;
        // A partition of a partition: nobody nests them deeper.
        for _ in 0..8 {
            if self
                .publications
                .values()
                .any(|carried| carried.names(name))
            {
                return Some(false);
            }
            name = self.table(name)?.parent.as_ref()?;
        }
        None
    }

    /// Whether migrations have made publications.
    pub(crate) fn publishes(&self) -> bool {
        !self.publications.is_empty()
    }

    /// Whether there are publications, of tables that they name.
    pub(crate) fn publishes_by_name(&self) -> bool {
        let mut carried = self.publications.values();
        !self.publications.is_empty() && carried.all(|carried| !carried.all_tables)
    }

    /// The default partition of a table.
    pub(crate) fn default_of(&self, table: &Name) -> Option<&Table> {
        let own = self.resolved(table);
        let is_parent = |parent: &Name| self.resolved(parent) == own;
        let mut tables = self.tables.values();
        tables.find(|child| child.is_default && child.parent.as_ref().is_some_and(is_parent))
    }

    /// Foreign keys of other tables that reference this one, with their tables.
    pub(crate) fn referencing(&self, table: &Name) -> Vec<(&Table, &ForeignKey)> {
        let own = self.resolved(table);
        let others = self.tables.values();
        let others = others.filter(|other| self.key(&other.name) != own);
        others
            .flat_map(|other| other.foreign_keys.iter().map(move |key| (other, key)))
            .filter(|(_, key)| key.table.name == table.name && self.resolved(&key.table) == own)
            .collect()
    }

    /// The table that has a primary key or a unique constraint of this name.
    pub(crate) fn table_of_key(&self, name: &str) -> Option<&Table> {
        let mut tables = self.tables.values();
        tables.find(|table| table.key_columns(name).is_some())
    }

    /// The table that has an index of this name.
    pub(crate) fn index(&self, name: &str) -> Option<(&Table, &Index)> {
        let all = self.temporary.values().chain(self.tables.values());
        all.into_iter().find_map(|table| {
            let index = table
                .indexes
                .iter()
                .find(|i| i.name.as_deref() == Some(name))?;
            Some((table, index))
        })
    }
}
