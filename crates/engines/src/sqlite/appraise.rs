//! What a file holds.

use super::session;
use crate::{
    appraisal::{Appraisal, AppraiseError, Cells, TableSize},
    error::EngineError,
    session::Session,
    target::Target,
};
use std::collections::BTreeMap;

/// Above this many rows they are not counted one by one.
const COUNTED: u64 = 1_000_000;

/// Above this many bytes the file is not read through for the size of each table.
const READ_THROUGH: u64 = 64 << 20;

const TABLES: &str = "SELECT t.name AS name, \
    EXISTS (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.pk > 0) AS keyed, \
    EXISTS (SELECT 1 FROM pragma_table_list l WHERE l.schema = 'main' AND l.name = t.name AND l.wr) AS without_rowid \
    FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.rootpage > 0";

const SIZES: &str = "SELECT s.tbl_name AS name, \
    sum(CASE WHEN s.type = 'table' THEN d.pgsize ELSE 0 END) AS table_bytes, \
    sum(CASE WHEN s.type = 'index' THEN d.pgsize ELSE 0 END) AS index_bytes \
    FROM dbstat d JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = 1 GROUP BY s.tbl_name";

/// Reads all of it over a connection of its own.
pub async fn appraise(target: &Target) -> Result<Appraisal, AppraiseError> {
    let mut session = session::open(target).await?;
    let read = read(&mut *session, target).await;
    session.close().await;
    Ok(read?)
}

async fn read(session: &mut dyn Session, target: &Target) -> Result<Appraisal, EngineError> {
    let version = session.ask("SELECT sqlite_version()").await?;
    let whole =
        "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()";
    let whole: u64 = rows(session, whole)
        .await?
        .first()
        .and_then(|row| row.number("bytes"))
        .unwrap_or(0);
    let sizes: BTreeMap<String, (Option<u64>, Option<u64>)> = match whole <= READ_THROUGH {
        true => rows(session, SIZES)
            .await?
            .into_iter()
            .filter_map(|row| {
                let sizes = (row.number("table_bytes"), row.number("index_bytes"));
                Some((row.text("name")?, sizes))
            })
            .collect(),
        false => BTreeMap::new(),
    };
    let mut tables = Vec::new();
    for row in rows(session, TABLES).await? {
        let Some(name) = row.text("name") else {
            continue;
        };
        let (table_bytes, index_bytes) = sizes.get(&name).copied().unwrap_or_default();
        tables.push(TableSize {
            rows: count(session, &name, row.is("without_rowid")).await?,
            schema: None,
            visible: true,
            table_bytes,
            index_bytes,
            has_primary_key: row.is("keyed"),
            row_versions: None,
            // A rowid has eight bytes.
            numbered: Vec::new(),
            name,
        });
    }
    Ok(Appraisal {
        version: version.unwrap_or_default(),
        // Each file has its own lock and its own writers.
        server: target.address(),
        tables,
        ..Appraisal::default()
    })
}

/// Exact while there are few; beyond that as many as the highest number says.
async fn count(
    session: &mut dyn Session,
    table: &str,
    without_rowid: bool,
) -> Result<u64, EngineError> {
    let quoted = format!("\"{}\"", table.replace('"', "\"\""));
    let sql = format!(
        "SELECT count(*) AS n FROM (SELECT 1 FROM {quoted} LIMIT {})",
        COUNTED + 1
    );
    let counted = first(session, &sql).await?;
    if counted <= COUNTED || without_rowid {
        return Ok(counted);
    }
    let highest = format!("SELECT max(rowid) AS n FROM {quoted}");
    Ok(first(session, &highest).await?.max(counted))
}

async fn first(session: &mut dyn Session, sql: &str) -> Result<u64, EngineError> {
    let rows = rows(session, sql).await?;
    Ok(rows.first().and_then(|row| row.number("n")).unwrap_or(0))
}

async fn rows(session: &mut dyn Session, sql: &str) -> Result<Vec<Cells>, EngineError> {
    let rows = session.rows(sql).await?;
    Ok(rows.into_iter().map(Cells).collect())
}
