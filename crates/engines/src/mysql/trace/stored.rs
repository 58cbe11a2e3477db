//! How InnoDB stores the tables: another number means that one was written anew.

use super::super::link::{Link, Trouble};
use greylag_core::{engine::Engine, trace::Relation};
use std::collections::{BTreeMap, BTreeSet};

/// The tables of a database, and how much was written into the binary log.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// Of a partitioned table, one number for each partition.
    tables: BTreeMap<String, BTreeSet<String>>,
    /// By table and name; the number stays where only the name changes.
    indexes: BTreeMap<(String, String), String>,
    /// Whatever engine they are of.
    there: BTreeSet<String>,
    pub(super) log: u64,
}

impl Stored {
    pub(super) async fn read(link: &mut Link, engine: Engine) -> Result<Stored, Trouble> {
        let sys = if engine == Engine::Mariadb {
            "INNODB_SYS"
        } else {
            "INNODB"
        };
        let mut stored = Stored::default();
        let tables = format!(
            "SELECT SUBSTRING_INDEX(NAME, '/', -1), TABLE_ID FROM information_schema.{sys}_TABLES \
             WHERE NAME LIKE CONCAT(REPLACE(DATABASE(), '_', '\\_'), '/%')"
        );
        for row in link.run(tables.as_str()).await?.rows {
            if let [Some(name), Some(id)] = &row[..] {
                stored
                    .tables
                    .entry(table_of(name))
                    .or_default()
                    .insert(id.clone());
            }
        }
        let indexes = format!(
            "SELECT SUBSTRING_INDEX(t.NAME, '/', -1), i.NAME, i.INDEX_ID FROM information_schema.{sys}_INDEXES i \
             JOIN information_schema.{sys}_TABLES t USING (TABLE_ID) \
             WHERE t.NAME LIKE CONCAT(REPLACE(DATABASE(), '_', '\\_'), '/%')"
        );
        for row in link.run(indexes.as_str()).await?.rows {
            if let [Some(table), Some(index), Some(id)] = &row[..] {
                let key = (table_of(table), index.clone());
                stored.indexes.insert(key, id.clone());
            }
        }
        let there = "SELECT TABLE_NAME FROM information_schema.TABLES \
            WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'";
        let rows = link.run(there).await?.rows.into_iter();
        stored.there = rows.filter_map(|row| row.into_iter().next()?).collect();
        for row in link.run("SHOW BINARY LOGS").await?.rows {
            let size = row.get(1).cloned().flatten();
            stored.log += size.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(stored)
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    pub(super) fn has(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Tables that another number stands for now, and tables and indexes that are new. The script began with `first`.
    pub(super) fn change(&self, after: &Stored, first: &Stored) -> (Vec<Relation>, Vec<Relation>) {
        let (mut rewritten, mut built) = (Vec::new(), Vec::new());
        let table = |name: &String| Relation {
            name: name.clone(),
            index_of: None,
            new: !first.has(name),
        };
        for (name, now) in &after.tables {
            match self.tables.get(name) {
                None => built.push(table(name)),
                Some(then) if !then.is_subset(now) => rewritten.push(table(name)),
                Some(_) => {}
            }
        }
        // Another engine stores it now.
        let left = self.tables.keys().filter(|name| !after.has(name));
        rewritten.extend(left.filter(|name| after.there.contains(*name)).map(table));
        for ((of, name), id) in &after.indexes {
            let key = (of.clone(), name.clone());
            let known =
                self.indexes.contains_key(&key) || self.indexes.values().any(|old| old == id);
            // Those of a new table came with it.
            if !known && self.has(of) {
                built.push(Relation {
                    name: name.clone(),
                    index_of: Some(of.clone()),
                    new: true,
                });
            }
        }
        (rewritten, built)
    }
}

/// `t#P#p1` is a partition of `t`.
fn table_of(name: &str) -> String {
    name.split_once("#")
        .map_or(name, |(table, _)| table)
        .to_owned()
}
