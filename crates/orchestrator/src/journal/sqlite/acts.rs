//! What people had done to shards beside rollouts.

use super::{
    super::{Act, JournalError, Scope, record},
    work::{explain, timestamp},
};
use rusqlite::{Connection, Transaction};

/// Also added to files of before there was any: older versions don't mind it.
pub const TABLE: &str = "
CREATE TABLE IF NOT EXISTS act(
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  verb TEXT NOT NULL,
  shard TEXT NOT NULL,
  what TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS act_of_project ON act(project, environment, at);
";

pub fn note(t: &Transaction<'_>, at: &str, scope: &Scope, act: &Act) -> Result<(), JournalError> {
    t.execute(
        "INSERT INTO act(id, project, environment, at, by, verb, shard, what, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(id) DO NOTHING",
        (
            act.id.to_string(),
            &scope.project,
            &scope.environment,
            act.at.as_microsecond(),
            &act.by,
            &act.verb,
            act.shard.as_str(),
            record::to_json(&act.what),
            &act.reason,
        ),
    )
    .map_err(|source| explain(at, "writing down what is done", source))?;
    Ok(())
}

pub fn read(
    c: &Connection,
    at: &str,
    scope: &Scope,
    at_most: usize,
) -> Result<Vec<Act>, JournalError> {
    let failed = |source| explain(at, "reading what was done", source);
    // Opened only to look, a file of before has none.
    let noted = if is_there(c).map_err(failed)? {
        "SELECT id, at, by, verb, shard, what, reason FROM act
         WHERE project = ?1 AND environment = ?2
         UNION ALL "
    } else {
        ""
    };
    let query = format!(
        "{noted}SELECT printf('00000000-0000-4000-8000-%012x', id), at, by, 'forget', name, '[]', reason
         FROM forgotten WHERE project = ?1 AND environment = ?2
         ORDER BY 2 DESC, 1 DESC LIMIT ?3"
    );
    let mut statement = c.prepare(&query).map_err(failed)?;
    let mut rows = statement
        .query((&scope.project, &scope.environment, at_most as i64))
        .map_err(failed)?;
    let mut acts = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let text = |column: usize| row.get::<_, String>(column).map_err(failed);
        acts.push(record::act(
            at,
            [text(0)?, text(2)?, text(3)?, text(4)?, text(5)?, text(6)?],
            timestamp(row, 1).map_err(failed)?,
        )?);
    }
    Ok(acts)
}

pub fn is_there(c: &Connection) -> rusqlite::Result<bool> {
    c.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'act'",
        [],
        |row| row.get(0),
    )
}
