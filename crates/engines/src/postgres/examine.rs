//! What `doctor` has to say about a PostgreSQL shard, and the small questions.

use tokio_postgres::SimpleQueryRow;

use super::{quote::literal, session::PgSession, startup::CHECK_INTERVAL};
use crate::{
    error::EngineError,
    session::{Diagnosis, Level, Position},
};

impl PgSession {
    pub(super) async fn ask_one(&mut self, sql: &str) -> Result<Option<String>, EngineError> {
        let rows = self.query("asking", sql).await?;
        Ok(rows.first().and_then(|row| row.get(0)).map(str::to_owned))
    }

    pub(super) async fn where_now(&mut self) -> Result<Option<Position>, EngineError> {
        if self.lineage.is_empty() {
            self.look().await?;
        }
        let rows = self
            .query("reading the position", &self.position_sql(""))
            .await?;
        Ok(rows.first().and_then(|row| self.position_of(row)))
    }

    pub(super) async fn examine(&mut self) -> Result<Vec<Diagnosis>, EngineError> {
        const DOING: &str = "the examination";
        if self.home.is_none() {
            self.find_home().await?;
        }
        let rows = self.query(DOING, &self.questions()).await?;
        let row = &rows[0];
        let yes = |at: usize| row.get(at) == Some("t");
        let mut found = vec![good(format!(
            "PostgreSQL {} as {}, {}",
            row.get(0).unwrap_or("?"),
            row.get(1).unwrap_or("?"),
            if yes(2) { "a replica" } else { "a primary" }
        ))];
        self.tables(row, &mut found);
        watching(row, &mut found);
        old_transactions(row, &mut found);
        if !yes(9) {
            found.push(Diagnosis {
                level: Level::Warning,
                what: "other sessions' queries and how far replicas are can't be seen: who blocks a migration is told by pid only, and replicas can't be waited for".into(),
                mend: Some(format!("GRANT pg_monitor TO {};", self.role())),
            });
        }
        if !yes(13) {
            found.push(Diagnosis {
                level: Level::Problem,
                what: "which cluster the server belongs to can't be seen: nothing proves that a replica is one of this shard".into(),
                mend: Some(format!(
                    "GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint(), pg_control_recovery() TO {};",
                    self.role()
                )),
            });
        }
        publishing(row, &mut found);
        if row.get(12).is_some_and(|names| !names.is_empty()) {
            found.push(good(format!(
                "a commit waits for a synchronous standby (synchronous_standby_names = {})",
                row.get(12).unwrap_or("")
            )));
        }
        Ok(found)
    }

