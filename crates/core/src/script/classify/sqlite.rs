//! SQLite: what it refuses inside a transaction, and the PRAGMA that it silently ignores there.

use super::Class;
use crate::script::{
    statement::{Tx, TxControl},
    words::Words,
};

pub(super) fn classify(words: &Words<'_>) -> Class {
    let Some(head) = words.0.first() else {
        return Class {
            tx: Tx::Can,
            session: false,
        };
    };
    let tx = match head.text.to_ascii_uppercase().as_str() {
        "BEGIN" => Tx::Control(TxControl::Begin),
        "COMMIT" | "END" => Tx::Control(TxControl::Commit),
        "ROLLBACK" if words.at(1, "TO") || words.at(1, "TRANSACTION") && words.at(2, "TO") => {
            Tx::Control(TxControl::Savepoint)
        }
        "ROLLBACK" => Tx::Control(TxControl::Rollback),
        "SAVEPOINT" | "RELEASE" => Tx::Control(TxControl::Savepoint),
        "VACUUM" => Tx::Cannot("VACUUM"),
        // ATTACH is taken inside a transaction; DETACH is not, once the database was read or written in it.
        "DETACH" => Tx::Cannot("DETACH"),
        "PRAGMA" => pragma(words),
        _ => Tx::Can,
    };
    let session = match () {
        () if words.at(0, "PRAGMA") => is_set(words),
        () => words.at_any(0, &["ATTACH", "DETACH"]),
    };
    Class { tx, session }
}

fn pragma(words: &Words<'_>) -> Tx {
    if !is_set(words) && !words.has("wal_checkpoint") {
        return Tx::Can;
    }
    match name(words).as_str() {
        "foreign_keys" => Tx::Ineffective("PRAGMA foreign_keys does nothing inside a transaction"),
        "journal_mode" => Tx::Cannot("PRAGMA journal_mode"),
        "synchronous" => Tx::Cannot("PRAGMA synchronous"),
        "temp_store" | "temp_store_directory" => Tx::Cannot("PRAGMA temp_store"),
        "wal_checkpoint" => Tx::Cannot("PRAGMA wal_checkpoint"),
        "page_size" | "auto_vacuum" | "encoding" => {
            Tx::Cannot("PRAGMA page_size, auto_vacuum and encoding")
        }
        _ => Tx::Can,
    }
}

/// `PRAGMA [schema.]name = value`, `PRAGMA [schema.]name(value)`.
fn is_set(words: &Words<'_>) -> bool {
    let at = if words.symbol(2, b'.') { 4 } else { 2 };
    words.symbol(at, b'=') || words.symbol(at, b'(')
}

fn name(words: &Words<'_>) -> String {
    let at = if words.symbol(2, b'.') { 3 } else { 1 };
    words.0.get(at).map(|item| item.value()).unwrap_or_default()
}
