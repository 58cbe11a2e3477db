//! The statements, each whole.

use super::super::{
    Holder, InboxItem, JournalError, Lease, LeaseRow, LeaseTry, NewRollout, PlannedRow, RolloutRow,
    Scope, StoredRollout, Taken, record,
};
use greylag_core::event::Stamped;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, named_params};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

type Done<T> = Result<T, JournalError>;

/// A rollout's row without its plan. Its own `sequence` is of its beginning or its end; events say how far it is.
const ROLLOUT: &str = "id, digest, begun, ended,
    (SELECT coalesce(max(event.sequence), 0) FROM event WHERE event.rollout = rollout.id)";

/// What SQLite's error means to a person.
pub fn explain(at: &str, doing: &'static str, source: rusqlite::Error) -> JournalError {
    let at = at.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => JournalError::ReadOnly { at },
        Some(ErrorCode::DiskFull) => JournalError::Full { at },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => JournalError::Foreign {
            at,
            why: source.to_string(),
        },
        Some(ErrorCode::CannotOpen) => JournalError::Unreachable {
            at,
            source: source.into(),
        },
        _ => JournalError::Store {
            at,
            doing,
            source: source.into(),
        },
    }
}

pub fn take_lease(t: &Transaction<'_>, at: &str, scope: Scope, holder: Holder) -> Done<LeaseTry> {
    let failed = |source| explain(at, "taking the lease", source);
    let now = Timestamp::now();
    let found = read_lease(t, at, &scope)?;
    let mine = found
        .as_ref()
        .is_some_and(|row| row.holder.uuid == holder.uuid);
    if let Some(row) = &found
        && !mine
        && !row.is_free(now)
    {
        return Ok(LeaseTry::Busy(row.clone()));
    }
    let epoch: i64 = t
        .query_row(
            "INSERT INTO lease(scope, holder, holder_uuid, epoch, since, expires)
             VALUES (:scope, :holder, :uuid, 1, :now, :expires)
             ON CONFLICT(scope) DO UPDATE SET
               epoch = lease.epoch + (lease.holder_uuid <> :uuid),
               since = CASE WHEN lease.holder_uuid = :uuid THEN lease.since ELSE :now END,
               holder = :holder, holder_uuid = :uuid, expires = :expires
             RETURNING epoch",
            named_params! {
                ":scope": scope.to_string(),
                ":holder": json(&holder),
                ":uuid": holder.uuid.to_string(),
                ":now": now.as_microsecond(),
                ":expires": (now + record::LEASE).as_microsecond(),
            },
            |row| row.get(0),
        )
        .map_err(failed)?;
    Ok(LeaseTry::Held(Lease {
        scope,
        holder,
        epoch: epoch as u64,
    }))
}

pub fn renew(t: &Transaction<'_>, at: &str, lease: &Lease) -> Done<()> {
    fence(t, at, lease)?;
    let expires = Timestamp::now() + record::LEASE;
    t.execute(
        "UPDATE lease SET expires = ?1 WHERE scope = ?2",
        (expires.as_microsecond(), lease.scope.to_string()),
    )
    .map_err(|source| explain(at, "renewing the lease", source))?;
    Ok(())
}

pub fn release(t: &Transaction<'_>, at: &str, lease: &Lease) -> Done<()> {
    // The row stays, so that epochs never come again; nobody is its holder.
    t.execute(
        "UPDATE lease SET expires = 0, holder_uuid = '' WHERE scope = ?1 AND epoch = ?2 AND holder_uuid = ?3",
        (
            lease.scope.to_string(),
            lease.epoch as i64,
            lease.holder.uuid.to_string(),
        ),
    )
    .map_err(|source| explain(at, "releasing the lease", source))?;
    Ok(())
}

pub fn holder(c: &Connection, at: &str, scope: &Scope) -> Done<Option<LeaseRow>> {
    let row = read_lease(c, at, scope)?;
    Ok(row.filter(|row| !row.is_free(Timestamp::now())))
}

pub fn begin(t: &Transaction<'_>, at: &str, lease: &Lease, rollout: &NewRollout) -> Done<()> {
    let failed = |source| explain(at, "storing the plan", source);
    fence(t, at, lease)?;
    t.execute(
        "INSERT INTO rollout(id, project, environment, digest, plan, begun, ended, sequence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, 0)",
        (
            &rollout.id,
            &lease.scope.project,
            &lease.scope.environment,
            &rollout.plan.digest,
            json(&*rollout.plan),
            Timestamp::now().as_microsecond(),
        ),
    )
    .map_err(failed)?;
    let mut insert = t
        .prepare("INSERT INTO file(rollout, script, text) VALUES (?1, ?2, ?3)")
        .map_err(failed)?;
    for (script, text) in &rollout.files {
        insert
            .execute((&rollout.id, script, text.as_ref()))
            .map_err(failed)?;
    }
    Ok(())
}