    fn questions(&self) -> String {
        let schema = literal(self.home.as_ref().map_or("public", |home| &home.schema));
        let table = |name: &str| literal(&self.table(name));
        let may = |name: &str| {
            let table = table(name);
            format!(
                "coalesce(to_regclass({table}) IS NULL OR has_table_privilege(to_regclass({table}), 'select') \
                 AND has_table_privilege(to_regclass({table}), 'insert') \
                 AND has_table_privilege(to_regclass({table}), 'update') \
                 AND has_table_privilege(to_regclass({table}), 'delete'), true)"
            )
        };
        let there = |name: &str| format!("to_regclass({}) IS NOT NULL", table(name));
        let names = [&*self.target.history_table, "greylag_shard", "greylag_step"];
        format!(
            "SELECT current_setting('server_version'), current_user, pg_is_in_recovery(), \
             has_schema_privilege({schema}, 'create'), {there}, {may}, \
             current_setting('client_connection_check_interval', true), \
             (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND pid <> pg_backend_pid() AND xact_start < now() - interval '5 minutes'), \
             (SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
               AND pid <> pg_backend_pid() AND xact_start < now() - interval '5 minutes' \
               ORDER BY xact_start LIMIT 1), \
             pg_has_role(current_user, 'pg_read_all_stats', 'usage'), \
             (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()), \
             (SELECT min(gid) FROM pg_prepared_xacts WHERE database = current_database()), \
             current_setting('synchronous_standby_names', true), \
             has_function_privilege('pg_control_system()', 'execute') \
               AND has_function_privilege('pg_control_checkpoint()', 'execute') \
               AND has_function_privilege('pg_control_recovery()', 'execute'), \
             (SELECT string_agg(pubname, ', ') FROM pg_publication WHERE puballtables), \
             ({unshielded})",
            unshielded = self.unshielded(),
            there = names.map(there).join(" AND "),
            may = names.map(may).join(" AND "),
        )
    }

    fn tables(&self, row: &SimpleQueryRow, found: &mut Vec<Diagnosis>) {
        let yes = |at: usize| row.get(at) == Some("t");
        let (creates, there, may) = (yes(3), yes(4), yes(5));
        match (creates || there, may) {
            (false, _) => found.push(Diagnosis {
                level: Level::Problem,
                what: "the role may not create greylag's tables".into(),
                mend: Some(self.grant_create()),
            }),
            (true, false) => found.push(Diagnosis {
                level: Level::Problem,
                what: "the role may not write greylag's tables".into(),
                mend: Some(self.grant_tables()),
            }),
            (true, true) => found.push(good("the role may keep greylag's tables".into())),
        }
    }

    fn role(&self) -> String {
        match self.user.as_str() {
            "" => "CURRENT_USER".into(),
            role => super::quote::ident(role),
        }
    }
}

/// Whether the server will notice that a client is gone.
fn watching(row: &SimpleQueryRow, found: &mut Vec<Diagnosis>) {
    if row.get(6) == Some(CHECK_INTERVAL) {
        found.push(good(format!(
            "the server looks every {CHECK_INTERVAL} whether its client is there"
        )));
    } else {
        found.push(Diagnosis {
            level: Level::Warning,
            what: "the server does not take client_connection_check_interval: a killed run may hold its lock until its statement ends".into(),
            mend: None,
        });
    }
}

/// Greylag's own tables go with a publication of all tables.
fn publishing(row: &SimpleQueryRow, found: &mut Vec<Diagnosis>) {
    if let Some(names) = row.get(14) {
        found.push(Diagnosis {
            level: Level::Warning,
            what: format!(
                "the publication {names} carries all tables, greylag's own too: a subscriber that lacks one of them stops applying; name each under `replicas` with role = \"subscriber\", so that it gets its tables and migrations first"
            ),
            mend: None,
        });
    }
    if row.get(15).is_some_and(|count| count != "0") {
        found.push(Diagnosis {
            level: Level::Problem,
            what: "a subscription writes the publisher's rows into greylag's tables here: the history is not this database's own".into(),
            mend: Some("name this database under `replicas` of its shard with role = \"subscriber\"; greylag apply then keeps the publisher's rows out".into()),
        });
    }
}

/// What a migration would wait for.
fn old_transactions(row: &SimpleQueryRow, found: &mut Vec<Diagnosis>) {
    let count = |at: usize| row.get(at).and_then(|n| n.parse().ok()).unwrap_or(0_u32);
    if count(7) > 0 {
        let pid = row.get(8).unwrap_or("?");
        found.push(Diagnosis {
            level: Level::Warning,
            what: format!(
                "{} transactions are open for more than 5 minutes, the oldest by pid {pid}: a migration may have to wait for them",
                count(7)
            ),
            mend: Some(format!("SELECT pg_terminate_backend({pid});")),
        });
    }
    if count(10) > 0 {
        let gid = literal(row.get(11).unwrap_or(""));
        found.push(Diagnosis {
            level: Level::Warning,
            what: format!(
                "{} prepared transactions hold their locks, {gid} among them",
                count(10)
            ),
            mend: Some(format!("ROLLBACK PREPARED {gid};")),
        });
    }
}

fn good(what: String) -> Diagnosis {
    Diagnosis {
        level: Level::Good,
        what,
        mend: None,
    }
}
