//! What is remembered of shards.

use super::{
    super::{Amendment, JournalError, KnownShard, Lease, Scope},
    work::{explain, fence, json, parse},
};
use greylag_core::fleet::ShardName;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction};

type Done<T> = Result<T, JournalError>;

const WRITE: &str = "INSERT INTO shard(project, environment, name, body) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT(project, environment, name) DO UPDATE SET body = excluded.body";

pub fn remember(t: &Transaction<'_>, at: &str, lease: &Lease, shards: &[KnownShard]) -> Done<()> {
    fence(t, at, lease)?;
    for shard in shards {
        let there = known_one(t, at, &lease.scope, &shard.name)?;
        if there.is_none_or(|there| there.known.uuid != shard.known.uuid) {
            write(t, at, &lease.scope, shard)?;
        }
    }
    Ok(())
}

pub fn amend(
    t: &Transaction<'_>,
    at: &str,
    scope: &Scope,
    lease: Option<&Lease>,
    amendments: &[Amendment],
) -> Done<bool> {
    if let Some(lease) = lease {
        fence(t, at, lease)?;
    }
    let mut all = true;
    for Amendment { before, after } in amendments {
        let there = known_one(t, at, scope, &after.name)?;
        match there == *before {
            true => write(t, at, scope, after)?,
            false => all = false,
        }
    }
    Ok(all)
}

pub fn known(c: &Connection, at: &str, scope: &Scope) -> Done<Vec<KnownShard>> {
    let failed = |source| explain(at, "reading known shards", source);
    c.prepare("SELECT body FROM shard WHERE project = ?1 AND environment = ?2 ORDER BY name")
        .map_err(failed)?
        .query_map((&scope.project, &scope.environment), |row| {
            row.get::<_, String>(0)
        })
        .map_err(failed)?
        .map(|body| parse(at, "a known shard", &body.map_err(failed)?))
        .collect()
}

pub fn forget(
    t: &Transaction<'_>,
    at: &str,
    scope: &Scope,
    shard: &ShardName,
    by: &str,
    reason: &str,
) -> Done<bool> {
    let failed = |source| explain(at, "forgetting a shard", source);
    t.execute(
        "INSERT INTO forgotten(project, environment, name, body, at, by, reason)
         SELECT project, environment, name, body, ?4, ?5, ?6 FROM shard
         WHERE project = ?1 AND environment = ?2 AND name = ?3",
        (
            &scope.project,
            &scope.environment,
            shard.as_str(),
            Timestamp::now().as_microsecond(),
            by,
            reason,
        ),
    )
    .map_err(failed)?;
    let gone = t
        .execute(
            "DELETE FROM shard WHERE project = ?1 AND environment = ?2 AND name = ?3",
            (&scope.project, &scope.environment, shard.as_str()),
        )
        .map_err(failed)?;
    Ok(gone > 0)
}

fn known_one(
    t: &Transaction<'_>,
    at: &str,
    scope: &Scope,
    shard: &ShardName,
) -> Done<Option<KnownShard>> {
    t.prepare_cached("SELECT body FROM shard WHERE project = ?1 AND environment = ?2 AND name = ?3")
        .and_then(|mut one| {
            let key = (&scope.project, &scope.environment, shard.as_str());
            one.query_row(key, |row| row.get::<_, String>(0)).optional()
        })
        .map_err(|source| explain(at, "reading a known shard", source))?
        .map(|body| parse(at, "a known shard", &body))
        .transpose()
}

fn write(t: &Transaction<'_>, at: &str, scope: &Scope, shard: &KnownShard) -> Done<()> {
    t.prepare_cached(WRITE)
        .and_then(|mut write| {
            let name = shard.name.as_str();
            write.execute((&scope.project, &scope.environment, name, json(shard)))
        })
        .map_err(|source| explain(at, "remembering shards", source))?;
    Ok(())
}
