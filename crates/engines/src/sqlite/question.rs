//! A person's query: `verify`, SQL checks.

use super::{failure::Trouble, shard::Shard};
use crate::error::EngineError;
use greylag_core::outcome::FailureClass;
use rusqlite::types::ValueRef;

/// The first row's first column as text. A statement that would write is refused.
pub(super) fn ask(shard: &Shard, sql: &str) -> Result<Option<String>, EngineError> {
    const DOING: &str = "a query";
    let refused = shard.refused(DOING);
    let mut statement = shard.connection.prepare(sql).map_err(&refused)?;
    if !statement.readonly() {
        let trouble = Trouble::own(
            FailureClass::Refused,
            "it would change the database, and a check only asks",
            "Write it as a SELECT.",
        );
        return Err(trouble.into_error(&shard.address, DOING));
    }
    let mut rows = statement.raw_query();
    let Some(row) = rows.next().map_err(&refused)? else {
        return Ok(None);
    };
    if row.as_ref().column_count() == 0 {
        return Ok(None);
    }
    Ok(match row.get_ref(0).map_err(&refused)? {
        ValueRef::Null => None,
        ValueRef::Integer(value) => Some(value.to_string()),
        ValueRef::Real(value) => Some(value.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    })
}
