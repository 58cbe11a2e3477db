//! Everything that begins with another word.

use super::{
    alter,
    create::{kind, names_with_arguments, skip_rest},
    cursor::Cursor,
    dispatch, set,
};
use crate::operation::{Kind, Maintain, Operation, Reindex, Revoke, Truncate, Work};
use greylag_core::{engine::Dialect, script::TxControl};

pub(super) fn other(cursor: &mut Cursor<'_>, word: &str) -> Option<Operation> {
    let start = cursor.mark();
    cursor.advance();
    let operation = match word {
        "TRUNCATE" => truncate(cursor)?,
        "REINDEX" => reindex(cursor)?,
        "VACUUM" => vacuum(cursor),
        "CLUSTER" => maintain(cursor, Work::Cluster),
        "ANALYZE" if is_run(cursor) => return dispatch::statement(cursor),
        "ANALYZE" | "ANALYSE" | "CHECK" | "CHECKSUM" => maintain(cursor, Work::Analyze),
        "OPTIMIZE" => maintain(cursor, Work::Optimize),
        "REPAIR" => maintain(cursor, Work::Repair),
        "REFRESH" => refresh(cursor)?,
        "LOCK" => return lock(cursor),
        "SET" => return set::set(cursor),
        "RESET" => set::reset(cursor),
        "PRAGMA" => set::pragma(cursor),
        "EXPLAIN" | "DESCRIBE" | "DESC" => return explain(cursor),
        "DECLARE" if cursor.dialect == Dialect::Postgres => {
            cursor.skip_until(|c| c.is("FOR"));
            cursor.eat("FOR");
            return dispatch::statement(cursor);
        }
        "FLUSH" => flush(cursor),
        "KILL" => unknown(cursor, "it ends somebody else's work"),
        "REASSIGN" => unknown(
            cursor,
            "it locks whatever these roles own, tables among them",
        ),
        "START" | "STOP" | "CHANGE" | "PURGE" | "SHUTDOWN" | "RESTART"
            if cursor.dialect == Dialect::Mysql && !cursor.is("TRANSACTION") =>
        {
            let what = format!("{word} {}", alter::rest(cursor));
            Operation::Server {
                what: what.trim_end().to_owned(),
            }
        }
        "BEGIN" | "START" => transaction(cursor, TxControl::Begin),
        "COMMIT" | "END" => transaction(cursor, TxControl::Commit),
        "ROLLBACK" | "ABORT" => transaction(cursor, TxControl::Rollback),
        "SAVEPOINT" | "RELEASE" => transaction(cursor, TxControl::Savepoint),
        "DO" => opaque(cursor, "a DO block"),
        "CALL" => opaque(cursor, "a procedure"),
        "EXECUTE" => opaque(cursor, "a prepared statement"),
        "PREPARE" => opaque(cursor, "a statement put together at run time"),
        "SOURCE" | "ATTACH" | "DETACH" | "HANDLER" => opaque(cursor, "another file or session"),
        "REVOKE" => revoke(cursor),
        "COMMENT" | "GRANT" | "SECURITY" | "NOTIFY" | "LISTEN" | "UNLISTEN" | "SHOW"
        | "DISCARD" | "CHECKPOINT" | "DECLARE" | "FETCH" | "CLOSE" | "MOVE" | "DEALLOCATE"
        | "UNLOCK" => {
            skip_rest(cursor);
            Operation::Harmless {
                what: word.to_owned(),
            }
        }
        "USE" => set::used(cursor)?,
        "IMPORT" => opaque(cursor, "another server's tables"),
        _ => {
            cursor.back(start);
            return None;
        }
    };
    Some(operation)
}

fn opaque(cursor: &mut Cursor<'_>, what: &'static str) -> Operation {
    skip_rest(cursor);
    Operation::Opaque { what }
}

fn unknown(cursor: &mut Cursor<'_>, why: &str) -> Operation {
    skip_rest(cursor);
    Operation::Unknown {
        why: why.to_owned(),
    }
}

