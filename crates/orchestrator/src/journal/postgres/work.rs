//! The statements, each whole and each by itself a transaction.

use super::super::{
    Holder, InboxItem, JournalError, Lease, LeaseRow, LeaseTry, NewRollout, PlannedRow, RolloutRow,
    Scope, StoredRollout, Taken, record,
};
use greylag_core::event::Stamped;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use tokio_postgres::{Client, Row, error::SqlState};

/// Ours to say, or the server's: only the latter may be a lost connection.
pub enum Trouble {
    Said(JournalError),
    Sql(tokio_postgres::Error),
}

pub(super) type Done<T> = Result<T, Trouble>;

impl From<tokio_postgres::Error> for Trouble {
    fn from(source: tokio_postgres::Error) -> Self {
        Trouble::Sql(source)
    }
}

impl From<JournalError> for Trouble {
    fn from(why: JournalError) -> Self {
        Trouble::Said(why)
    }
}

/// What PostgreSQL's error means to a person.
pub fn explain(at: &str, doing: &'static str, source: tokio_postgres::Error) -> JournalError {
    let at = at.to_owned();
    match source.code() {
        Some(code) if *code == SqlState::DISK_FULL => JournalError::Full { at },
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => JournalError::ReadOnly { at },
        Some(_) => JournalError::Store {
            at,
            doing,
            source: source.into(),
        },
        None => JournalError::Unreachable {
            at,
            source: source.into(),
        },
    }
}

pub async fn take_lease(c: &Client, at: &str, scope: &Scope, holder: &Holder) -> Done<LeaseTry> {
    // The dead are told from their own words, so that their lease may be taken before it runs out.
    let dead = match read_lease(c, at, scope).await? {
        Some(row) if row.is_free(Timestamp::now()) => row.holder.uuid.to_string(),
        _ => String::new(),
    };
    let taken = c
        .query_opt(
            "INSERT INTO greylag_state_lease AS lease(scope, holder, holder_uuid, epoch, since, expires)
             VALUES ($1, $2, $3, 1, now(), now() + $4 * interval '1 second')
             ON CONFLICT(scope) DO UPDATE SET
               epoch = lease.epoch + CASE WHEN lease.holder_uuid = $3 THEN 0 ELSE 1 END,
               since = CASE WHEN lease.holder_uuid = $3 THEN lease.since ELSE now() END,
               holder = $2, holder_uuid = $3, expires = now() + $4 * interval '1 second'
             WHERE lease.holder_uuid IN ($3, $5) OR lease.expires < now()
             RETURNING epoch",
            &[
                &scope.to_string(),
                &record::to_json(holder),
                &holder.uuid.to_string(),
                &record::LEASE.as_secs_f64(),
                &dead,
            ],
        )
        .await?;
    if let Some(row) = taken {
        return Ok(LeaseTry::Held(Lease {
            scope: scope.clone(),
            holder: holder.clone(),
            epoch: row.get::<_, i64>(0) as u64,
        }));
    }
    match read_lease(c, at, scope).await? {
        Some(row) => Ok(LeaseTry::Busy(row)),
        None => Err(fenced("nobody").into()),
    }
}

pub async fn renew(c: &Client, at: &str, lease: &Lease) -> Done<()> {
    let renewed = c
        .execute(
            "UPDATE greylag_state_lease SET expires = now() + $4 * interval '1 second'
             WHERE scope = $1 AND epoch = $2 AND holder_uuid = $3",
            &[
                &lease.scope.to_string(),
                &(lease.epoch as i64),
                &lease.holder.uuid.to_string(),
                &record::LEASE.as_secs_f64(),
            ],
        )
        .await?;
    if renewed == 0 {
        return Err(lost(c, at, lease).await?.into());
    }
    Ok(())
}

