//! What a database holds and how its server is set, in one query.

use super::{
    connect::establish,
    failure::broken,
    link::{Link, Trouble},
    quote::literal,
};
use crate::{
    appraisal::{Appraisal, AppraiseError, Numbered, Publication, Slot, Standby, TableSize},
    error::EngineError,
    target::Target,
};
use greylag_core::node::Unobservable;
use serde::Deserialize;
use std::collections::BTreeMap;

const DOING: &str = "reading sizes and settings";

/// Nothing is written, and nobody who holds a table is waited for.
const SETTINGS: &str = "SET default_transaction_read_only = on; SET statement_timeout = '20s'; SET lock_timeout = '500ms'; SET jit = off";

/// Sizes of files, which look at the tables under the weakest lock; or as vacuum wrote them down last, under none.
const MEASURED: [&str; 4] = [
    "CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_relation_size(c.oid) END",
    "CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_table_size(c.oid) END",
    "CASE WHEN c.relkind = 'p' THEN 0 ELSE pg_indexes_size(c.oid) END",
    // Where it was never used, and for whoever may not read it, there is none.
    "CASE WHEN has_sequence_privilege(q.oid, 'SELECT, USAGE') THEN pg_sequence_last_value(q.oid) END",
];
const WRITTEN_DOWN: [&str; 4] = [
    "c.relpages * current_setting('block_size')::bigint",
    "c.relpages * current_setting('block_size')::bigint",
    "(SELECT coalesce(sum(x.relpages), 0) * current_setting('block_size')::bigint FROM pg_index i \
      JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid)",
    "NULL::bigint",
];

#[derive(Deserialize)]
struct Seen {
    version: String,
    server: String,
    standby: bool,
    remote_apply: bool,
    delay: i64,
    feedback: bool,
    sees_stats: bool,
    user: String,
    reader: Option<u64>,
    settings: BTreeMap<String, String>,
    collation: Option<String>,
    publications: Option<Vec<SeenPublication>>,
    slots: Option<Vec<SeenSlot>>,
    tables: Option<Vec<SeenTable>>,
}

#[derive(Deserialize)]
struct SeenPublication {
    name: String,
    all: bool,
    tables: Option<Vec<String>>,
    schemas: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct SeenSlot {
    name: String,
    logical: bool,
    safe: Option<i64>,
}

#[derive(Deserialize)]
struct SeenTable {
    schema: String,
    name: String,
    visible: bool,
    keyed: bool,
    rows: u64,
    bytes: u64,
    index_bytes: u64,
    numbered: Option<Vec<SeenNumbered>>,
}

#[derive(Deserialize)]
struct SeenNumbered {
    column: String,
    #[serde(rename = "type")]
    data_type: String,
    used: u64,
    room: u64,
}

/// Reads all of it over a connection of its own.
pub async fn appraise(target: &Target) -> Result<Appraisal, AppraiseError> {
    let (link, _) = establish(target).await?;
    let read = read(target, &link).await;
    link.close().await;
    Ok(read?)
}

async fn read(target: &Target, link: &Link) -> Result<Appraisal, EngineError> {
    let refused = |trouble| broken(target.address(), DOING, Some(trouble));
    ask(link, SETTINGS).await.map_err(refused)?;
    let seen = match ask(link, &query(target, &MEASURED)).await {
        // Somebody holds a table as strongly as can be, or has just dropped a sequence: what is written down is a good guess.
        Err(Trouble::Server(said)) if matches!(said.code().code(), "55P03" | "42P01" | "XX000") => {
            ask(link, &query(target, &WRITTEN_DOWN)).await
        }
        other => other,
    };
    let text = seen.map_err(refused)?.unwrap_or_default();
    let seen: Seen = serde_json::from_str(&text).map_err(|why| EngineError::Foreign {
        address: target.address(),
        what: "an answer".into(),
        why: why.to_string(),
    })?;
    Ok(appraisal(target, seen))
}

fn query(target: &Target, [heap, whole, indexes, last]: &[&str; 4]) -> String {
    let schema = match &target.schema {
        Some(schema) => format!("n.nspname = {}", literal(schema)),
        None => "true".to_owned(),
    };
    include_str!("appraise.sql")
        .replace("{heap}", heap)
        .replace("{whole}", whole)
        .replace("{indexes}", indexes)
        .replace("{last}", last)
        .replace("{schema}", &schema)
        // A replica has the same tables, and its primary was asked.
        .replace("{primary}", "NOT pg_is_in_recovery()")
}

async fn ask(link: &Link, sql: &str) -> Result<Option<String>, Trouble> {
    let answer = link.run(sql, 0).await;
    link.hush();
    let rows = answer.into_rows()?;
    Ok(rows
        .first()
        .and_then(|(_, row)| row.get(0))
        .map(str::to_owned))
}

fn appraisal(target: &Target, seen: Seen) -> Appraisal {
    let mut settings = seen.settings;
    // Each schema shard has a path of its own, and is meant to.
    if target.schema.is_some() {
        settings.remove("search_path");
    }
    let mut unseen = Vec::new();
    if seen.standby && !seen.sees_stats {
        unseen.push(Unobservable {
            what: "how long readers have been reading".into(),
            mend: format!(
                "GRANT pg_read_all_stats TO {}",
                super::quote::ident(&seen.user)
            ),
        });
    }
    Appraisal {
        version: seen.version,
        server: seen.server,
        replica: seen.standby,
        collation_version: seen.collation,
        tables: seen
            .tables
            .into_iter()
            .flatten()
            .map(|table| table_size(target, table))
            .collect(),
        settings,
        waits_for_replay: seen.remote_apply,
        standby: seen.standby.then_some(Standby {
            conflict_delay_ms: seen.delay,
            feedback: seen.feedback,
            oldest_reader_ms: seen.reader.filter(|_| seen.sees_stats),
        }),
        publications: seen
            .publications
            .into_iter()
            .flatten()
            .map(|one| Publication {
                name: one.name,
                all_tables: one.all,
                tables: one.tables.unwrap_or_default(),
                schemas: one.schemas.unwrap_or_default(),
            })
            .collect(),
        slots: seen
            .slots
            .into_iter()
            .flatten()
            .map(|slot| Slot {
                name: slot.name,
                logical: slot.logical,
                // One that is past its limit already has none left.
                headroom_bytes: slot.safe.map(|bytes| u64::try_from(bytes).unwrap_or(0)),
            })
            .collect(),
        unseen,
    }
}

fn table_size(target: &Target, seen: SeenTable) -> TableSize {
    TableSize {
        visible: seen.visible || target.schema.is_some(),
        schema: Some(seen.schema),
        name: seen.name,
        rows: seen.rows,
        table_bytes: Some(seen.bytes),
        index_bytes: Some(seen.index_bytes),
        has_primary_key: seen.keyed,
        row_versions: None,
        numbered: seen
            .numbered
            .into_iter()
            .flatten()
            .map(|one| Numbered {
                column: one.column,
                data_type: one.data_type,
                used: one.used,
                room: one.room,
            })
            .collect(),
    }
}
