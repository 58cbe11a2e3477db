//! The one query of a look: the same on primaries and standbys, prepared once, since planning it costs more than running it.

use super::{
    super::{
        link::Trouble,
        quote::{ident, literal},
    },
    answer::Seen,
    observer::PgObserver,
};
use crate::error::EngineError;

const DOING: &str = "a look at the node";

/// Answered by everybody, unless an administrator has taken them from ordinary roles.
const CONTROL: &str = "'system', (SELECT system_identifier::text FROM pg_control_system()),
  'control', (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline)
    FROM pg_control_checkpoint() c, pg_control_recovery() r),";

/// Where they were taken: whether they have been given back.
const NO_CONTROL: &str = "'given_back', has_function_privilege('pg_control_system()', 'execute')
    AND has_function_privilege('pg_control_checkpoint()', 'execute')
    AND has_function_privilege('pg_control_recovery()', 'execute'),";

const ERRORS: &str =
    "(SELECT json_build_array(t.apply_error_count, t.sync_error_count, t.stats_reset)
        FROM pg_stat_subscription_stats t WHERE t.subid = s.oid)";

impl PgObserver {
    /// One look, in one round trip (the first one prepares it too, and again where the shard's identity turns out to be there).
    pub(super) async fn look(&mut self) -> Result<Seen, EngineError> {
        let mut tries = 3;
        loop {
            tries -= 1;
            let sql = match self.prepared {
                true => "EXECUTE greylag_look".to_owned(),
                // What fails in the same message stays prepared nevertheless.
                false => format!(
                    "DEALLOCATE ALL; PREPARE greylag_look AS {}; EXECUTE greylag_look",
                    self.statement()
                ),
            };
            match self.answer(&sql).await {
                Ok(rows) => {
                    self.prepared = true;
                    let text = rows.first().and_then(|row| row.get(0)).unwrap_or("");
                    let seen: Seen = serde_json::from_str(text).map_err(|why| self.odd(why))?;
                    if seen.given_back {
                        (self.hidden, self.prepared) = (false, false);
                    }
                    if seen.carries && !self.carries {
                        (self.carries, self.prepared) = (true, false);
                        if tries > 0 {
                            continue;
                        }
                    }
                    return Ok(seen);
                }
                Err(Trouble::Server(said)) if tries > 0 => {
                    match said.code().code() {
                        "42501" | "42P01" if self.carries => self.carries = false,
                        "42501" if !self.hidden => self.hidden = true,
                        // Somebody took it away, or changed what it is made of.
                        "26000" | "0A000" => {}
                        _ => return Err(self.broken(DOING, Some(Trouble::Server(said)))),
                    }
                    self.prepared = false;
                }
                Err(trouble) => return Err(self.broken(DOING, Some(trouble))),
            }
        }
    }

    fn statement(&self) -> String {
        let major = self.major();
        let since = |first: u32, sql: &'static str| if major >= first { sql } else { "NULL" };
        let control = if self.hidden { NO_CONTROL } else { CONTROL };
        // Without a schema of its own, the session's: that is where a name alone leads to.
        let table = match &self.target.schema {
            Some(schema) => format!("{}.greylag_shard", ident(schema)),
            None => "greylag_shard".to_owned(),
        };
        let shard = match self.carries {
            true => format!(
                "(SELECT json_build_object('uuid', uuid, 'project', project, 'name', name, 'environment', environment) \
                 FROM {table} ORDER BY project = {} DESC, project LIMIT 1)",
                literal(&self.target.project)
            ),
            false => "NULL".to_owned(),
        };
        include_str!("look.sql")
            .replace("{control}", control)
            .replace("{identity}", &literal(&table))
            .replace("{shard}", &shard)
            .replace("{invalidated}", since(17, "invalidation_reason"))
            .replace("{errors}", since(15, ERRORS))
    }

    /// The server's major version.
    pub(super) fn major(&self) -> u32 {
        let version = &self.login.version;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }

    fn odd(&self, why: serde_json::Error) -> EngineError {
        EngineError::Foreign {
            address: self.target.address(),
            what: "an answer".into(),
            why: why.to_string(),
        }
    }
}
