//! A person's query: `verify`, SQL checks, the catalog of discovery.

use super::{failure::Trouble, shard::Shard};
use crate::error::EngineError;
use greylag_core::outcome::FailureClass;
use rusqlite::{Statement, types::ValueRef};
use std::collections::BTreeMap;

const DOING: &str = "a query";

/// The first row's first column as text. A statement that would write is refused.
pub(super) fn ask(shard: &Shard, sql: &str) -> Result<Option<String>, EngineError> {
    let refused = shard.refused(DOING);
    let mut statement = prepare(shard, sql)?;
    let mut rows = statement.raw_query();
    let Some(row) = rows.next().map_err(&refused)? else {
        return Ok(None);
    };
    if row.as_ref().column_count() == 0 {
        return Ok(None);
    }
    Ok(text(row.get_ref(0).map_err(&refused)?))
}

/// Every row, each column as text under its name. A statement that would write is refused.
pub(super) fn rows(
    shard: &Shard,
    sql: &str,
) -> Result<Vec<BTreeMap<String, Option<String>>>, EngineError> {
    let refused = shard.refused(DOING);
    let mut statement = prepare(shard, sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(&refused)? {
        let mut cells = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            cells.insert(name.clone(), text(row.get_ref(at).map_err(&refused)?));
        }
        found.push(cells);
    }
    Ok(found)
}

fn prepare<'a>(shard: &'a Shard, sql: &str) -> Result<Statement<'a>, EngineError> {
    let statement = shard
        .connection
        .prepare(sql)
        .map_err(shard.refused(DOING))?;
    if statement.readonly() {
        return Ok(statement);
    }
    let trouble = Trouble::own(
        FailureClass::Refused,
        "it would change the database, and a check only asks",
        "Write it as a SELECT.",
    );
    Err(trouble.into_error(&shard.address, DOING))
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(value) => Some(value.to_string()),
        ValueRef::Real(value) => Some(value.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}
