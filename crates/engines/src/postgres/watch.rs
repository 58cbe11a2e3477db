//! Who stands in the way of whom.

use greylag_core::outcome::Blocker;

use super::{lock::blocker, quote::literal, session::PgSession};
use crate::{error::EngineError, job::Job, session::Whence};

/// Columns that `lock::blocker` reads.
const WHO: &str = "a.pid, a.usename, a.application_name, a.query, \
     (extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start)) * 1000)::bigint";

impl PgSession {
    /// Who holds what another session waits for.
    pub(super) async fn who_blocks(&mut self, pid: &str) -> Result<Vec<Blocker>, EngineError> {
        let pid: i32 = match pid.parse() {
            Ok(pid) => pid,
            Err(_) => return Ok(Vec::new()),
        };
        let sql = format!(
            "SELECT {WHO}, (SELECT string_agg(DISTINCT h.mode || coalesce(' on ' || h.relation::regclass, ''), ', ') \
               FROM pg_locks w JOIN pg_locks h ON h.pid = a.pid AND h.granted \
               AND h.locktype = w.locktype AND h.database IS NOT DISTINCT FROM w.database \
               AND h.relation IS NOT DISTINCT FROM w.relation \
               AND h.transactionid IS NOT DISTINCT FROM w.transactionid \
               WHERE w.pid = {pid} AND NOT w.granted) \
             FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids({pid})) ORDER BY a.xact_start; \
             SELECT wait_event FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'SyncRep'"
        );
        let answer = self.link.run(&sql, 0).await;
        self.link.hush();
        let rows = match answer.into_rows() {
            Ok(rows) => rows,
            Err(trouble) => return Err(self.broken("looking for blockers", Some(trouble))),
        };
        let mut found = Vec::new();
        for (index, row) in &rows {
            if *index == 0 {
                found.push(blocker(row, row.get(5).unwrap_or("a lock")));
            } else {
                found.push(Blocker {
                    pid: pid.to_string(),
                    user: None,
                    application: None,
                    query: Some("COMMIT".into()),
                    open_ms: None,
                    holds: Some(
                        "the commit waits for a synchronous standby (SyncRep): it is applied here, and not yet there"
                            .into(),
                    ),
                });
            }
        }
        Ok(found)
    }

    /// After a lock timeout: whose transactions hold locks on relations that the statement names.
    pub(super) async fn in_the_way(&self, job: &Job, statement: Option<usize>) -> Vec<Blocker> {
        let Some(statement) = statement.and_then(|index| job.script.statements.get(index)) else {
            return Vec::new();
        };
        let text: String = job.script.sql(statement).chars().take(4000).collect();
        let sql = format!(
            "SELECT {WHO}, string_agg(DISTINCT l.mode || ' on ' || c.relname, ', ') \
             FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND c.relkind IN ('r', 'p', 'm', 'v', 'S') AND l.pid <> pg_backend_pid() \
             AND strpos(lower({text}), lower(c.relname)) > 0 \
             AND c.relnamespace <> 'pg_catalog'::regnamespace \
             GROUP BY a.pid, a.usename, a.application_name, a.query, a.xact_start, a.query_start \
             ORDER BY a.xact_start LIMIT 5",
            text = literal(&text),
        );
        match self.query("looking for blockers", &sql).await {
            Ok(rows) => rows
                .iter()
                .map(|row| blocker(row, row.get(5).unwrap_or("a lock")))
                .collect(),
            Err(_) => Vec::new(),
        }
    }

    pub(super) async fn terminate(&mut self, holder: &Blocker) -> Result<(), EngineError> {
        const DOING: &str = "ending the session that holds the lock";
        let Ok(pid) = holder.pid.parse::<i32>() else {
            return Ok(());
        };
        let sql = format!("SELECT pg_terminate_backend({pid})");
        // It says no where the session has gone by itself.
        self.query(DOING, &sql).await.map(drop)
    }

    /// Who it is only names it; what this role may not see stays unsaid.
    pub(super) async fn look_whence(&mut self, holder: &Blocker) -> Whence {
        let Ok(pid) = holder.pid.parse::<i32>() else {
            return Whence::default();
        };
        let sql = format!(
            "SELECT coalesce(client_hostname, host(client_addr), CASE WHEN client_port = -1 THEN 'the server''s own machine' END) \
             FROM pg_stat_activity WHERE pid = {pid}"
        );
        let rows = self.query("asking where a session comes from", &sql).await;
        let rows = rows.unwrap_or_default();
        Whence {
            host: (rows.first()).and_then(|row| row.get(0).map(str::to_owned)),
            ended_by: Some(format!("SELECT pg_terminate_backend({pid})")),
        }
    }
}
