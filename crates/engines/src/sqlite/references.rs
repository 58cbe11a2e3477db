//! Foreign keys checked after a file that had them off: rows that it left pointing nowhere.

use super::failure::Trouble;
use greylag_core::outcome::FailureClass;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// How many rows of a child table point at no row of a parent table.
pub(super) type Broken = BTreeMap<(String, String), u64>;

/// Counts them in the whole file.
pub(super) fn broken(connection: &Connection) -> rusqlite::Result<Broken> {
    let mut broken = Broken::new();
    let mut statement = connection.prepare("PRAGMA main.foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let pair = (row.get(0)?, row.get(2)?);
        *broken.entry(pair).or_default() += 1;
    }
    Ok(broken)
}

/// Refuses if there are more than before; old ones are not this file's fault.
pub(super) fn check(connection: &Connection, before: &Broken) -> Result<(), Trouble> {
    let now = broken(connection)?;
    let new: Vec<String> = now
        .iter()
        .filter(|(pair, count)| **count > before.get(pair).copied().unwrap_or(0))
        .map(|((child, parent), count)| {
            format!("{count} of `{child}` point at no row of `{parent}`")
        })
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    Err(Trouble::own(
        FailureClass::Data,
        format!(
            "the file had foreign keys switched off, and leaves rows that violate them: {}",
            new.join("; ")
        ),
        "List them with `PRAGMA foreign_key_check`, and mend the file or the rows.",
    ))
}
