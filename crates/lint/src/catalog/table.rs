//! A table, as the migrations made it.

use super::{Check, Letters, gone::Gone};
use crate::operation::{
    Argument, Column, DataType, Deed, Expression, Generated, Name, ReplicaIdentity,
};
use greylag_core::engine::Dialect;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: Name,
    /// The unit that made it; none if it was only ever changed.
    pub(crate) made_in: Option<usize>,
    /// When it was made, among all tables and views.
    pub(super) age: usize,
    /// IF NOT EXISTS made it: it may have been there.
    pub(crate) if_missing: bool,
    pub(crate) columns: Vec<KnownColumn>,
    /// Types of columns that it had.
    pub(crate) had: Vec<String>,
    pub(crate) primary_key: Option<Vec<String>>,
    pub(crate) primary_key_name: Option<String>,
    pub(crate) uniques: Vec<Unique>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) checks: Vec<Check>,
    /// What it had, with the unit that dropped it.
    pub(super) gone: Vec<(usize, Gone)>,
    /// The unit that made a constraint or an index, by its name.
    pub(crate) made: BTreeMap<String, usize>,
    /// The last numbers of names that were made up, by the name without one; none after a name is given up.
    pub(super) numbers: BTreeMap<String, u32>,
    /// Their names.
    pub(crate) triggers: Vec<String>,
    pub(crate) temporary: bool,
    pub(crate) unlogged: bool,
    pub(crate) partitioned: bool,
    /// What it is partitioned by; an expression is None.
    pub(crate) partition_key: Vec<Option<String>>,
    /// Of a partition.
    pub(crate) parent: Option<Name>,
    /// It takes what no other partition takes.
    pub(crate) is_default: bool,
    /// What it inherits from, apart from partitions.
    pub(crate) inherits: Vec<Name>,
    /// Changes that MySQL makes instantly, since it was made or written anew.
    pub(crate) row_versions: u32,
    pub(crate) replica_identity: Option<ReplicaIdentity>,
    /// MySQL: how text is stored in columns that don't say it themselves.
    pub(crate) letters: Letters,
    pub(crate) habits: Habits,
    /// It was made from another or by a query: its columns aren't all known.
    pub(crate) partly: bool,
}

/// What servers of one dialect don't all do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    /// MariaDB: a CHECK that is written within a column goes when the column is said anew without it.
    pub(crate) own_checks: bool,
    /// MySQL before 9.0: a column's own REFERENCES makes nothing.
    pub(crate) no_own_references: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct KnownColumn {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) not_null: bool,
    pub(crate) default: Option<Expression>,
    pub(crate) numbers_itself: bool,
    pub(crate) generated: Option<Generated>,
    pub(crate) collation: Option<String>,
    /// ON UPDATE CURRENT_TIMESTAMP.
    pub(crate) on_update: bool,
    /// The unit that made it; none where it was there, and a later statement told all of it.
    pub(crate) made_in: Option<usize>,
    /// IF NOT EXISTS made it: it may have been there.
    pub(crate) if_missing: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Unique {
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<Option<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<Option<String>>,
    pub(crate) unique: bool,
    /// Names within its expressions and its WHERE.
    pub(crate) mentions: Vec<String>,
    /// It has an expression or a WHERE.
    pub(crate) worked_out: bool,
}

/// A view, as it was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(super) reads: Vec<Name>,
    /// Names within its query.
    pub(super) mentions: Vec<String>,
    /// It selects `*` somewhere.
    pub(super) star: bool,
    /// The names of what it gives; None where that can't be read from its text.
    pub(super) columns: Option<Vec<String>>,
    /// The unit that made it.
    pub(super) made_in: usize,
    /// OR REPLACE or IF NOT EXISTS made it: it may have been there.
    pub(super) if_missing: bool,
    /// When it was made, among all tables and views.
    pub(super) age: usize,
    pub(super) temporary: bool,
}

