//! What keys, indexes and constraints a table gets and loses.

use super::{Check, ForeignKey, Index, KnownColumn, Table, Unique, gone::Gone};
use crate::operation::{Column, Constraint, ConstraintKind, CreateIndex, Dropped, Reference};
use greylag_core::{engine::Dialect, script::Script};

impl Table {
    pub(super) fn add_column(&mut self, unit: usize, script: &Script, column: &Column) {
        self.columns.retain(|known| known.name != column.name);
        let known = KnownColumn::of(column, &self.letters, Some(unit));
        self.columns.push(known);
        self.add_own(unit, script, column, true);
    }

    /// The keys and checks that are written within a column. `proven` says whether the rows that are there keep to the checks: MariaDB
    /// asks none of them where it is MODIFY that brings one.
    pub(super) fn add_own(&mut self, unit: usize, script: &Script, column: &Column, proven: bool) {
        let dialect = script.dialect;
        let own = || vec![Some(column.name.clone())];
        if column.primary_key {
            self.primary_key_name = self.name_of_primary_key(dialect);
            self.primary_key = Some(vec![column.name.clone()]);
        }
        if column.unique {
            self.add_unique(unit, dialect, column.unique_name.clone(), own());
        }
        for check in &column.checks {
            let check = Check {
                name: check.name.clone(),
                expression: script.text[check.expression.clone()].to_owned(),
                valid: proven && check.enforced,
                enforced: check.enforced,
                column: Some(column.name.clone()),
            };
            self.add_check(unit, dialect, check);
        }
        let made = column.references.as_ref();
        if let Some(reference) = made.filter(|_| !self.habits.no_own_references) {
            let (name, columns) = (reference.name.clone(), vec![column.name.clone()]);
            self.add_foreign_key(unit, dialect, name, columns, reference);
        }
    }

    /// The keys that another has, under names of its own where the server makes up others.
    pub(super) fn take_keys_of(&mut self, unit: usize, dialect: Dialect, other: &Table) {
        self.primary_key = other.primary_key.clone();
        self.primary_key_name = self.name_of_primary_key(dialect);
        let name = |name: &Option<String>| name.clone().filter(|_| dialect == Dialect::Mysql);
        for unique in &other.uniques {
            self.add_unique(unit, dialect, name(&unique.name), unique.columns.clone());
        }
        for index in &other.indexes {
            let own = name(&index.name).or_else(|| self.name_of_index(dialect, &index.columns));
            self.remember(&own, unit);
            self.indexes.push(Index {
                name: own,
                ..index.clone()
            });
        }
    }

