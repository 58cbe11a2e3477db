//! Who on a node would be hit by an exclusive lock, or hold it up.

use std::time::Duration;

use greylag_core::outcome::Blocker;

use super::{
    super::{lock::blocker, quote::literal},
    observer::PgObserver,
};
use crate::error::EngineError;

impl PgObserver {
    /// Those who hold locks on any of the tables, their partitions, heirs and indexes (on anything of the database where no table
    /// is named), the oldest transaction first. One whose age this role may not see counts as old.
    pub(super) async fn obstacles(
        &self,
        tables: &[String],
        older_than: Duration,
    ) -> Result<Vec<Blocker>, EngineError> {
        let millis = older_than.as_millis();
        let sql = format!(
            "WITH RECURSIVE hit AS ({of}), held AS ( \
               SELECT l.pid, min(l.mode || ' on ' || c.oid::regclass) AS holds FROM pg_locks l \
               JOIN pg_class c ON c.oid = l.relation \
               WHERE l.granted AND l.locktype = 'relation' AND l.pid <> pg_backend_pid() \
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND c.relnamespace <> 'pg_catalog'::regnamespace {only} GROUP BY l.pid) \
             SELECT h.pid, a.usename, a.application_name, a.query, \
               (extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start)) * 1000)::bigint AS open_ms, \
               h.holds FROM held h LEFT JOIN pg_stat_activity a ON a.pid = h.pid \
             WHERE coalesce(a.backend_type, 'client backend') <> 'startup' \
             AND coalesce(clock_timestamp() - coalesce(a.xact_start, a.query_start) >= interval '{millis} milliseconds', true) \
             ORDER BY a.xact_start",
            of = hit(tables),
            only = match tables.is_empty() {
                true => "",
                false => "AND l.relation IN (SELECT oid FROM hit)",
            },
        );
        let rows = self.rows("looking for who is in the way", &sql).await?;
        Ok(rows
            .iter()
            .map(|row| blocker(row, row.get(5).unwrap_or("a lock")))
            .collect())
    }
}

/// The tables named, with all that goes with them; an index's table, too. A name that nothing has is nobody's obstacle.
fn hit(tables: &[String]) -> String {
    if tables.is_empty() {
        return "SELECT NULL::oid AS oid".to_owned();
    }
    let named: Vec<_> = tables
        .iter()
        .map(|table| format!("(to_regclass({})::oid)", literal(table)))
        .collect();
    format!(
        "SELECT coalesce(i.indrelid, n.oid) AS oid FROM (VALUES {named}) n(oid) \
           LEFT JOIN pg_index i ON i.indexrelid = n.oid WHERE n.oid IS NOT NULL \
         UNION SELECT m.oid FROM hit h CROSS JOIN LATERAL ( \
           SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = h.oid \
           UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = h.oid) m",
        named = named.join(", ")
    )
}
