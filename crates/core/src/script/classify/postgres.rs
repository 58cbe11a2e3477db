//! PostgreSQL: what a server of version 14 or later refuses inside a transaction.

use super::Class;
use crate::script::{
    statement::{Tx, TxControl},
    words::{Words, mentions},
};

pub(super) fn classify(words: &Words<'_>, sql: &str) -> Class {
    let Some(head) = words.0.first() else {
        return Class {
            tx: Tx::Can,
            session: false,
        };
    };
    let tx = match head.text.to_ascii_uppercase().as_str() {
        "BEGIN" | "START" => Tx::Control(TxControl::Begin),
        "COMMIT" | "END" | "ROLLBACK" | "ABORT" => ending(words),
        "SAVEPOINT" | "RELEASE" => Tx::Control(TxControl::Savepoint),
        "PREPARE" if words.at(1, "TRANSACTION") => Tx::Control(TxControl::Commit),
        "SET" if words.at_any(1, &["TRANSACTION"]) => Tx::Control(TxControl::Set),
        "SET" if words.at(1, "LOCAL") && words.at(2, "TRANSACTION") => Tx::Control(TxControl::Set),
        "CREATE" => create(words),
        "DROP" => drop(words),
        "ALTER" => alter(words),
        "REINDEX" => reindex(words),
        "VACUUM" => Tx::Cannot("VACUUM"),
        "CLUSTER" if is_whole_cluster(words) => Tx::Cannot("CLUSTER of a whole database"),
        "DISCARD" if words.at(1, "ALL") => Tx::Cannot("DISCARD ALL"),
        "CALL" => Tx::MayCommit("a procedure may commit"),
        "DO" if mentions(sql, "COMMIT") || mentions(sql, "ROLLBACK") => {
            Tx::MayCommit("a DO block that commits or rolls back")
        }
        _ => Tx::Can,
    };
    Class {
        tx,
        session: sets_session(words, sql),
    }
}

fn ending(words: &Words<'_>) -> Tx {
    if words.at(1, "PREPARED") {
        return Tx::Cannot("COMMIT PREPARED and ROLLBACK PREPARED");
    }
    let back = words.at_any(0, &["ROLLBACK", "ABORT"]);
    let to = words.at(1, "TO") || words.at_any(1, &["WORK", "TRANSACTION"]) && words.at(2, "TO");
    Tx::Control(match (back, to) {
        (true, true) => TxControl::Savepoint,
        (true, false) => TxControl::Rollback,
        (false, _) => TxControl::Commit,
    })
}

fn create(words: &Words<'_>) -> Tx {
    let index = if words.at(1, "UNIQUE") { 2 } else { 1 };
    if words.at(index, "INDEX") && words.at(index + 1, "CONCURRENTLY") {
        return Tx::Cannot("CREATE INDEX CONCURRENTLY");
    }
    match () {
        () if words.at(1, "DATABASE") => Tx::Cannot("CREATE DATABASE"),
        () if words.at(1, "TABLESPACE") => Tx::Cannot("CREATE TABLESPACE"),
        () if words.at(1, "SUBSCRIPTION") && makes_slot(words) => {
            Tx::Cannot("CREATE SUBSCRIPTION that makes a slot")
        }
        () => Tx::Can,
    }
}

fn makes_slot(words: &Words<'_>) -> bool {
    let off = |name| words.setting(name).is_some_and(|value| is_off(&value));
    !(off("create_slot") || off("connect"))
}

fn drop(words: &Words<'_>) -> Tx {
    match () {
        () if words.at(1, "INDEX") && words.at(2, "CONCURRENTLY") => {
            Tx::Cannot("DROP INDEX CONCURRENTLY")
        }
        () if words.at(1, "DATABASE") => Tx::Cannot("DROP DATABASE"),
        () if words.at(1, "TABLESPACE") => Tx::Cannot("DROP TABLESPACE"),
        () if words.at(1, "SUBSCRIPTION") => Tx::Cannot("DROP SUBSCRIPTION that has a slot"),
        () => Tx::Can,
    }
}

fn alter(words: &Words<'_>) -> Tx {
    let refreshes = || {
        words.at(3, "REFRESH")
            || words.has("PUBLICATION")
                && !words.setting("refresh").is_some_and(|value| is_off(&value))
    };
    let detaches = || words.has("DETACH") && words.has("CONCURRENTLY");
    match () {
        () if words.at(1, "SYSTEM") => Tx::Cannot("ALTER SYSTEM"),
        () if words.at(1, "TABLE") && detaches() => Tx::Cannot("DETACH PARTITION … CONCURRENTLY"),
        () if words.at(1, "DATABASE") && words.at(3, "SET") && words.at(4, "TABLESPACE") => {
            Tx::Cannot("ALTER DATABASE … SET TABLESPACE")
        }
        () if words.at(1, "SUBSCRIPTION") && refreshes() => {
            Tx::Cannot("ALTER SUBSCRIPTION that refreshes its publications")
        }
        () => Tx::Can,
    }
}

fn reindex(words: &Words<'_>) -> Tx {
    if words.has("CONCURRENTLY") {
        return Tx::Cannot("REINDEX CONCURRENTLY");
    }
    let options = words
        .0
        .iter()
        .position(|item| item.is_symbol(b')'))
        .filter(|_| words.symbol(1, b'('));
    let target = options.map_or(1, |close| close + 1);
    if words.at_any(target, &["SCHEMA", "DATABASE", "SYSTEM"]) {
        return Tx::Cannot("REINDEX of a schema or database");
    }
    Tx::Can
}

/// CLUSTER, CLUSTER VERBOSE, CLUSTER (VERBOSE): without a table.
fn is_whole_cluster(words: &Words<'_>) -> bool {
    match words.len() {
        1 => true,
        2 => words.at(1, "VERBOSE"),
        len => words.symbol(1, b'(') && words.symbol(len - 1, b')'),
    }
}

fn sets_session(words: &Words<'_>, sql: &str) -> bool {
    match () {
        () if words.at(0, "SET") => !words.at_any(1, &["LOCAL", "TRANSACTION", "CONSTRAINTS"]),
        () if words.at(0, "RESET") => true,
        () if words.at(0, "SELECT") => {
            mentions(sql, "set_config") && !sql.trim_end_matches(')').trim_end().ends_with("true")
        }
        () => false,
    }
}

fn is_off(value: &str) -> bool {
    matches!(value, "false" | "off" | "0" | "no")
}
