//! Names that a server makes up for constraints and indexes that have none.
//!
//! PostgreSQL's are known, but not of an index with an expression; of MySQL's those of keys. SQLite makes up none that a statement could use, and how MySQL and
//! MariaDB call a CHECK differs.

use super::{Table, check::names_in};
use greylag_core::engine::Dialect;
use std::collections::BTreeSet;

/// Bytes of a name at most.
const LONGEST: usize = 63;

impl Table {
    pub(super) fn name_of_primary_key(&mut self, dialect: Dialect) -> Option<String> {
        (dialect == Dialect::Postgres).then(|| self.made_up("", "pkey"))
    }

    pub(super) fn name_of_unique(
        &mut self,
        dialect: Dialect,
        columns: &[Option<String>],
    ) -> Option<String> {
        match dialect {
            Dialect::Postgres => Some(self.made_up(&joined(columns), "key")),
            Dialect::Mysql => self.of_first_column(columns),
            Dialect::Sqlite => None,
        }
    }

    pub(super) fn name_of_index(
        &mut self,
        dialect: Dialect,
        columns: &[Option<String>],
    ) -> Option<String> {
        match dialect {
            // What an expression is called depends on what it calls.
            Dialect::Postgres if columns.contains(&None) => None,
            Dialect::Postgres => Some(self.made_up(&joined(columns), "idx")),
            Dialect::Mysql => self.of_first_column(columns),
            Dialect::Sqlite => None,
        }
    }

    pub(super) fn name_of_foreign_key(
        &mut self,
        dialect: Dialect,
        columns: &[String],
    ) -> Option<String> {
        match dialect {
            Dialect::Postgres => Some(self.made_up(&columns.join("_"), "fkey")),
            Dialect::Mysql => {
                let own = format!("{}_ibfk_", self.name.name);
                let names = self.foreign_keys.iter().filter_map(|key| key.name.as_ref());
                let numbers = names.filter_map(|name| name.strip_prefix(&own)?.parse::<u32>().ok());
                Some(format!("{own}{}", numbers.max().unwrap_or(0) + 1))
            }
            Dialect::Sqlite => None,
        }
    }

    /// After the one column that it is about.
    pub(super) fn name_of_check(&mut self, dialect: Dialect, expression: &str) -> Option<String> {
        if dialect != Dialect::Postgres {
            return None;
        }
        let mut names = names_in(dialect, expression);
        names.retain(|name| self.column(name).is_some());
        names.sort_unstable();
        names.dedup();
        Some(match names.as_slice() {
            [only] => self.made_up(only, "check"),
            _ => self.made_up("", "check"),
        })
    }

    /// Whether PostgreSQL would have to number what it makes up for a column's own constraint: `check`, `fkey`, `key`.
    pub(crate) fn has_taken(&self, column: &str, label: &str) -> bool {
        self.has_name(&shortened(&self.name.name, column, label))
    }

    /// Whether a constraint or an index of the table has the name.
    fn has_name(&self, name: &str) -> bool {
        // Whatever has a name is there, apart from a primary key.
        let remembered = self.made.contains_key(name);
        (remembered || self.primary_key_name.as_deref() == Some(name))
            && self.taken().any(|own| own == name)
    }

    /// The names of its constraints and indexes.
    fn taken(&self) -> impl Iterator<Item = &str> {
        let keys = self.foreign_keys.iter().map(|key| &key.name);
        let uniques = self.uniques.iter().map(|unique| &unique.name);
        let indexes = self.indexes.iter().map(|index| &index.name);
        let checks = self.checks.iter().map(|check| &check.name);
        let primary = self.primary_key.is_some();
        let primary = primary.then_some(&self.primary_key_name).into_iter();
        let all = keys.chain(uniques).chain(indexes).chain(checks);
        all.chain(primary).filter_map(|own| own.as_deref())
    }

    /// `orders_total_key`, shortened as the server does, and numbered where that is taken.
    fn made_up(&mut self, columns: &str, label: &str) -> String {
        let table = self.name.name.clone();
        self.numbered(|number| match number {
            0 => shortened(&table, columns, label),
            _ => shortened(&table, columns, &format!("{label}{number}")),
        })
    }

    fn of_first_column(&mut self, columns: &[Option<String>]) -> Option<String> {
        let first = columns.first()?.clone()?;
        Some(self.numbered(|number| match number {
            0 => first.clone(),
            _ => format!("{first}_{}", number + 1),
        }))
    }

    /// The first of a row of names that is free. While none is given up those before the last one stay taken.
    fn numbered(&mut self, name: impl Fn(u32) -> String) -> String {
        let plain = name(0);
        let begin = self.numbers.get(&plain).map_or(0, |last| last + 1);
        let mut number = begin;
        if self.has_name(&name(number)) {
            let taken: BTreeSet<&str> = self.taken().collect();
            let mut all = begin..;
            number = all
                .find(|number| !taken.contains(&*name(*number)))
                .expect("numbers don't end");
        }
        self.numbers.insert(plain, number);
        name(number)
    }
}

fn joined(columns: &[Option<String>]) -> String {
    let columns: Vec<&str> = columns.iter().flatten().map(String::as_str).collect();
    columns.join("_")
}

/// Both parts lose letters, the longer one first, until the name fits.
fn shortened(table: &str, columns: &str, label: &str) -> String {
    let (mut table, mut columns) = (table.to_owned(), columns.to_owned());
    let blanks = 1 + usize::from(!columns.is_empty());
    while table.len() + columns.len() + label.len() + blanks > LONGEST {
        match table.len() > columns.len() {
            true => table.pop(),
            false => columns.pop(),
        };
    }
    match columns.is_empty() {
        true => format!("{table}_{label}"),
        false => format!("{table}_{columns}_{label}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_loses_letters_of_its_longer_part() {
        assert_eq!(shortened("t", "a", "key"), "t_a_key");
        assert_eq!(shortened("t", "", "pkey"), "t_pkey");
        let long = shortened(&"t".repeat(40), &"c".repeat(50), "fkey");
        assert_eq!(long.len(), LONGEST);
        assert_eq!(
            long,
            format!("{}_{}_fkey", "t".repeat(29), "c".repeat(28)),
            "as PostgreSQL cuts it"
        );
    }
}
