//! Which relations a script locks against readers too, told from its text before anything runs.
//!
//! On a primary such a lock is short. On a standby it is replayed: it waits for the readers there, or ends them. What can't
//! be told from the text is said to be so, and means all of the database.

mod mysql;
mod postgres;
mod reader;

use super::statement::Script;
use crate::engine::Dialect;

/// What a script locks against readers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusive {
    /// As the script writes them: `orders`, `sales."Order"`; tables, views and indexes. Each once, in order of appearance.
    pub tables: Vec<String>,
    /// Those of them whose foreign keys may go, which locks the tables that they refer to.
    pub unlinked: Vec<String>,
    /// The first statement that can't be told, and why: anything may be locked.
    pub untold: Option<Untold>,
}

/// A statement whose locks can't be told from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Counted from 0.
    pub statement: usize,
    pub line: u32,
    /// As a clause: `CASCADE drops what depends on it`.
    pub why: &'static str,
}

/// What one statement locks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Locked {
    Nothing,
    Tables(Vec<String>),
    /// … with the tables that their foreign keys refer to.
    Unlinked(Vec<String>),
    Untold(&'static str),
}

impl Exclusive {
    /// Whether no reader has anything to fear.
    pub fn is_nothing(&self) -> bool {
        self.tables.is_empty() && self.untold.is_none()
    }

    /// The tables to ask about: none named means all of them, which is what can't be told means.
    pub fn asked(&self) -> &[String] {
        match self.untold {
            Some(_) => &[],
            None => &self.tables,
        }
    }
}

impl Script {
    /// What the script locks against readers.
    pub fn exclusive(&self) -> Exclusive {
        let mut all = Exclusive::default();
        for (index, statement) in self.statements.iter().enumerate() {
            let sql = self.sql(statement);
            let locked = match self.dialect {
                Dialect::Postgres => postgres::locked(sql),
                Dialect::Mysql => mysql::locked(sql),
                Dialect::Sqlite => Locked::Nothing,
            };
            match locked {
                Locked::Nothing => {}
                Locked::Tables(tables) => add(&mut all.tables, tables),
                Locked::Unlinked(tables) => {
                    add(&mut all.unlinked, tables.clone());
                    add(&mut all.tables, tables);
                }
                Locked::Untold(why) => {
                    all.untold.get_or_insert(Untold {
                        statement: index,
                        line: statement.line,
                        why,
                    });
                }
            }
        }
        all
    }
}

fn add(all: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !all.contains(&name) {
            all.push(name);
        }
    }
}

#[cfg(test)]
mod tests;
