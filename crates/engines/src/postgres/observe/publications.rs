//! What publications carry, read on the publisher, and how names are found there.

use super::{super::quote::literal, observer::PgObserver};
use crate::error::EngineError;
use greylag_core::node::Published;
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
}