/// What EXPLAIN tells of is only run with ANALYZE.
fn explain(cursor: &mut Cursor<'_>) -> Option<Operation> {
    let runs = match cursor.dialect {
        Dialect::Sqlite => false,
        Dialect::Mysql => {
            cursor.eat("ANALYZE") && {
                format(cursor);
                true
            }
        }
        Dialect::Postgres => match cursor.clone().group() {
            Some(inner) if inner.is_any(&["SELECT", "WITH", "VALUES", "TABLE"]) => false,
            Some(mut inner) => {
                cursor.group();
                inner.skip_until(|c| c.is_any(&["ANALYZE", "ANALYSE"]));
                is_on(&inner)
            }
            None => {
                let runs = cursor.eat_any(&["ANALYZE", "ANALYSE"]);
                cursor.eat("VERBOSE");
                runs
            }
        },
    };
    if runs {
        return dispatch::statement(cursor);
    }
    skip_rest(cursor);
    let what = "EXPLAIN".to_owned();
    Some(Operation::Harmless { what })
}

/// MariaDB's ANALYZE before a statement runs it; of TABLE it gathers statistics.
fn is_run(cursor: &mut Cursor<'_>) -> bool {
    if cursor.dialect != Dialect::Mysql {
        return false;
    }
    format(cursor);
    cursor.is_any(&[
        "SELECT", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE",
    ])
}

/// FORMAT = JSON.
fn format(cursor: &mut Cursor<'_>) {
    if cursor.eat("FORMAT") {
        cursor.eat_symbol(b'=');
        cursor.advance();
    }
}

fn flush(cursor: &mut Cursor<'_>) -> Operation {
    const HARMLESS: &[&str] = &[
        "PRIVILEGES",
        "STATUS",
        "HOSTS",
        "USER_RESOURCES",
        "OPTIMIZER_COSTS",
        "QUERY",
    ];
    cursor.eat_any(&["NO_WRITE_TO_BINLOG", "LOCAL"]);
    if !cursor.is_any(HARMLESS) {
        return unknown(cursor, "it closes tables or logs that others have open");
    }
    skip_rest(cursor);
    let what = "FLUSH".to_owned();
    Operation::Harmless { what }
}

fn transaction(cursor: &mut Cursor<'_>, mut control: TxControl) -> Operation {
    if control == TxControl::Rollback && (cursor.is("TO") || cursor.is_at(1, "TO")) {
        control = TxControl::Savepoint;
    }
    skip_rest(cursor);
    Operation::Transaction(control)
}

fn revoke(cursor: &mut Cursor<'_>) -> Operation {
    let mut revoke = Revoke {
        on: None,
        names: Vec::new(),
    };
    cursor.skip_until(|c| c.is("ON"));
    if cursor.eat("ON") {
        let all = cursor.eat("ALL");
        let table = all || cursor.eat("TABLE");
        let other = if table { None } else { kind(cursor) };
        revoke.on = Some(other.unwrap_or(Kind::Table));
        if !all {
            revoke.names = names_with_arguments(cursor);
        }
    }
    skip_rest(cursor);
    Operation::Revoke(revoke)
}

fn truncate(cursor: &mut Cursor<'_>) -> Option<Operation> {
    cursor.eat("TABLE");
    let only = cursor.is("ONLY");
    let tables = cursor.names();
    if tables.is_empty() {
        return None;
    }
    let restart_identity = cursor.eat_all(&["RESTART", "IDENTITY"]);
    cursor.eat_all(&["CONTINUE", "IDENTITY"]);
    let cascade = cursor.cascade();
    // MySQL numbers rows anew by itself.
    let restart_identity = restart_identity || cursor.dialect == Dialect::Mysql;
    Some(Operation::Truncate(Truncate {
        tables,
        only,
        cascade,
        restart_identity,
    }))
}

