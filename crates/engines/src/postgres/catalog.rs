//! What discovery asks: rows of a catalog, databases of a server, schemas of a database.

use super::session::PgSession;
use crate::error::EngineError;
use std::collections::BTreeMap;

impl PgSession {
    pub(super) async fn named_rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<BTreeMap<String, Option<String>>>, EngineError> {
        let rows = self.query("a query", sql).await?;
        let named = rows.iter().map(|row| {
            let cells = row.columns().iter().enumerate();
            cells
                .map(|(at, column)| {
                    let cell = row.get(at).map(str::to_owned);
                    (column.name().to_owned(), cell)
                })
                .collect()
        });
        Ok(named.collect())
    }

    pub(super) async fn database_names(&mut self) -> Result<Vec<String>, EngineError> {
        self.names(
            "listing databases",
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate \
             AND datname <> 'postgres' AND has_database_privilege(oid, 'CONNECT') ORDER BY datname",
        )
        .await
    }

    pub(super) async fn schema_names(&mut self) -> Result<Vec<String>, EngineError> {
        self.names(
            "listing schemas",
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' \
             AND nspname <> 'information_schema' ORDER BY nspname",
        )
        .await
    }

    async fn names(&mut self, doing: &'static str, sql: &str) -> Result<Vec<String>, EngineError> {
        let rows = self.query(doing, sql).await?;
        Ok(rows
            .iter()
            .filter_map(|row| row.get(0).map(str::to_owned))
            .collect())
    }
}
