//! MySQL and MariaDB: what commits implicitly.

use super::Class;
use crate::{
    engine::Dialect,
    script::{
        statement::{Tx, TxControl},
        words::{Words, items},
    },
};

pub(super) fn classify(words: &Words<'_>, sql: &str) -> Class {
    let Some(head) = words.0.first() else {
        return Class {
            tx: Tx::Can,
            session: false,
        };
    };
    if words.starts(&["SET", "STATEMENT"]) {
        return behind_settings(sql);
    }
    let tx = match head.text.to_ascii_uppercase().as_str() {
        "BEGIN" if words.at(1, "NOT") => Tx::MayCommit("a compound statement may commit"),
        "IF" | "CASE" | "LOOP" | "REPEAT" | "WHILE" | "FOR" => {
            Tx::MayCommit("a compound statement may commit")
        }
        "BEGIN" => Tx::Control(TxControl::Begin),
        "START" if words.at(1, "TRANSACTION") => Tx::Control(TxControl::Begin),
        "START" | "STOP" | "CHANGE" => Tx::Commits("replication control commits implicitly"),
        "COMMIT" => Tx::Control(TxControl::Commit),
        "ROLLBACK" if words.at(1, "TO") || words.at(1, "WORK") && words.at(2, "TO") => {
            Tx::Control(TxControl::Savepoint)
        }
        "ROLLBACK" => Tx::Control(TxControl::Rollback),
        "SAVEPOINT" | "RELEASE" => Tx::Control(TxControl::Savepoint),
        "XA" => Tx::Cannot("XA"),
        "SET" => set(words),
        "CREATE" | "DROP" if is_temporary(words) => Tx::Can,
        "CREATE" => Tx::Commits("CREATE commits implicitly"),
        "DROP" if words.at(1, "PREPARE") => Tx::Can,
        "DROP" => Tx::Commits("DROP commits implicitly"),
        "ALTER" => Tx::Commits("ALTER commits implicitly"),
        "RENAME" => Tx::Commits("RENAME commits implicitly"),
        "TRUNCATE" => Tx::Commits("TRUNCATE commits implicitly"),
        "GRANT" | "REVOKE" => Tx::Commits("GRANT and REVOKE commit implicitly"),
        "ANALYZE" | "CHECK" | "OPTIMIZE" | "REPAIR"
            if words.at_any(1, &["TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"]) =>
        {
            Tx::Commits("table maintenance commits implicitly")
        }
        "FLUSH" | "RESET" | "CACHE" | "INSTALL" | "UNINSTALL" | "IMPORT" => {
            Tx::Commits("administration commits implicitly")
        }
        "LOAD" if words.at(1, "INDEX") => Tx::Commits("LOAD INDEX commits implicitly"),
        "LOCK" | "UNLOCK" => Tx::Commits("LOCK TABLES and UNLOCK TABLES commit implicitly"),
        "CALL" => Tx::MayCommit("a procedure may commit"),
        "EXECUTE" => Tx::MayCommit("a prepared statement may commit"),
        _ => Tx::Can,
    };
    Class {
        tx,
        session: sets_session(words, sql),
    }
}

/// MariaDB's `SET STATEMENT a = b FOR` commits where what stands behind it does.
fn behind_settings(sql: &str) -> Class {
    let behind = items(Dialect::Mysql, sql).skip_while(|item| !item.is("FOR"));
    let words = Words(behind.skip(1).take(24).collect());
    match words.at(0, "SET") {
        true => Class {
            tx: Tx::Can,
            session: false,
        },
        false => classify(&words, sql),
    }
}

fn set(words: &Words<'_>) -> Tx {
    if words.at(1, "TRANSACTION") {
        return Tx::Control(TxControl::Set);
    }
    if words.at(1, "PASSWORD") || words.at(1, "DEFAULT") && words.at(2, "ROLE") {
        return Tx::Commits("account management commits implicitly");
    }
    let autocommit = words.0.iter().position(|item| item.is("autocommit"));
    match autocommit.and_then(|at| {
        words.0[at + 1..]
            .iter()
            .find(|i| !matches!(i.text, "=" | ":"))
    }) {
        Some(item) if matches!(item.value().as_str(), "0" | "off" | "false") => {
            Tx::Control(TxControl::Begin)
        }
        Some(_) => Tx::Control(TxControl::Commit),
        None => Tx::Can,
    }
}

/// `CREATE [OR REPLACE] TEMPORARY TABLE`, `DROP TEMPORARY TABLE`.
fn is_temporary(words: &Words<'_>) -> bool {
    words.at(1, "TEMPORARY") || words.starts(&["CREATE", "OR", "REPLACE", "TEMPORARY"])
}

/// Prepared statements and user variables live in the session as well.
fn sets_session(words: &Words<'_>, sql: &str) -> bool {
    match () {
        () if words.at(0, "SET") => !words.at_any(
            1,
            &[
                "GLOBAL",
                "PERSIST",
                "PERSIST_ONLY",
                "PASSWORD",
                "TRANSACTION",
                "DEFAULT",
                "STATEMENT",
            ],
        ),
        () if words.at_any(0, &["USE", "PREPARE", "DEALLOCATE"]) => true,
        () if words.starts(&["DROP", "PREPARE"]) => true,
        () if words.at(0, "SELECT") => {
            sql.contains('@') && (sql.contains(":=") || words_into_variable(sql))
        }
        () => false,
    }
}

fn words_into_variable(sql: &str) -> bool {
    let upper = sql.to_ascii_uppercase();
    upper
        .split("INTO")
        .skip(1)
        .any(|rest| rest.trim_start().starts_with('@'))
}