/// A function or a procedure, as it was made.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// What it takes; None where that can't be read.
    pub(crate) arguments: Option<Vec<Argument>>,
    /// What it gives back; None where that can't be read.
    pub(crate) result: Option<String>,
}

/// A domain, and what it has of those it is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domain {
    /// CHECK or NOT NULL.
    pub(crate) constrained: bool,
    pub(crate) default: Option<Expression>,
    /// Its default was changed by what isn't read.
    pub(crate) default_unknown: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForeignKey {
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) table: Name,
    /// Empty: its primary key.
    pub(crate) refers: Vec<String>,
    pub(crate) on_delete: Deed,
    pub(crate) on_update: Deed,
    /// Not so: it asks no row, and nothing goes along.
    pub(crate) enforced: bool,
}

impl Table {
    pub(crate) fn new(name: Name, made_in: Option<usize>) -> Self {
        Self {
            name,
            made_in,
            age: 0,
            if_missing: false,
            columns: Vec::new(),
            had: Vec::new(),
            primary_key: None,
            primary_key_name: None,
            uniques: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            gone: Vec::new(),
            made: BTreeMap::new(),
            numbers: BTreeMap::new(),
            triggers: Vec::new(),
            temporary: false,
            unlogged: false,
            partitioned: false,
            partition_key: Vec::new(),
            parent: None,
            is_default: false,
            inherits: Vec::new(),
            row_versions: 0,
            replica_identity: None,
            letters: Letters::default(),
            habits: Habits::default(),
            partly: made_in.is_none(),
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&KnownColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn column_mut(&mut self, name: &str) -> Option<&mut KnownColumn> {
        self.columns.iter_mut().find(|column| column.name == name)
    }

    /// Whether a column is of this type, or was until it was dropped.
    pub(crate) fn has_had(&self, data_type: &str) -> bool {
        let mut columns = self.columns.iter().map(|column| &column.data_type.name);
        columns.any(|own| own == data_type) || self.had.iter().any(|own| own == data_type)
    }

    pub(crate) fn is_indexed(&self, column: &str) -> bool {
        let has = |columns: &Vec<Option<String>>| {
            columns
                .iter()
                .any(|own| own.as_deref().is_none_or(|own| own == column))
        };
        let uniques = self.uniques.iter().map(|unique| &unique.columns);
        let indexes = self.indexes.iter().map(|index| &index.columns);
        self.is_in_primary_key(column) || uniques.chain(indexes).any(has)
    }

    /// Whether an index with an expression or a WHERE has the column anywhere: such an index is built anew with the column's type.
    pub(crate) fn is_worked_into_index(&self, column: &str) -> bool {
        self.indexes.iter().any(|index| {
            let key = index.columns.iter().flatten().any(|own| own == column);
            index.worked_out && (key || index.mentions.iter().any(|own| own == column))
        })
    }

    /// A column has another name from here on.
    pub(crate) fn rename_column(&mut self, dialect: Dialect, from: &str, to: &str) {
        if let Some(column) = self.column_mut(from) {
            to.clone_into(&mut column.name);
        }
        let keys = self.primary_key.iter_mut().flatten();
        let keys = keys.chain(
            self.foreign_keys
                .iter_mut()
                .flat_map(|key| &mut key.columns),
        );
        let uniques = self
            .uniques
            .iter_mut()
            .flat_map(|unique| &mut unique.columns);
        let indexes = self.indexes.iter_mut();
        let indexes = indexes.flat_map(|index| {
            index
                .columns
                .iter_mut()
                .flatten()
                .chain(&mut index.mentions)
        });
        let partition = self.partition_key.iter_mut().flatten();
        for name in keys
            .chain(uniques.flatten())
            .chain(indexes)
            .chain(partition)
        {
            if name == from {
                to.clone_into(name);
            }
        }
        for check in &mut self.checks {
            check.rename_column(dialect, from, to);
        }
    }

    /// Whether a CHECK names the column.
    pub(crate) fn is_checked(&self, dialect: Dialect, column: &str) -> bool {
        let mut checks = self.checks.iter();
        checks.any(|check| check.names(dialect, column))
    }

    /// The one column that it is partitioned by, where it is one.
    pub(crate) fn partition_column(&self) -> Option<&str> {
        match self.partition_key.as_slice() {
            [Some(column)] => Some(column),
            _ => None,
        }
    }

    pub(crate) fn is_in_primary_key(&self, column: &str) -> bool {
        let key = self.primary_key.as_ref();
        key.is_some_and(|key| key.iter().any(|own| own == column))
    }

    /// Whether an index, or a constraint's, has the column.
    pub(crate) fn is_in_index(&self, index: &str, column: &str) -> bool {
        let own = self
            .indexes
            .iter()
            .find(|one| one.name.as_deref() == Some(index));
        match (own, self.key_columns(index)) {
            (Some(own), _) => {
                let mut named = own.columns.iter().flatten().chain(&own.mentions);
                named.any(|name| name == column)
            }
            (None, Some(key)) => key.iter().any(|name| name == column),
            (None, None) => false,
        }
    }

    /// The columns of a primary key or unique constraint.
    pub(crate) fn key_columns(&self, name: &str) -> Option<Vec<String>> {
        if self.primary_key_name.as_deref() == Some(name) {
            return self.primary_key.clone();
        }
        let mut uniques = self.uniques.iter();
        let unique = uniques.find(|unique| unique.name.as_deref() == Some(name));
        Some(unique?.columns.iter().flatten().cloned().collect())
    }

    /// The columns of an index; an expression is None.
    pub(crate) fn index_columns(&self, name: &str) -> Option<Vec<Option<String>>> {
        let mut indexes = self.indexes.iter();
        let index = indexes.find(|index| index.name.as_deref() == Some(name))?;
        Some(index.columns.clone())
    }

    pub(crate) fn foreign_key(&self, name: &str) -> Option<&ForeignKey> {
        let mut keys = self.foreign_keys.iter();
        keys.find(|key| key.name.as_deref() == Some(name))
    }
}

impl Column {
    /// How its text is stored; nothing where it is none.
    pub(crate) fn letters(&self, table: &Letters) -> Letters {
        let charset = self.data_type.charset.as_deref();
        let own = Letters::of(charset, self.collation.as_deref());
        match self.data_type.is_text() {
            true => own.or(table),
            false => own,
        }
    }

    /// Its type, with the character set that it has in this table.
    pub(crate) fn type_in(&self, table: Option<&Table>) -> DataType {
        let nothing = Letters::default();
        let letters = self.letters(table.map_or(&nothing, |table| &table.letters));
        DataType {
            charset: letters.charset,
            ..self.data_type.clone()
        }
    }
}

impl ForeignKey {
    /// Rows go or change when the row that they reference goes.
    pub(crate) fn acts_on_delete(&self) -> bool {
        self.enforced && self.on_delete.acts()
    }
}

impl KnownColumn {
    /// It numbers itself, or takes its default from a sequence.
    pub(crate) fn is_numbered(&self) -> bool {
        self.numbers_itself || self.default.as_ref().is_some_and(Expression::counts)
    }

    /// A column of a table, with what the table says of its text.
    pub(super) fn of(column: &Column, table: &Letters, made_in: Option<usize>) -> Self {
        let letters = column.letters(table);
        Self {
            name: column.name.clone(),
            data_type: DataType {
                charset: letters.charset,
                ..column.data_type.clone()
            },
            not_null: column.not_null || column.primary_key,
            default: column.default.clone(),
            numbers_itself: column.numbers_itself(),
            generated: column.generated,
            collation: letters.collation,
            on_update: column.on_update,
            made_in,
            if_missing: false,
        }
    }
}
