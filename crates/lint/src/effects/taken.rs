//! Which effects a statement has, on which table.

use super::{Effect, Role, data, postgres};
use crate::{
    catalog::Catalog,
    operation::{Bytes, Name, Operation},
};
use greylag_core::engine::Dialect;

/// One effect of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) effect: &'static Effect,
    pub(crate) role: Role,
    pub(crate) table: Name,
    pub(crate) span: Bytes,
}

/// What a statement does to which relation: one entry per relation and clause. Only PostgreSQL's effects are by relation.
pub(crate) fn taken(dialect: Dialect, operation: &Operation, catalog: &Catalog) -> Vec<Taken> {
    match dialect {
        Dialect::Postgres => postgres::taken(operation, catalog),
        Dialect::Mysql | Dialect::Sqlite => Vec::new(),
    }
}

/// What it does to what inherits from those tables, partitions above all.
pub(crate) fn taken_by_heirs(
    dialect: Dialect,
    operation: &Operation,
    direct: &[Taken],
    catalog: &Catalog,
) -> Vec<Taken> {
    match dialect {
        Dialect::Postgres => postgres::of_heirs(operation, direct, catalog),
        Dialect::Mysql | Dialect::Sqlite => Vec::new(),
    }
}

impl Taken {
    pub(crate) fn lock(&self) -> Option<&'static str> {
        self.effect.lock(self.role)
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.lock() == Some("ACCESS EXCLUSIVE")
    }

    /// "ACCESS EXCLUSIVE on orders, which keeps out reads and writes".
    pub(crate) fn sentence(&self) -> Option<String> {
        let lock = self.lock()?;
        Some(format!(
            "{lock} on {}, which {}",
            self.table,
            data::keeps_out(lock)
        ))
    }
}