pub async fn release(c: &Client, lease: &Lease) -> Done<()> {
    // The row stays, so that epochs never come again; nobody is its holder.
    c.execute(
        "UPDATE greylag_state_lease SET expires = '-infinity', holder_uuid = ''
         WHERE scope = $1 AND epoch = $2 AND holder_uuid = $3",
        &[
            &lease.scope.to_string(),
            &(lease.epoch as i64),
            &lease.holder.uuid.to_string(),
        ],
    )
    .await?;
    Ok(())
}

pub async fn holder(c: &Client, at: &str, scope: &Scope) -> Done<Option<LeaseRow>> {
    let row = read_lease(c, at, scope).await?;
    Ok(row.filter(|row| !row.is_free(Timestamp::now())))
}

pub async fn begin(c: &Client, at: &str, lease: &Lease, rollout: &NewRollout) -> Done<()> {
    let scripts: Vec<&str> = rollout.files.keys().map(String::as_str).collect();
    let texts: Vec<&str> = rollout.files.values().map(|text| &**text).collect();
    let begun: i64 = c
        .query_one(
            "WITH fence AS MATERIALIZED (
               SELECT 1 FROM greylag_state_lease WHERE scope = $1 AND epoch = $2 AND holder_uuid = $3 FOR UPDATE
             ), begun AS (
               INSERT INTO greylag_state_rollout(id, project, environment, digest, plan, begun, sequence)
               SELECT $4, $5, $6, $7, $8, now(), 0 FROM fence
               ON CONFLICT(id) DO NOTHING RETURNING 1
             ), files AS (
               INSERT INTO greylag_state_file(rollout, script, text)
               SELECT $4, f.script, f.text FROM unnest($9::text[], $10::text[]) AS f(script, text), begun
             )
             SELECT count(*) FROM fence",
            &[
                &lease.scope.to_string(),
                &(lease.epoch as i64),
                &lease.holder.uuid.to_string(),
                &rollout.id,
                &lease.scope.project,
                &lease.scope.environment,
                &rollout.plan.digest,
                &record::to_json(&*rollout.plan),
                &scripts,
                &texts,
            ],
        )
        .await?
        .get(0);
    if begun == 0 {
        return Err(lost(c, at, lease).await?.into());
    }
    Ok(())
}

pub async fn append(
    c: &Client,
    at: &str,
    lease: &Lease,
    rollout: &str,
    events: &[Stamped],
    taken: &[Taken],
) -> Done<()> {
    let numbers: Vec<i64> = events.iter().map(|event| event.sequence as i64).collect();
    let bodies: Vec<String> = events.iter().map(record::to_json).collect();
    let first = numbers.first().copied();
    if numbers.windows(2).any(|pair| pair[1] != pair[0] + 1) {
        return Err(conflict(rollout, events).into());
    }
    let items: Vec<i64> = taken.iter().map(|taken| taken.item as i64).collect();
    let folded: Vec<bool> = taken.iter().map(|taken| taken.answer.is_ok()).collect();
    let answers: Vec<&str> = taken
        .iter()
        .map(|taken| match &taken.answer {
            Ok(text) | Err(text) => text.as_str(),
        })
        .collect();
    let row = c
        .query_one(
            "WITH fence AS MATERIALIZED (
               SELECT 1 FROM greylag_state_lease WHERE scope = $1 AND epoch = $2 AND holder_uuid = $3 FOR UPDATE
             ), moved AS (
               UPDATE greylag_state_rollout AS r
               SET sequence = coalesce($5::bigint, r.sequence + 1) - 1 + cardinality($6::bigint[]), ended = coalesce($8, r.ended)
               FROM fence WHERE r.id = $4 AND r.sequence = coalesce($5::bigint, r.sequence + 1) - 1 RETURNING 1
             ), added AS (
               INSERT INTO greylag_state_event(rollout, sequence, body)
               SELECT $4, e.sequence, e.body FROM unnest($6::bigint[], $7::text[]) AS e(sequence, body), moved
             ), answered AS (
               UPDATE greylag_state_inbox AS i SET folded = a.folded, answer = a.answer
               FROM unnest($9::bigint[], $10::boolean[], $11::text[]) AS a(id, folded, answer), moved
               WHERE i.id = a.id AND i.folded IS NULL
             )
             SELECT (SELECT count(*) FROM fence), (SELECT count(*) FROM moved)",
            &[
                &lease.scope.to_string(),
                &(lease.epoch as i64),
                &lease.holder.uuid.to_string(),
                &rollout,
                &first,
                &numbers,
                &bodies,
                &events.iter().find_map(|event| record::ending(&event.event)),
                &items,
                &folded,
                &answers,
            ],
        )
        .await?;
    if row.get::<_, i64>(0) == 0 {
        return Err(lost(c, at, lease).await?.into());
    }
    if row.get::<_, i64>(1) == 0 && !is_there(c, rollout, &numbers, &bodies).await? {
        return Err(conflict(rollout, events).into());
    }
    Ok(())
}

