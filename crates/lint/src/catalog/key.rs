//! Under what a table or a view is found, and what lends knowledge where a name may mean either of two.

use super::{Catalog, Table};
use crate::operation::{Name, Operation};
use greylag_core::engine::Dialect;

/// A name with its schema, where that isn't the one that names without a schema lead to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

impl Key {
    pub(super) fn of(dialect: Option<Dialect>, name: &Name) -> Self {
        let home = match dialect {
            Some(Dialect::Postgres) => Some("public"),
            Some(Dialect::Sqlite) => Some("main"),
            Some(Dialect::Mysql) | None => None,
        };
        let schema = name.schema.as_deref();
        Self {
            schema: schema.filter(|own| Some(*own) != home).map(str::to_owned),
            name: name.name.clone(),
        }
    }
}

impl Catalog {
    /// A file begins: its session has no temporary tables, and has set nothing.
    pub(crate) fn begin(&mut self, dialect: Dialect) {
        self.dialect = Some(dialect);
        self.path = None;
        self.temporary.clear();
        self.ages_gone.clear();
        self.views.retain(|_, view| !view.temporary);
    }

    /// What is known of a table. A name without its schema may mean the one table of that name in another schema, and the other way
    /// round: that one lends what is known of it, but says nothing of whether this one is new.
    pub(crate) fn table(&self, name: &Name) -> Option<&Table> {
        if let Some(found) = self.own_table(name) {
            return Some(found);
        }
        let within = |schema: Option<&String>| {
            let key = Key {
                schema: schema.cloned(),
                name: name.name.clone(),
            };
            self.tables.get(&key)
        };
        if name.schema.is_some() {
            return within(None);
        }
        let mut same = self
            .schemas
            .iter()
            .filter_map(|schema| within(Some(schema)));
        let first = same.next();
        if same.next().is_some() { None } else { first }
    }

    /// The very table that a name means, if it is known.
    pub(crate) fn own_table(&self, name: &Name) -> Option<&Table> {
        match self.temporary_name(name) {
            Some(temporary) => self.temporary.get(temporary),
            None => self.tables.get(&self.key(name)),
        }
    }

    /// Whether both names mean one thing.
    pub(crate) fn is_same(&self, one: &Name, other: &Name) -> bool {
        one.name == other.name && self.key(one) == self.key(other)
    }

    pub(super) fn key(&self, name: &Name) -> Key {
        match &self.path {
            None => Key::of(self.dialect, name),
            Some(_) => Key::of(self.dialect, &self.led(name)),
        }
    }

    /// A name with the schema that it leads to, where the file has set that.
    pub(super) fn led(&self, name: &Name) -> Name {
        Name {
            schema: name.schema.clone().or_else(|| self.path.clone()),
            ..name.clone()
        }
    }

    /// The name of the temporary table that hides all others of that name.
    pub(super) fn temporary_name<'n>(&self, name: &'n Name) -> Option<&'n str> {
        let schema = name.schema.as_deref();
        let plain = schema.is_none_or(|schema| self.is_sessions_own(schema));
        let name = Some(name.name.as_str()).filter(|_| plain)?;
        self.temporary.contains_key(name).then_some(name)
    }

    /// Whether a schema is that of temporary tables.
    pub(super) fn is_sessions_own(&self, schema: &str) -> bool {
        match self.dialect {
            Some(Dialect::Postgres) => schema == "pg_temp",
            Some(Dialect::Sqlite) => schema == "temp",
            Some(Dialect::Mysql) | None => false,
        }
    }

    /// Where names without a schema lead from here on: to the first schema of the search path.
    pub(super) fn follow_path(&mut self, operation: &Operation) {
        let mut set = operation.assignments();
        let Some((_, value)) = set.find(|(name, _)| *name == "search_path") else {
            return;
        };
        let first = value.split(',').next().unwrap_or_default();
        let first = first.trim().trim_matches(['\'', '"', ' ']);
        let named =
            !first.is_empty() && !first.starts_with('$') && !first.eq_ignore_ascii_case("default");
        self.path = named.then(|| first.to_owned());
    }
}

impl Table {
    /// What this table's likeness in another schema is taken for, until a statement says more of it: columns, but no key, and nothing
    /// that is new.
    pub(super) fn lent_to(&self, name: &Name) -> Self {
        let mut columns = self.columns.clone();
        columns.iter_mut().for_each(|column| column.made_in = None);
        Self {
            columns,
            letters: self.letters.clone(),
            partitioned: self.partitioned,
            partition_key: self.partition_key.clone(),
            ..Self::new(name.clone(), None)
        }
    }
}
