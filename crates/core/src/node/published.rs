//! What a publisher's publications carry to a subscriber.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Which migrations a logical subscriber gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intake {
    /// What published tables need; what is about other tables is left alone.
    #[default]
    Published,
    /// All of it, but for rows that come by replication.
    All,
    /// Somebody else migrates it: it is only watched.
    Nothing,
}

/// A table or index with its schema.
pub type Qualified = (String, String);

/// What some publications of a database carry, and how names are found there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Some are of all tables: of those to come, too.
    pub everything: bool,
    /// Some are of these schemas: of tables to come there, too.
    pub schemas: BTreeSet<String>,
    /// The tables that they carry, with the partitioned tables these are parts of, and their parts.
    pub tables: BTreeSet<Qualified>,
    /// Publications that were asked for and that the database does not have.
    pub missing: Vec<String>,
    /// Where a name without a schema leads, of the tables (and views) that there are.
    pub visible: BTreeMap<String, String>,
    /// The table of each index.
    pub indexes: BTreeMap<Qualified, Qualified>,
    /// Where a new name without a schema goes.
    pub schema: Option<String>,
}

impl Published {
    /// The table that a name means, in full.
    pub fn resolve(&self, schema: Option<&str>, name: &str) -> Qualified {
        let schema = schema
            .or_else(|| self.visible.get(name).map(String::as_str))
            .or(self.schema.as_deref())
            .unwrap_or_default();
        (schema.to_owned(), name.to_owned())
    }

    /// Whether rows of the table come to the subscriber; of one that is not there yet, whether they will.
    pub fn carries(&self, table: &Qualified) -> bool {
        self.everything || self.schemas.contains(&table.0) || self.tables.contains(table)
    }

    /// The table of an index.
    pub fn table_of(&self, schema: Option<&str>, index: &str) -> Option<&Qualified> {
        let named = |(there, name): &Qualified| {
            name == index && schema.is_none_or(|schema| schema == there)
        };
        let mut found = self.indexes.iter().filter(|(index, _)| named(index));
        match (found.next(), found.next()) {
            (Some((_, table)), None) => Some(table),
            // Of several schemas: the one that new names go to is the likeliest, and likely is not enough.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Qualified {
        ("public".into(), name.into())
    }

    #[test]
    fn a_name_without_a_schema_is_the_table_that_is_seen_or_one_to_come() {
        let published = Published {
            tables: [("sales".into(), "orders".into())].into(),
            visible: [("orders".into(), "sales".into())].into(),
            schema: Some("public".into()),
            ..Published::default()
        };
        let orders = published.resolve(None, "orders");
        assert_eq!(orders, ("sales".into(), "orders".into()));
        assert!(published.carries(&orders));
        let other = published.resolve(Some("public"), "orders");
        assert!(!published.carries(&other));
        assert_eq!(published.resolve(None, "new"), table("new"));
    }

    #[test]
    fn a_publication_of_all_tables_or_of_a_schema_carries_those_to_come() {
        let of_schema = Published {
            schemas: ["public".into()].into(),
            ..Published::default()
        };
        assert!(of_schema.carries(&table("new")));
        assert!(!of_schema.carries(&("sales".into(), "new".into())));
        let of_all = Published {
            everything: true,
            ..Published::default()
        };
        assert!(of_all.carries(&("sales".into(), "new".into())));
    }

    #[test]
    fn an_index_of_two_schemas_leads_to_no_table() {
        let mut published = Published::default();
        let index = |schema: &str| (schema.to_owned(), "by_name".to_owned());
        published.indexes.insert(index("a"), table("orders"));
        assert_eq!(published.table_of(None, "by_name"), Some(&table("orders")));
        published.indexes.insert(index("b"), table("people"));
        assert_eq!(published.table_of(None, "by_name"), None);
        let people = published.table_of(Some("b"), "by_name");
        assert_eq!(people, Some(&table("people")));
    }
}