fn reindex(cursor: &mut Cursor<'_>) -> Option<Operation> {
    let options = cursor.is_symbol(b'(');
    let at = cursor.mark();
    if options {
        cursor.skip_group();
    }
    let said = options && {
        let behind = cursor.mark();
        cursor.back(at);
        let mut inner = cursor.group()?;
        inner.skip_until(|c| c.is("CONCURRENTLY"));
        cursor.back(behind);
        is_on(&inner)
    };
    let kinds = ["INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM"];
    let kind = if cursor.is_any(&kinds) {
        let kind = cursor.text().to_ascii_uppercase();
        cursor.advance();
        kind
    } else {
        "TABLE".to_owned()
    };
    let concurrently = cursor.eat("CONCURRENTLY") || said;
    let name = if cursor.is_done() {
        None
    } else {
        Some(cursor.name()?)
    };
    Some(Operation::Reindex(Reindex {
        kind,
        name,
        concurrently,
    }))
}

/// Whether an option of a list was found, and isn't switched off.
fn is_on(inner: &Cursor<'_>) -> bool {
    let off = inner.is_at(1, "FALSE") || inner.is_at(1, "OFF") || inner.text_at(1) == "0";
    !inner.is_done() && !off
}

fn vacuum(cursor: &mut Cursor<'_>) -> Operation {
    let mut full = cursor.dialect == Dialect::Sqlite;
    if let Some(mut inner) = cursor.group() {
        inner.skip_until(|c| c.is("FULL"));
        full |= is_on(&inner);
    }
    full |= cursor.eat("FULL");
    while cursor.eat_any(&["FREEZE", "VERBOSE", "ANALYZE", "FULL"]) {}
    if cursor.dialect == Dialect::Sqlite {
        skip_rest(cursor);
    }
    maintain(cursor, if full { Work::VacuumFull } else { Work::Vacuum })
}

fn maintain(cursor: &mut Cursor<'_>, work: Work) -> Operation {
    cursor.group();
    cursor.eat_any(&["VERBOSE", "NO_WRITE_TO_BINLOG", "LOCAL"]);
    cursor.eat_any(&["TABLE", "TABLES"]);
    let mut tables = Vec::new();
    while let Some(name) = cursor.name() {
        tables.push(name);
        cursor.group();
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    skip_rest(cursor);
    Operation::Maintain(Maintain { work, tables })
}

fn refresh(cursor: &mut Cursor<'_>) -> Option<Operation> {
    if !cursor.eat_all(&["MATERIALIZED", "VIEW"]) {
        return None;
    }
    let concurrently = cursor.eat("CONCURRENTLY");
    let tables = vec![cursor.name()?];
    skip_rest(cursor);
    let work = Work::Refresh { concurrently };
    Some(Operation::Maintain(Maintain { work, tables }))
}

fn lock(cursor: &mut Cursor<'_>) -> Option<Operation> {
    if cursor.dialect == Dialect::Mysql && cursor.eat("INSTANCE") {
        skip_rest(cursor);
        return Some(Operation::Harmless {
            what: "LOCK INSTANCE".to_owned(),
        });
    }
    cursor.eat_any(&["TABLE", "TABLES"]);
    let mut tables = Vec::new();
    let mut words = Vec::new();
    loop {
        cursor.eat("ONLY");
        tables.push(cursor.name()?);
        while !cursor.is_done() && !cursor.is("NOWAIT") && !cursor.is_symbol(b',') {
            let word = cursor.text().to_ascii_uppercase();
            if !words.contains(&word) {
                words.push(word);
            }
            cursor.advance();
        }
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    let nowait = cursor.eat("NOWAIT");
    let mode = words.join(" ");
    let mode = match mode.strip_prefix("IN ") {
        Some(mode) => mode.trim_end_matches(" MODE").to_owned(),
        None if cursor.dialect == Dialect::Postgres => "ACCESS EXCLUSIVE".to_owned(),
        None => mode,
    };
    Some(Operation::LockTable {
        tables,
        mode,
        nowait,
    })
}
