//! What publications carry, read on the publisher, and how names are found there.

use super::{super::quote::literal, observer::PgObserver};
use crate::error::EngineError;
use greylag_core::node::{Carried, Published, Qualified, Taken};
use std::collections::BTreeSet;

const DOING: &str = "reading the publications";

/// Tables of schemas are published since 15.
const SCHEMAS: &str = "SELECT n.pnnspid, n.pnpubid FROM pg_publication_namespace n";
const NO_SCHEMAS: &str = "SELECT NULL::oid AS pnnspid, NULL::oid AS pnpubid WHERE false";

impl PgObserver {
    pub(super) async fn read_published(
        &self,
        publications: &[String],
    ) -> Result<Published, EngineError> {
        if publications.is_empty() {
            return Ok(Published::default());
        }
        let names: Vec<_> = publications.iter().map(|name| literal(name)).collect();
        let schemas = match self.major() >= 15 {
            true => SCHEMAS,
            false => NO_SCHEMAS,
        };
        let sql = include_str!("publications.sql")
            .replace("{names}", &names.join(", "))
            .replace("{of_schemas}", schemas);
        let rows = self.rows(DOING, &sql).await?;
        let mut there = BTreeSet::new();
        let mut published = Published::default();
        for row in &rows {
            let text = |at: usize| row.get(at).unwrap_or_default().to_owned();
            match row.get(0).unwrap_or_default() {
                "publication" => drop(there.insert(text(1))),
                "everything" => published.everything = true,
                "schema" => drop(published.schemas.insert(text(1))),
                "table" => drop(published.tables.insert((text(1), text(2)))),
                "visible" => drop(published.visible.insert(text(2), text(1))),
                "index" => {
                    let (index, table) = ((text(1), text(2)), (text(3), text(4)));
                    published.indexes.insert(index, table);
                }
                _ => published.schema = row.get(1).map(str::to_owned),
            }
        }
        let missing = publications.iter().filter(|name| !there.contains(*name));
        published.missing = missing.cloned().collect();
        Ok(published)
    }

    /// As a subscription learns of them when it is refreshed: parts of partitioned tables, or the whole where the publication says so.
    pub(super) async fn read_carried(
        &self,
        publications: &[String],
    ) -> Result<Vec<Carried>, EngineError> {
        if publications.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = publications.iter().map(|name| literal(name)).collect();
        let sql = format!(
            "SELECT pubname, schemaname, tablename FROM pg_publication_tables WHERE pubname IN ({})",
            names.join(", ")
        );
        let rows = self.rows(DOING, &sql).await?;
        let text = |row: &tokio_postgres::SimpleQueryRow, at: usize| {
            row.get(at).unwrap_or_default().to_owned()
        };
        let carried = rows.iter();
        Ok(carried
            .map(|row| (text(row, 0), (text(row, 1), text(row, 2))))
            .collect())
    }

    pub(super) async fn read_taken(&self, asked: &[Qualified]) -> Result<Taken, EngineError> {
        const DOING: &str = "reading the subscriptions";
        let known = "SELECT 'knows', s.subname, n.nspname, c.relname FROM pg_subscription_rel r \
             JOIN pg_subscription s ON s.oid = r.srsubid JOIN pg_class c ON c.oid = r.srrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let names: Vec<_> = asked
            .iter()
            .map(|(schema, name)| format!("({}, {})", literal(schema), literal(name)))
            .collect();
        let sql = match names.is_empty() {
            true => known.to_owned(),
            false => format!(
                "{known} UNION ALL SELECT 'lacks', '', a.s, a.t FROM (VALUES {}) AS a(s, t) \
                 WHERE to_regclass(quote_ident(a.s) || '.' || quote_ident(a.t)) IS NULL",
                names.join(", ")
            ),
        };
        let mut taken = Taken::default();
        for row in self.rows(DOING, &sql).await? {
            let text = |at: usize| row.get(at).unwrap_or_default().to_owned();
            let table = (text(2), text(3));
            match row.get(0) {
                Some("knows") => drop(taken.tables.insert((text(1), table))),
                _ => drop(taken.absent.insert(table)),
            }
        }
        Ok(taken)
    }
}
