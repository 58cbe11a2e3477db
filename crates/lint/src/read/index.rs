//! CREATE INDEX.

use super::{
    column::{index_option, parts},
    cursor::Cursor,
};
use crate::operation::CreateIndex;
use greylag_core::engine::Dialect;

pub(super) fn create(cursor: &mut Cursor<'_>) -> Option<CreateIndex> {
    let unique = cursor.eat("UNIQUE");
    let special = cursor.is_any(&["FULLTEXT", "SPATIAL"]);
    let kind = special.then(|| cursor.text().to_ascii_uppercase());
    if special {
        cursor.advance();
    }
    if !cursor.eat("INDEX") {
        return None;
    }
    let after_index = cursor.before();
    let concurrently = cursor.eat("CONCURRENTLY");
    let if_not_exists = cursor.if_not_exists();
    let name = if cursor.is("ON") {
        None
    } else {
        Some(cursor.name()?)
    };
    let mut method = using(cursor);
    if !cursor.eat("ON") {
        return None;
    }
    let only = cursor.eat("ONLY");
    let table = cursor.name()?;
    method = using(cursor).or(method);
    let keys = cursor.group()?;
    let mentions = mentioned(keys.clone());
    let columns = parts(keys);
    let mut index = CreateIndex {
        name,
        table,
        unique,
        concurrently,
        if_not_exists,
        only,
        columns,
        method,
        partial: false,
        mentions,
        kind,
        algorithm: None,
        lock: None,
        after_index,
    };
    while !cursor.is_done() {
        tail(cursor, &mut index)?;
    }
    Some(index)
}

fn using(cursor: &mut Cursor<'_>) -> Option<String> {
    if cursor.eat("USING") {
        cursor.ident()
    } else {
        None
    }
}

fn tail(cursor: &mut Cursor<'_>, index: &mut CreateIndex) -> Option<()> {
    if cursor.eat_any(&["INCLUDE", "WITH"]) {
        cursor.group()?;
    } else if cursor.eat_all(&["NULLS", "NOT", "DISTINCT"])
        || cursor.eat_all(&["NULLS", "DISTINCT"])
        || index_option(cursor)
    {
    } else if cursor.eat("TABLESPACE") {
        cursor.ident()?;
    } else if cursor.eat("WHERE") {
        index.partial = true;
        let start = cursor.mark();
        cursor.skip_until(|c| c.is("TABLESPACE"));
        let end = cursor.mark();
        cursor.back(start);
        words(cursor, end, &mut index.mentions);
    } else if cursor.dialect == Dialect::Mysql && cursor.is_any(&["ALGORITHM", "LOCK"]) {
        let algorithm = cursor.is("ALGORITHM");
        cursor.advance();
        cursor.eat_symbol(b'=');
        let value = cursor.ident()?.to_ascii_uppercase();
        let place = if algorithm {
            &mut index.algorithm
        } else {
            &mut index.lock
        };
        *place = Some(value);
    } else if cursor.dialect != Dialect::Mysql || !cursor.eat_any(&["WAIT", "NOWAIT"]) {
        return None;
    }
    Some(())
}

/// Names within those keys that are no plain columns.
fn mentioned(mut keys: Cursor<'_>) -> Vec<String> {
    let mut names = Vec::new();
    while !keys.is_done() {
        let start = keys.mark();
        let plain = parts_of_one(&keys);
        keys.skip_clause();
        let end = keys.mark();
        if !plain {
            keys.back(start);
            words(&mut keys, end, &mut names);
        }
        keys.eat_symbol(b',');
    }
    names
}

fn parts_of_one(keys: &Cursor<'_>) -> bool {
    let first = parts(keys.clone()).into_iter().next();
    first.flatten().is_some()
}

/// All names up to a mark; the cursor is left there.
pub(super) fn words(cursor: &mut Cursor<'_>, end: usize, names: &mut Vec<String>) {
    while cursor.mark() < end {
        match cursor.ident() {
            Some(name) => names.push(name),
            None => cursor.advance(),
        }
    }
}
