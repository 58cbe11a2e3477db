//! What `doctor` has to say about a PostgreSQL shard, and the small questions.

use super::session::PgSession;
use crate::{
    error::EngineError,
    session::{Diagnosis, Position},
};

impl PgSession {
    pub(super) async fn ask_one(&mut self, sql: &str) -> Result<Option<String>, EngineError> {
        let rows = self.query("asking", sql).await?;
        Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned))
    }

    pub(super) async fn where_now(&mut self) -> Result<Option<Position>, EngineError> {
        let sql =
            "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_insert_lsn() END";
        let rows = self.query("reading the position", sql).await?;
        Ok(rows[0].get(0).map(|lsn| Position(lsn.to_owned())))
    }

    pub(super) async fn examine(&mut self) -> Result<Vec<Diagnosis>, EngineError> {
        Ok(Vec::new())
    }
}