/// Whether exactly these events are there already: our own, whose answer was lost.
async fn is_there(c: &Client, rollout: &str, numbers: &[i64], bodies: &[String]) -> Done<bool> {
    let same: i64 = c
        .query_one(
            "SELECT count(*) FROM unnest($2::bigint[], $3::text[]) AS e(sequence, body)
             JOIN greylag_state_event AS there ON there.rollout = $1 AND there.sequence = e.sequence AND there.body = e.body",
            &[&rollout, &numbers, &bodies],
        )
        .await?
        .get(0);
    Ok(same as usize == numbers.len())
}

pub async fn rollouts(c: &Client, scope: &Scope) -> Done<Vec<RolloutRow>> {
    let rows = c
        .query(
            "SELECT id, digest, extract(epoch FROM begun)::float8, ended, sequence FROM greylag_state_rollout
             WHERE project = $1 AND environment = $2 ORDER BY begun DESC, id DESC",
            &[&scope.project, &scope.environment],
        )
        .await?;
    Ok(rows.iter().map(rollout_row).collect())
}

pub async fn planned(c: &Client, at: &str, scope: &Scope, newest: u32) -> Done<Vec<PlannedRow>> {
    let rows = c
        .query(
            "SELECT id, digest, extract(epoch FROM begun)::float8, ended, sequence, (plan::json -> 'migrations')::text
             FROM greylag_state_rollout WHERE project = $1 AND environment = $2 AND sequence > 0
             ORDER BY begun DESC, id DESC LIMIT $3",
            &[&scope.project, &scope.environment, &i64::from(newest)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(PlannedRow {
                migrations: record::from_json(at, "a plan", row.get(5))?,
                row: rollout_row(row),
            })
        })
        .collect()
}

pub async fn rollout(c: &Client, at: &str, id: &str) -> Done<Option<StoredRollout>> {
    let found = c
        .query_opt(
            "SELECT id, digest, extract(epoch FROM begun)::float8, ended, sequence, plan
             FROM greylag_state_rollout WHERE id = $1",
            &[&id],
        )
        .await?;
    let Some(row) = found else { return Ok(None) };
    let files = c
        .query(
            "SELECT script, text FROM greylag_state_file WHERE rollout = $1",
            &[&id],
        )
        .await?;
    Ok(Some(StoredRollout {
        plan: Arc::new(record::from_json(at, "a plan", row.get(5))?),
        files: files
            .iter()
            .map(|file| (file.get(0), Arc::from(file.get::<_, &str>(1))))
            .collect(),
        row: rollout_row(&row),
    }))
}

pub async fn events(c: &Client, at: &str, rollout: &str, after: u64) -> Done<Vec<Stamped>> {
    c.query(
        "SELECT body FROM greylag_state_event WHERE rollout = $1 AND sequence > $2 ORDER BY sequence",
        &[&rollout, &(after as i64)],
    )
    .await?
    .iter()
    .map(|row| Ok(record::from_json(at, "an event", row.get(0))?))
    .collect()
}