pub fn append(
    t: &Transaction<'_>,
    at: &str,
    lease: &Lease,
    rollout: &str,
    events: &[Stamped],
    taken: &[Taken],
) -> Done<()> {
    let failed = |source| explain(at, "appending events", source);
    fence(t, at, lease)?;
    let mut last: i64 = t
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM event WHERE rollout = ?1")
        .and_then(|mut select| select.query_row([rollout], |row| row.get(0)))
        .map_err(failed)?;
    let mut insert = t
        .prepare_cached("INSERT INTO event(rollout, sequence, body) VALUES (?1, ?2, ?3)")
        .map_err(failed)?;
    for event in events {
        last += 1;
        if event.sequence != last as u64 {
            return Err(JournalError::Conflict {
                rollout: rollout.to_owned(),
                sequence: event.sequence,
            });
        }
        insert
            .execute((rollout, last, json(event)))
            .map_err(failed)?;
    }
    // The rollout's row holds its plan, which grows with the fleet: it is written once at the beginning, once at the end.
    if let Some(ended) = events.iter().find_map(|event| record::ending(&event.event)) {
        t.execute(
            "UPDATE rollout SET sequence = ?1, ended = ?2 WHERE id = ?3",
            (last, ended, rollout),
        )
        .map_err(failed)?;
    }
    for Taken { item, answer } in taken {
        let (folded, text) = match answer {
            Ok(text) => (true, text),
            Err(why) => (false, why),
        };
        t.execute(
            "UPDATE inbox SET folded = ?1, answer = ?2 WHERE id = ?3 AND folded IS NULL",
            (folded, text, *item as i64),
        )
        .map_err(failed)?;
    }
    Ok(())
}

pub fn rollouts(c: &Connection, at: &str, scope: &Scope) -> Done<Vec<RolloutRow>> {
    let failed = |source| explain(at, "listing rollouts", source);
    c.prepare(&format!(
        "SELECT {ROLLOUT} FROM rollout
             WHERE project = ?1 AND environment = ?2 ORDER BY begun DESC, id DESC"
    ))
    .map_err(failed)?
    .query_map((&scope.project, &scope.environment), rollout_row)
    .map_err(failed)?
    .collect::<Result<_, _>>()
    .map_err(failed)
}

pub fn planned(c: &Connection, at: &str, scope: &Scope, newest: u32) -> Done<Vec<PlannedRow>> {
    let failed = |source| explain(at, "reading what was planned", source);
    c.prepare(&format!(
        "SELECT {ROLLOUT}, json_extract(plan, '$.migrations') FROM rollout
             WHERE project = ?1 AND environment = ?2 AND EXISTS (SELECT 1 FROM event WHERE event.rollout = rollout.id)
             ORDER BY begun DESC, id DESC LIMIT ?3"
    ))
    .map_err(failed)?
    .query_map((&scope.project, &scope.environment, newest), |row| {
        Ok((rollout_row(row)?, row.get::<_, String>(5)?))
    })
    .map_err(failed)?
    .map(|read| {
        let (row, migrations) = read.map_err(failed)?;
        Ok(PlannedRow {
            row,
            migrations: parse(at, "a plan", &migrations)?,
        })
    })
    .collect()
}

pub fn rollout(c: &Connection, at: &str, id: &str) -> Done<Option<StoredRollout>> {
    let failed = |source| explain(at, "reading a rollout", source);
    let found = c
        .query_row(
            &format!("SELECT {ROLLOUT}, plan FROM rollout WHERE id = ?1"),
            [id],
            |row| Ok((rollout_row(row)?, row.get::<_, String>(5)?)),
        )
        .optional()
        .map_err(failed)?;
    let Some((row, plan)) = found else {
        return Ok(None);
    };
    let plan = Arc::new(parse(at, "a plan", &plan)?);
    let files = c
        .prepare("SELECT script, text FROM file WHERE rollout = ?1")
        .map_err(failed)?
        .query_map([id], |row| {
            Ok((row.get(0)?, Arc::<str>::from(row.get::<_, String>(1)?)))
        })
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    Ok(Some(StoredRollout { row, plan, files }))
}

