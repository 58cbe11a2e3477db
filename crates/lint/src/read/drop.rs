//! DROP.

use super::{create, cursor::Cursor};
use crate::operation::{Drop, DropIndex, Kind, Operation};
use greylag_core::engine::Dialect;

pub(super) fn drop(cursor: &mut Cursor<'_>) -> Option<Operation> {
    cursor.advance();
    let temporary = cursor.eat("TEMPORARY");
    if cursor.eat("INDEX") {
        return index(cursor).map(Operation::DropIndex);
    }
    if cursor.eat("OWNED") {
        create::skip_rest(cursor);
        let why = "it drops whatever these roles own, tables among them".to_owned();
        return Some(Operation::Unknown { why });
    }
    let kind = if cursor.eat("TABLE") || cursor.eat("TABLES") {
        Kind::Table
    } else {
        create::kind(cursor)?
    };
    let if_exists = cursor.if_exists();
    let mut drop = Drop {
        kind,
        temporary,
        names: Vec::new(),
        arguments: Vec::new(),
        on: None,
        if_exists,
        cascade: false,
    };
    if kind == Kind::Other {
        while !cursor.is_done() {
            drop.cascade = cursor.is("CASCADE");
            cursor.skip_group();
        }
        return Some(Operation::Drop(drop));
    }
    (drop.names, drop.arguments) = create::functions(cursor);
    if drop.names.is_empty() {
        return None;
    }
    if cursor.eat("ON") {
        drop.on = Some(cursor.name()?);
    }
    drop.cascade = cursor.cascade();
    if cursor.eat("WITH") {
        cursor.eat("FORCE");
        cursor.group();
    }
    if cursor.dialect == Dialect::Mysql {
        skip_wait(cursor);
        // User names have a host behind an `@`.
        if kind == Kind::Role {
            create::skip_rest(cursor);
        }
    }
    Some(Operation::Drop(drop))
}

fn index(cursor: &mut Cursor<'_>) -> Option<DropIndex> {
    let after_index = cursor.before();
    let concurrently = cursor.eat("CONCURRENTLY");
    let if_exists = cursor.if_exists();
    let names = cursor.names();
    if names.is_empty() {
        return None;
    }
    let table = if cursor.eat("ON") {
        Some(cursor.name()?)
    } else {
        None
    };
    let cascade = cursor.cascade();
    let (mut algorithm, mut lock) = (None, None);
    while cursor.dialect == Dialect::Mysql && cursor.is_any(&["ALGORITHM", "LOCK"]) {
        let place = match cursor.is("LOCK") {
            true => &mut lock,
            false => &mut algorithm,
        };
        cursor.advance();
        cursor.eat_symbol(b'=');
        *place = Some(cursor.ident()?.to_ascii_uppercase());
    }
    skip_wait(cursor);
    Some(DropIndex {
        names,
        table,
        concurrently,
        if_exists,
        cascade,
        algorithm,
        lock,
        after_index,
    })
}

/// MariaDB: WAIT n, NOWAIT.
pub(super) fn skip_wait(cursor: &mut Cursor<'_>) {
    if cursor.dialect == Dialect::Mysql && cursor.eat("WAIT") {
        cursor.advance();
    }
    if cursor.dialect == Dialect::Mysql {
        cursor.eat("NOWAIT");
    }
}