pub async fn post(c: &Client, rollout: &str, by: &str, request: &Value, token: &str) -> Done<u64> {
    let id: i64 = c
        .query_one(
            "INSERT INTO greylag_state_inbox(token, rollout, by, at, request) VALUES ($1, $2, $3, now(), $4)
             ON CONFLICT(token) DO UPDATE SET token = excluded.token RETURNING id",
            &[&token, &rollout, &by, &request.to_string()],
        )
        .await?
        .get(0);
    Ok(id as u64)
}

pub async fn inbox(c: &Client, at: &str, rollout: &str) -> Done<Vec<InboxItem>> {
    c.query(
        "SELECT id, rollout, by, extract(epoch FROM at)::float8, request, folded, answer FROM greylag_state_inbox
         WHERE rollout = $1 AND folded IS NULL ORDER BY id",
        &[&rollout],
    )
    .await?
    .iter()
    .map(|row| inbox_item(at, row))
    .collect()
}

pub async fn answer(c: &Client, at: &str, item: u64) -> Done<Option<InboxItem>> {
    c.query_opt(
        "SELECT id, rollout, by, extract(epoch FROM at)::float8, request, folded, answer FROM greylag_state_inbox
         WHERE id = $1",
        &[&(item as i64)],
    )
    .await?
    .map(|row| inbox_item(at, &row))
    .transpose()
}

async fn read_lease(c: &Client, at: &str, scope: &Scope) -> Done<Option<LeaseRow>> {
    // A lease's end is told by this machine's clock, so that it compares with `now` here.
    let row = c
        .query_opt(
            "SELECT holder, epoch, extract(epoch FROM since)::float8,
                    CASE WHEN expires = '-infinity' THEN -1e9 ELSE extract(epoch FROM expires - now())::float8 END
             FROM greylag_state_lease WHERE scope = $1",
            &[&scope.to_string()],
        )
        .await?;
    row.map(|row| {
        let left = Timestamp::now().as_microsecond() as f64 / 1e6 + row.get::<_, f64>(3);
        Ok(LeaseRow {
            holder: record::from_json(at, "a lease", row.get(0))?,
            epoch: row.get::<_, i64>(1) as u64,
            since: timestamp(row.get(2)),
            expires: timestamp(left),
        })
    })
    .transpose()
}

pub(super) async fn lost(c: &Client, at: &str, lease: &Lease) -> Done<JournalError> {
    let row = read_lease(c, at, &lease.scope).await?;
    Ok(fenced(&row.map_or_else(
        || "nobody".to_owned(),
        |row| row.holder.to_string(),
    )))
}

fn fenced(holder: &str) -> JournalError {
    JournalError::Fenced {
        holder: holder.to_owned(),
    }
}

fn conflict(rollout: &str, events: &[Stamped]) -> JournalError {
    JournalError::Conflict {
        rollout: rollout.to_owned(),
        sequence: events.first().map_or(0, |event| event.sequence),
    }
}

fn rollout_row(row: &Row) -> RolloutRow {
    RolloutRow {
        id: row.get(0),
        digest: row.get(1),
        begun: timestamp(row.get(2)),
        ended: row.get(3),
        sequence: row.get::<_, i64>(4) as u64,
    }
}

fn inbox_item(at: &str, row: &Row) -> Done<InboxItem> {
    Ok(InboxItem {
        id: row.get::<_, i64>(0) as u64,
        rollout: row.get(1),
        by: row.get(2),
        at: timestamp(row.get(3)),
        request: record::from_json(at, "a request", row.get(4))?,
        answer: record::answer(row.get(5), row.get(6)),
    })
}

/// Seconds since 1970, as the server says them; far-off times end at what a timestamp can hold.
pub fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_microsecond((seconds * 1e6) as i64).unwrap_or(Timestamp::UNIX_EPOCH)
}
