//! From a statement's first words to its reader.

use super::{alter, create, cursor::Cursor, drop, other, rows};
use crate::operation::{Bytes, Operation};
use greylag_core::engine::Dialect;

/// What a statement does. `span` is its bytes within `text`.
pub(crate) fn read(dialect: Dialect, text: &str, span: Bytes) -> Operation {
    let mut cursor = Cursor::new(dialect, text, span);
    let start = cursor.mark();
    let read = statement(&mut cursor);
    match read {
        Some(Operation::Unknown { why }) => Operation::Unknown { why },
        Some(operation) if cursor.is_done() => operation,
        Some(operation) if cursor.cut && matches!(operation, Operation::Write(_)) => operation,
        Some(_) => unknown(&cursor),
        None => {
            if cursor.mark() == start && cursor.is_done() {
                let what = "nothing".to_owned();
                return Operation::Harmless { what };
            }
            unknown(&cursor)
        }
    }
}

fn unknown(cursor: &Cursor<'_>) -> Operation {
    let why = if cursor.is_done() {
        "it ends before it is complete".to_owned()
    } else {
        let near: String = cursor.text().chars().take(40).collect();
        format!("it isn't understood from `{near}` on")
    };
    Operation::Unknown { why }
}

pub(super) fn statement(cursor: &mut Cursor<'_>) -> Option<Operation> {
    if cursor.is_symbol(b'(') {
        return rows::query(cursor).map(Operation::Select);
    }
    let word = cursor.text().to_ascii_uppercase();
    match word.as_str() {
        "CREATE" => create::create(cursor),
        "ALTER" => alter::alter(cursor),
        "DROP" => drop::drop(cursor),
        "RENAME" => alter::rename(cursor),
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "MERGE" => {
            rows::write(cursor).map(Operation::Write)
        }
        "WITH" | "SELECT" | "VALUES" | "TABLE" => rows::with(cursor),
        "COPY" | "LOAD" => rows::bulk(cursor),
        _ => other::other(cursor, &word),
    }
}
