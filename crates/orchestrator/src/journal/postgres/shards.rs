//! What is remembered of shards.

use super::{
    super::{Amendment, KnownShard, Lease, Scope, record},
    work::{Done, lost},
};
use greylag_core::fleet::ShardName;
use std::collections::HashMap;
use tokio_postgres::Client;

pub async fn remember(c: &Client, at: &str, lease: &Lease, shards: &[KnownShard]) -> Done<()> {
    let names: Vec<&str> = shards.iter().map(|shard| shard.name.as_str()).collect();
    let bodies: Vec<String> = shards.iter().map(record::to_json).collect();
    let fenced: i64 = c
        .query_one(
            "WITH fence AS MATERIALIZED (
               SELECT 1 FROM greylag_state_lease WHERE scope = $1 AND epoch = $2 AND holder_uuid = $3 FOR UPDATE
             ), written AS (
               INSERT INTO greylag_state_shard AS there(project, environment, name, body)
               SELECT $4, $5, s.name, s.body FROM unnest($6::text[], $7::text[]) AS s(name, body), fence
               ON CONFLICT(project, environment, name) DO UPDATE SET body = excluded.body
               WHERE there.body::json->>'uuid' IS DISTINCT FROM excluded.body::json->>'uuid'
             )
             SELECT count(*) FROM fence",
            &[
                &lease.scope.to_string(),
                &(lease.epoch as i64),
                &lease.holder.uuid.to_string(),
                &lease.scope.project,
                &lease.scope.environment,
                &names,
                &bodies,
            ],
        )
        .await?
        .get(0);
    match fenced {
        0 => Err(lost(c, at, lease).await?.into()),
        _ => Ok(()),
    }
}

/// What is compared is what the body says; what is exchanged is the body that was read: an older greylag may have written the same
/// in other words.
pub async fn amend(
    c: &Client,
    at: &str,
    scope: &Scope,
    lease: Option<&Lease>,
    amendments: &[Amendment],
) -> Done<bool> {
    let bodies = bodies(c, scope).await?;
    let mut old: Vec<Option<&str>> = Vec::new();
    let mut new: Vec<&KnownShard> = Vec::new();
    for Amendment { before, after } in amendments {
        let body = bodies.get(after.name.as_str()).map(String::as_str);
        let there: Option<KnownShard> = body
            .map(|body| record::from_json(at, "a known shard", body))
            .transpose()?;
        if there == *before {
            old.push(body);
            new.push(after);
        }
    }
    let names: Vec<&str> = new.iter().map(|shard| shard.name.as_str()).collect();
    let texts: Vec<String> = new.iter().map(record::to_json).collect();
    let row = c
        .query_one(
            "WITH fence AS MATERIALIZED (
               SELECT 1 FROM greylag_state_lease WHERE scope = $1 AND epoch = $2 AND holder_uuid = $3 FOR UPDATE
             ), may AS MATERIALIZED (
               SELECT 1 WHERE $4::boolean OR EXISTS (SELECT 1 FROM fence)
             ), given AS MATERIALIZED (
               SELECT * FROM unnest($7::text[], $8::text[], $9::text[]) AS g(name, old, new)
             ), changed AS (
               UPDATE greylag_state_shard AS s SET body = g.new FROM given AS g, may
               WHERE s.project = $5 AND s.environment = $6 AND s.name = g.name AND s.body = g.old RETURNING 1
             ), added AS (
               INSERT INTO greylag_state_shard(project, environment, name, body)
               SELECT $5, $6, g.name, g.new FROM given AS g, may WHERE g.old IS NULL
               ON CONFLICT(project, environment, name) DO NOTHING RETURNING 1
             )
             SELECT (SELECT count(*) FROM may), (SELECT count(*) FROM changed) + (SELECT count(*) FROM added)",
            &[
                &scope.to_string(),
                &lease.map_or(0, |lease| lease.epoch as i64),
                &lease.map_or(String::new(), |lease| lease.holder.uuid.to_string()),
                &lease.is_none(),
                &scope.project,
                &scope.environment,
                &names,
                &old,
                &texts,
            ],
        )
        .await?;
    if let (0, Some(lease)) = (row.get::<_, i64>(0), lease) {
        return Err(lost(c, at, lease).await?.into());
    }
    Ok(row.get::<_, i64>(1) == amendments.len() as i64)
}

pub async fn known(c: &Client, at: &str, scope: &Scope) -> Done<Vec<KnownShard>> {
    c.query(
        "SELECT body FROM greylag_state_shard WHERE project = $1 AND environment = $2 ORDER BY name COLLATE \"C\"",
        &[&scope.project, &scope.environment],
    )
    .await?
    .iter()
    .map(|row| Ok(record::from_json(at, "a known shard", row.get(0))?))
    .collect()
}

pub async fn forget(
    c: &Client,
    scope: &Scope,
    shard: &ShardName,
    by: &str,
    reason: &str,
) -> Done<bool> {
    let gone = c
        .execute(
            "WITH gone AS (
               DELETE FROM greylag_state_shard WHERE project = $1 AND environment = $2 AND name = $3
               RETURNING project, environment, name, body
             )
             INSERT INTO greylag_state_forgotten(project, environment, name, body, at, by, reason)
             SELECT project, environment, name, body, now(), $4, $5 FROM gone",
            &[
                &scope.project,
                &scope.environment,
                &shard.as_str(),
                &by,
                &reason,
            ],
        )
        .await?;
    Ok(gone > 0)
}

async fn bodies(c: &Client, scope: &Scope) -> Done<HashMap<String, String>> {
    let rows = c
        .query(
            "SELECT name, body FROM greylag_state_shard WHERE project = $1 AND environment = $2",
            &[&scope.project, &scope.environment],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