pub fn events(c: &Connection, at: &str, rollout: &str, after: u64) -> Done<Vec<Stamped>> {
    let failed = |source| explain(at, "reading events", source);
    c.prepare("SELECT body FROM event WHERE rollout = ?1 AND sequence > ?2 ORDER BY sequence")
        .map_err(failed)?
        .query_map((rollout, after as i64), |row| row.get::<_, String>(0))
        .map_err(failed)?
        .map(|body| parse(at, "an event", &body.map_err(failed)?))
        .collect()
}

pub fn post(t: &Transaction<'_>, at: &str, rollout: &str, by: &str, request: &str) -> Done<u64> {
    t.execute(
        "INSERT INTO inbox(rollout, by, at, request) VALUES (?1, ?2, ?3, ?4)",
        (rollout, by, Timestamp::now().as_microsecond(), request),
    )
    .map_err(|source| explain(at, "posting a request", source))?;
    Ok(t.last_insert_rowid() as u64)
}

pub fn inbox(c: &Connection, at: &str, rollout: &str) -> Done<Vec<InboxItem>> {
    let failed = |source| explain(at, "reading the inbox", source);
    c.prepare_cached(
        "SELECT id, rollout, by, at, request, folded, answer FROM inbox
         WHERE rollout = ?1 AND folded IS NULL ORDER BY id",
    )
    .map_err(failed)?
    .query_map([rollout], inbox_columns)
    .map_err(failed)?
    .map(|columns| inbox_item(at, columns.map_err(failed)?))
    .collect()
}

pub fn answer(c: &Connection, at: &str, item: u64) -> Done<Option<InboxItem>> {
    c.query_row(
        "SELECT id, rollout, by, at, request, folded, answer FROM inbox WHERE id = ?1",
        [item as i64],
        inbox_columns,
    )
    .optional()
    .map_err(|source| explain(at, "reading a request", source))?
    .map(|columns| inbox_item(at, columns))
    .transpose()
}

/// Refuses to write under a lease that somebody else has.
pub(super) fn fence(t: &Transaction<'_>, at: &str, lease: &Lease) -> Done<()> {
    match read_lease(t, at, &lease.scope)? {
        Some(row) if row.epoch == lease.epoch && row.holder.uuid == lease.holder.uuid => Ok(()),
        Some(row) => Err(JournalError::Fenced {
            holder: row.holder.to_string(),
        }),
        None => Err(JournalError::Fenced {
            holder: "nobody".into(),
        }),
    }
}

fn read_lease(c: &Connection, at: &str, scope: &Scope) -> Done<Option<LeaseRow>> {
    c.prepare_cached("SELECT holder, epoch, since, expires FROM lease WHERE scope = ?1")
        .and_then(|mut select| {
            select.query_row([scope.to_string()], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, i64>(1)?,
                    timestamp(row, 2)?,
                    timestamp(row, 3)?,
                ))
            })
        })
        .optional()
        .map_err(|source| explain(at, "reading the lease", source))?
        .map(|(holder, epoch, since, expires)| {
            Ok(LeaseRow {
                holder: parse(at, "a lease", &holder)?,
                epoch: epoch as u64,
                since,
                expires,
            })
        })
        .transpose()
}

fn rollout_row(row: &Row<'_>) -> rusqlite::Result<RolloutRow> {
    Ok(RolloutRow {
        id: row.get(0)?,
        digest: row.get(1)?,
        begun: timestamp(row, 2)?,
        ended: row.get(3)?,
        sequence: row.get::<_, i64>(4)? as u64,
    })
}

type InboxColumns = (
    i64,
    String,
    String,
    Timestamp,
    String,
    Option<bool>,
    Option<String>,
);

fn inbox_columns(row: &Row<'_>) -> rusqlite::Result<InboxColumns> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        timestamp(row, 3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ))
}

fn inbox_item(at: &str, columns: InboxColumns) -> Done<InboxItem> {
    let (id, rollout, by, when, request, folded, answer) = columns;
    Ok(InboxItem {
        id: id as u64,
        rollout,
        by,
        at: when,
        request: parse(at, "a request", &request)?,
        answer: record::answer(folded, answer),
    })
}

pub fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|why| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Integer,
            why.into(),
        )
    })
}

pub(super) fn json(value: &impl Serialize) -> String {
    record::to_json(value)
}

pub(super) fn parse<T: DeserializeOwned>(at: &str, what: &str, text: &str) -> Done<T> {
    record::from_json(at, what, text)
}
