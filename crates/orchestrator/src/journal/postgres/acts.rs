//! What people had done to shards beside rollouts.

use super::{
    super::{Act, Scope, record},
    work::{Trouble, timestamp},
};
use tokio_postgres::{Client, error::SqlState};

/// Also added to stores of before there was any: older versions don't mind it.
pub const TABLE: &str = "
CREATE TABLE IF NOT EXISTS greylag_state_act(
  id text PRIMARY KEY,
  project text NOT NULL,
  environment text NOT NULL,
  at timestamptz NOT NULL,
  by text NOT NULL,
  verb text NOT NULL,
  shard text NOT NULL,
  what text NOT NULL,
  reason text NOT NULL
);
CREATE INDEX IF NOT EXISTS greylag_state_act_of_project ON greylag_state_act(project, environment, at);
";

pub async fn note(c: &Client, scope: &Scope, act: &Act) -> Result<(), Trouble> {
    c.execute(
        "INSERT INTO greylag_state_act(id, project, environment, at, by, verb, shard, what, reason)
         VALUES ($1, $2, $3, to_timestamp($4), $5, $6, $7, $8, $9) ON CONFLICT(id) DO NOTHING",
        &[
            &act.id.to_string(),
            &scope.project,
            &scope.environment,
            &(act.at.as_microsecond() as f64 / 1e6),
            &act.by,
            &act.verb,
            &act.shard.as_str(),
            &record::to_json(&act.what),
            &act.reason,
        ],
    )
    .await?;
    Ok(())
}

pub async fn read(
    c: &Client,
    at: &str,
    scope: &Scope,
    at_most: usize,
) -> Result<Vec<Act>, Trouble> {
    let args: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&scope.project, &scope.environment, &(at_most as i64)];
    let all = c
        .query(
            "SELECT id, extract(epoch FROM at)::float8, by, verb, shard, what, reason FROM (
               SELECT id, at, by, verb, shard, what, reason FROM greylag_state_act
               WHERE project = $1 AND environment = $2
               UNION ALL
               SELECT '00000000-0000-4000-8000-' || lpad(to_hex(id), 12, '0'), at, by, 'forget', name, '[]', reason
               FROM greylag_state_forgotten WHERE project = $1 AND environment = $2
             ) AS act ORDER BY at DESC, id DESC LIMIT $3",
            &args,
        )
        .await;
    let rows = match all {
        Ok(rows) => rows,
        // Opened only to look, a store of before has none.
        Err(why) if why.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(Vec::new()),
        Err(why) => return Err(why.into()),
    };
    rows.iter()
        .map(|row| {
            let columns = [0, 2, 3, 4, 5, 6].map(|column| row.get::<_, String>(column));
            Ok(record::act(at, columns, timestamp(row.get(1)))?)
        })
        .collect()
}
