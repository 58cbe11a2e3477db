//! A table, as the migrations made it.

use crate::operation::{Column, DataType, Expression, Name, ReplicaIdentity};

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: Name,
    /// The unit that made it; none if it was only ever changed.
    pub(crate) made_in: Option<usize>,
    pub(crate) columns: Vec<KnownColumn>,
    pub(crate) primary_key: Option<Vec<String>>,
    pub(crate) primary_key_name: Option<String>,
    pub(crate) uniques: Vec<Unique>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints: name, expression, whether validated.
    pub(crate) checks: Vec<(Option<String>, String, bool)>,
    /// Each with the unit that made it.
    pub(crate) triggers: Vec<String>,
    pub(crate) temporary: bool,
    pub(crate) unlogged: bool,
    pub(crate) partitioned: bool,
    pub(crate) parent: Option<Name>,
    pub(crate) replica_identity: Option<ReplicaIdentity>,
    /// It was made from another or by a query: its columns aren't all known.
    pub(crate) partly: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct KnownColumn {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) not_null: bool,
    pub(crate) default: Option<Expression>,
    pub(crate) numbers_itself: bool,
    pub(crate) made_in: usize,
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
}

#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) table: Name,
}

impl Table {
    pub(crate) fn new(name: Name, made_in: Option<usize>) -> Self {
        Self {
            name,
            made_in,
            columns: Vec::new(),
            primary_key: None,
            primary_key_name: None,
            uniques: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            triggers: Vec::new(),
            temporary: false,
            unlogged: false,
            partitioned: false,
            parent: None,
            replica_identity: None,
            partly: made_in.is_none(),
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&KnownColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn column_mut(&mut self, name: &str) -> Option<&mut KnownColumn> {
        self.columns.iter_mut().find(|column| column.name == name)
    }

    /// A foreign key by its name, given or made up by PostgreSQL.
    pub(crate) fn foreign_key(&self, name: &str) -> Option<&ForeignKey> {
        let table = &self.name.name;
        self.foreign_keys.iter().find(|key| match &key.name {
            Some(own) => own == name,
            None => name == format!("{table}_{}_fkey", key.columns.join("_")),
        })
    }
}

impl KnownColumn {
    pub(super) fn of(column: &Column, made_in: usize) -> Self {
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            not_null: column.not_null || column.primary_key,
            default: column.default.clone(),
            numbers_itself: column.numbers_itself(),
            made_in,
        }
    }
}
