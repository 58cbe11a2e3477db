//! Which tables a query names, at any depth.

use super::cursor::Cursor;
use crate::operation::Name;
use greylag_core::{engine::Dialect, script::TokenKind};

/// Names behind FROM, JOIN and USING at any depth, without those that WITH makes up.
pub(super) fn tables_read(cursor: &mut Cursor<'_>) -> Vec<Name> {
    let mut reads: Vec<Name> = Vec::new();
    let mut made_up: Vec<String> = Vec::new();
    let mut inside_call = false;
    while !cursor.is_done() {
        if is_named(cursor) {
            made_up.extend(cursor.clone().ident());
        }
        // EXTRACT(… FROM x), TRIM(… FROM x), IS DISTINCT FROM x read no table.
        if cursor.is_any(&["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY", "POSITION"]) {
            inside_call = true;
        }
        let distinct = cursor.eat("DISTINCT");
        if cursor.is("FROM") && distinct {
            cursor.advance();
            continue;
        }
        // SELECT … INTO TABLE x FROM … makes it.
        if cursor.eat_any(&["INTO", "TEMP", "TEMPORARY", "UNLOGGED"]) {
            cursor.eat("TABLE");
            continue;
        }
        let whole = cursor.is("TABLE") && cursor.dialect != Dialect::Sqlite;
        if whole || cursor.is_any(&["FROM", "JOIN", "USING"]) {
            let from = cursor.is("FROM");
            cursor.advance();
            if from && inside_call {
                inside_call = false;
                continue;
            }
            list(cursor, &mut reads, from);
            continue;
        }
        if !distinct {
            cursor.advance();
        }
    }
    reads.retain(|read| read.schema.is_some() || !made_up.contains(&read.name));
    reads
}

/// A name that WITH makes up: `name AS (`, `name (a, b) AS (`.
fn is_named(cursor: &Cursor<'_>) -> bool {
    if !matches!(cursor.kind(), Some(TokenKind::Word | TokenKind::Name)) {
        return false;
    }
    let closes = |at: &usize| cursor.kind_at(*at) == Some(TokenKind::Symbol(b')'));
    let behind = match cursor.kind_at(1) {
        // A list of names: a short one.
        Some(TokenKind::Symbol(b'(')) => (2..66).find(closes).map(|at| at + 1),
        _ => Some(1),
    };
    behind.is_some_and(|at| {
        let opens = cursor.kind_at(at + 1) == Some(TokenKind::Symbol(b'('));
        let said = cursor.is_at(at + 1, "MATERIALIZED") || cursor.is_at(at + 1, "NOT");
        cursor.is_at(at, "AS") && (opens || said)
    })
}

/// MySQL's table of one row that isn't there.
pub(super) fn is_dual(cursor: &Cursor<'_>) -> bool {
    let qualifies = cursor.kind_at(1) == Some(TokenKind::Symbol(b'.'));
    cursor.dialect == Dialect::Mysql && cursor.is("DUAL") && !qualifies
}

fn list(cursor: &mut Cursor<'_>, reads: &mut Vec<Name>, several: bool) {
    loop {
        cursor.eat_any(&["ONLY", "LATERAL"]);
        if cursor.is_symbol(b'(')
            || cursor.kind() == Some(TokenKind::String) && cursor.dialect != Dialect::Sqlite
        {
            return;
        }
        if is_dual(cursor) {
            cursor.advance();
            return;
        }
        let Some(name) = cursor.name() else { return };
        // A function in FROM is no table.
        if cursor.is_symbol(b'(') {
            return;
        }
        if !reads.iter().any(|read| read.is(&name)) {
            reads.push(name);
        }
        if !several {
            return;
        }
        // `FROM a x, b y`: over an alias to the comma.
        let alias = cursor.kind() == Some(TokenKind::Word)
            && cursor.kind_at(1) == Some(TokenKind::Symbol(b','));
        if cursor.eat("AS") || alias {
            cursor.advance();
        }
        if !cursor.eat_symbol(b',') {
            return;
        }
    }
}
