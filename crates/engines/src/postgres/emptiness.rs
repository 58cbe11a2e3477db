//! Whether a shard is empty: nobody has anything in it but Greylag and the extensions.

use super::{quote::literal, session::PgSession, shield::SHIELD};
use crate::error::EngineError;

const DOING: &str = "the survey";

impl PgSession {
    pub(super) async fn is_empty(&self) -> Result<bool, EngineError> {
        let answer = self
            .link
            .run(&format!("SELECT {}", self.emptiness()), 0)
            .await;
        match answer.into_rows() {
            Ok(rows) => Ok(rows.first().is_some_and(|(_, row)| row.get(0) == Some("t"))),
            Err(trouble) => Err(self.broken(DOING, Some(trouble))),
        }
    }

    /// True where nobody has anything in the shard: relations, routines, types; extensions' own aside.
    fn emptiness(&self) -> String {
        let spaces = match self.target.schema {
            Some(_) => "SELECT oid FROM pg_namespace WHERE nspname = current_schema()",
            None => {
                "SELECT oid FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'"
            }
        };
        let loose = |class: &str, oid: &str| {
            format!(
                "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{class}'::regclass \
                 AND d.objid = {oid} AND d.deptype = 'e')"
            )
        };
        format!(
            "NOT EXISTS (SELECT FROM pg_class c WHERE c.relkind IN ('r','p','v','m','S','f','c') \
               AND c.relnamespace IN ({spaces}) \
               AND c.relname NOT IN ('greylag_shard', 'greylag_step', {history}) AND {class}) \
             AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace IN ({spaces}) \
               AND p.proname <> '{shield}' AND {proc}) \
             AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typtype IN ('d','e','r') \
               AND t.typnamespace IN ({spaces}) AND {types})",
            history = literal(&self.target.history_table),
            shield = SHIELD,
            class = loose("pg_class", "c.oid"),
            proc = loose("pg_proc", "p.oid"),
            types = loose("pg_type", "t.oid"),
        )
    }
}