    /// The columns of each key that no two rows share, and what it is called; MySQL calls a primary key so, whatever it was given.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (Option<&str>, Vec<&str>)> {
        let primary = self.primary_key.iter().map(|columns| {
            let name = self.primary_key_name.as_deref().unwrap_or("primary");
            (Some(name), columns.iter().map(String::as_str).collect())
        });
        let uniques = self.uniques.iter();
        let uniques = uniques.map(|unique| (unique.name.as_deref(), &unique.columns));
        let indexes = self
            .indexes
            .iter()
            .filter(|own| own.unique && !own.worked_out);
        let indexes = indexes.map(|index| (index.name.as_deref(), &index.columns));
        let others = uniques.chain(indexes).filter_map(|(name, columns)| {
            let columns: Option<Vec<&str>> = columns.iter().map(Option::as_deref).collect();
            Some((name, columns?))
        });
        primary.chain(others)
    }

    pub(super) fn add_constraint(&mut self, unit: usize, script: &Script, constraint: &Constraint) {
        let dialect = script.dialect;
        let name = constraint.name.clone();
        match &constraint.kind {
            ConstraintKind::PrimaryKey {
                columns,
                using_index,
            } => {
                let index = using_index.as_ref().and_then(|own| self.take_index(own));
                let of_index = index.map(|index| index.columns.into_iter().flatten().collect());
                let columns: Vec<String> = of_index.unwrap_or_else(|| columns.clone());
                for column in &columns {
                    if let Some(known) = self.column_mut(column) {
                        known.not_null = true;
                    }
                }
                let name = name.or_else(|| using_index.clone());
                let name = name.or_else(|| self.name_of_primary_key(dialect));
                // MySQL calls it PRIMARY, whatever it is given.
                self.primary_key_name = name.filter(|_| dialect != Dialect::Mysql);
                self.primary_key = Some(columns);
                let name = self.primary_key_name.clone();
                self.remember(&name, unit);
            }
            ConstraintKind::Unique {
                columns,
                using_index,
            } => {
                // The index is the constraint's from here on, and has its name.
                let index = using_index.as_ref().and_then(|own| self.take_index(own));
                let columns = index.map_or_else(|| columns.clone(), |index| index.columns);
                let name = name.or_else(|| using_index.clone());
                self.add_unique(unit, dialect, name, columns);
            }
            ConstraintKind::ForeignKey { columns, reference } => {
                let enforced = constraint.enforced;
                let reference = Reference {
                    enforced,
                    ..reference.clone()
                };
                self.add_foreign_key(unit, dialect, name, columns.clone(), &reference);
            }
            ConstraintKind::Check { expression } => {
                let check = Check {
                    name,
                    expression: script.text[expression.clone()].to_owned(),
                    valid: constraint.enforced && !constraint.not_valid,
                    enforced: constraint.enforced,
                    column: None,
                };
                self.add_check(unit, dialect, check);
            }
            ConstraintKind::NotNull { column } => {
                if let Some(known) = self.column_mut(column) {
                    known.not_null = !constraint.not_valid;
                }
            }
            ConstraintKind::Index { columns, .. } => {
                self.add_plain_index(unit, dialect, name, columns.clone());
            }
            ConstraintKind::Exclude { .. } => {}
        }
    }

    pub(super) fn add_index(&mut self, unit: usize, dialect: Dialect, create: &CreateIndex) {
        let name = create.name.as_ref().map(|name| name.name.clone());
        let there = |index: &Index| index.name.is_some() && index.name == name;
        if create.if_not_exists && self.indexes.iter().any(there) {
            return;
        }
        let name = name.or_else(|| self.name_of_index(dialect, &create.columns));
        self.remember(&name, unit);
        self.indexes.push(Index {
            name,
            columns: create.columns.clone(),
            unique: create.unique,
            mentions: create.mentions.clone(),
            worked_out: create.partial || create.columns.contains(&None),
        });
    }

    pub(super) fn add_plain_index(
        &mut self,
        unit: usize,
        dialect: Dialect,
        name: Option<String>,
        columns: Vec<Option<String>>,
    ) {
        let name = name.or_else(|| self.name_of_index(dialect, &columns));
        self.remember(&name, unit);
        self.indexes.push(Index {
            name,
            columns,
            unique: false,
            mentions: Vec::new(),
            worked_out: false,
        });
    }

    /// PostgreSQL drops with a column whatever has it; the others take the column out of it.
    pub(crate) fn drop_column(&mut self, dialect: Dialect, column: &str) {
        self.numbers.clear();
        if let Some(at) = self.columns.iter().position(|c| c.name == column) {
            let gone = self.columns.remove(at);
            self.had.push(gone.data_type.name);
        }
        let whole = dialect == Dialect::Postgres;
        let is = |own: &Option<String>| own.as_deref() == Some(column);
        let left = |columns: &mut Vec<Option<String>>| {
            let had = columns.iter().any(is);
            columns.retain(|own| !is(own));
            !had || !whole && !columns.is_empty()
        };
        self.uniques.retain_mut(|unique| left(&mut unique.columns));
        self.indexes.retain_mut(|index| {
            let within = index.mentions.iter().any(|own| own == column);
            left(&mut index.columns) && !(whole && within)
        });
        let key = self.primary_key.take();
        self.primary_key = key.and_then(|mut key| {
            let before = key.len();
            key.retain(|own| own != column);
            (key.len() == before || !whole && !key.is_empty()).then_some(key)
        });
        let with = |key: &ForeignKey| key.columns.iter().any(|own| own == column);
        self.foreign_keys.retain(|key| !with(key));
        self.checks.retain(|check| !check.names(dialect, column));
    }

    pub(crate) fn drop_constraint(&mut self, unit: usize, name: &str, kind: Dropped) {
        self.numbers.clear();
        let own = |other: &Option<String>| other.as_deref() == Some(name);
        let any = kind == Dropped::Constraint;
        let primary = match &self.primary_key_name {
            Some(known) => known == name,
            None => name == "primary",
        };
        if kind == Dropped::PrimaryKey || any && primary {
            let key = self.primary_key.take();
            self.primary_key_name = None;
            self.remember_gone(unit, key.map(Gone::Key));
        }
        if any {
            self.drop_uniques(unit, name);
        }
        if any || kind == Dropped::ForeignKey {
            let keys = self.foreign_keys.extract_if(.., |key| own(&key.name));
            let gone: Vec<Gone> = keys.map(Gone::ForeignKey).collect();
            self.remember_gone(unit, gone);
        }
        if any || kind == Dropped::Check {
            let checks = self.checks.extract_if(.., |check| own(&check.name));
            let gone: Vec<Gone> = checks.map(Gone::Check).collect();
            // It may be one whose name the server has made up: none of those proves anything now.
            if gone.is_empty() {
                let unnamed = self.checks.iter_mut().filter(|check| check.name.is_none());
                unnamed.for_each(|check| check.valid = false);
            }
            self.remember_gone(unit, gone);
        }
    }

    /// MySQL's unique keys are indexes too.
    pub(crate) fn drop_index(&mut self, unit: usize, name: &str) {
        self.drop_plain_index(unit, name);
        self.drop_uniques(unit, name);
    }

    /// An index that is no constraint's.
    pub(super) fn drop_plain_index(&mut self, unit: usize, name: &str) {
        let own = |index: &mut Index| index.name.as_deref() == Some(name);
        let indexes: Vec<Index> = self.indexes.extract_if(.., own).collect();
        if !indexes.is_empty() {
            self.numbers.clear();
        }
        let keys = indexes.into_iter();
        let keys = keys.filter(|index| index.unique && !index.worked_out);
        let gone: Vec<Gone> = keys.filter_map(|index| whole(index.columns)).collect();
        self.remember_gone(unit, gone);
    }

    fn drop_uniques(&mut self, unit: usize, name: &str) {
        let own = |unique: &mut Unique| unique.name.as_deref() == Some(name);
        self.numbers.clear();
        let uniques = self.uniques.extract_if(.., own);
        let gone: Vec<Gone> = uniques.filter_map(|unique| whole(unique.columns)).collect();
        self.remember_gone(unit, gone);
    }

    /// CHECKs that are written within a column go with it where it is said anew, on a server that takes them for the column's.
    pub(super) fn forget_own_checks(&mut self, unit: usize, column: &str) {
        if self.habits.own_checks {
            self.numbers.clear();
            let own = |check: &mut Check| check.column.as_deref() == Some(column);
            let checks = self.checks.extract_if(.., own);
            let gone: Vec<Gone> = checks.map(Gone::Check).collect();
            self.remember_gone(unit, gone);
        }
    }

    /// A constraint asks rows from here on, or asks none.
    pub(super) fn enforce(&mut self, name: &str, enforced: bool) {
        let own = |other: &Option<String>| other.as_deref() == Some(name);
        for check in self.checks.iter_mut().filter(|check| own(&check.name)) {
            (check.enforced, check.valid) = (enforced, enforced);
        }
        let keys = self.foreign_keys.iter_mut();
        for key in keys.filter(|key| own(&key.name)) {
            key.enforced = enforced;
        }
    }

    /// An index has another name from here on, and the constraint that is one.
    pub(super) fn rename_index(&mut self, from: &str, to: &str) {
        let uniques = self.uniques.iter_mut().map(|unique| &mut unique.name);
        let indexes = self.indexes.iter_mut().map(|index| &mut index.name);
        let primary = std::iter::once(&mut self.primary_key_name);
        self.numbers.clear();
        let mut found = false;
        for name in uniques.chain(indexes).chain(primary) {
            if name.as_deref() == Some(from) {
                *name = Some(to.to_owned());
                found = true;
            }
        }
        if found && let Some(unit) = self.made.remove(from) {
            self.made.insert(to.to_owned(), unit);
        }
    }

    /// A constraint has another name from here on.
    pub(super) fn rename_key(&mut self, from: &str, to: &str) {
        self.numbers.clear();
        let keys = self.foreign_keys.iter_mut().map(|key| &mut key.name);
        let uniques = self.uniques.iter_mut().map(|unique| &mut unique.name);
        let indexes = self.indexes.iter_mut().map(|index| &mut index.name);
        let checks = self.checks.iter_mut().map(|check| &mut check.name);
        let primary = std::iter::once(&mut self.primary_key_name);
        let names = keys
            .chain(uniques)
            .chain(indexes)
            .chain(checks)
            .chain(primary);
        for name in names {
            if name.as_deref() == Some(from) {
                *name = Some(to.to_owned());
            }
        }
        if let Some(unit) = self.made.remove(from) {
            self.made.insert(to.to_owned(), unit);
        }
    }

    fn add_unique(
        &mut self,
        unit: usize,
        dialect: Dialect,
        name: Option<String>,
        columns: Vec<Option<String>>,
    ) {
        let name = name.or_else(|| self.name_of_unique(dialect, &columns));
        self.remember(&name, unit);
        self.uniques.push(Unique { name, columns });
    }

    fn add_foreign_key(
        &mut self,
        unit: usize,
        dialect: Dialect,
        name: Option<String>,
        columns: Vec<String>,
        reference: &Reference,
    ) {
        let name = name.or_else(|| self.name_of_foreign_key(dialect, &columns));
        self.remember(&name, unit);
        self.foreign_keys.push(ForeignKey {
            name,
            columns,
            table: reference.table.clone(),
            refers: reference.columns.clone(),
            on_delete: reference.on_delete,
            on_update: reference.on_update,
            enforced: reference.enforced,
        });
    }

    fn add_check(&mut self, unit: usize, dialect: Dialect, check: Check) {
        let name = check.name;
        let name = name.or_else(|| self.name_of_check(dialect, &check.expression));
        self.remember(&name, unit);
        self.checks.push(Check { name, ..check });
    }

    fn take_index(&mut self, name: &str) -> Option<Index> {
        let own = |index: &Index| index.name.as_deref() == Some(name);
        let at = self.indexes.iter().position(own)?;
        self.numbers.clear();
        Some(self.indexes.remove(at))
    }

    fn remember(&mut self, name: &Option<String>, unit: usize) {
        if let Some(name) = name {
            self.made.insert(name.clone(), unit);
        }
    }
}

/// A key whose columns are all plain.
fn whole(columns: Vec<Option<String>>) -> Option<Gone> {
    Some(Gone::Key(columns.into_iter().collect::<Option<_>>()?))
}
