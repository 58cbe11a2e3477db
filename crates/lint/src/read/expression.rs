//! Expressions, as far as they matter: what they call.

use super::cursor::Cursor;
use crate::operation::Expression;
use greylag_core::{engine::Dialect, script::TokenKind};

/// Words that end a column's DEFAULT.
const AFTER_DEFAULT: &[&str] = &[
    "NOT",
    "NULL",
    "CONSTRAINT",
    "PRIMARY",
    "UNIQUE",
    "REFERENCES",
    "CHECK",
    "GENERATED",
    "COLLATE",
    "AUTO_INCREMENT",
    "AUTOINCREMENT",
    "ON",
    "COMMENT",
    "FIRST",
    "AFTER",
    "STORAGE",
    "COMPRESSION",
    "DEFERRABLE",
    "INITIALLY",
    "INVISIBLE",
    "VISIBLE",
    "KEY",
];

/// Calls without parentheses.
const BARE_CALLS: &[&str] = &[
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "current_user",
    "session_user",
    "user",
    "current_role",
    "current_catalog",
    "current_schema",
];

/// Words that stand before a parenthesis and are no call.
const NOT_CALLS: &[&str] = &[
    "in",
    "values",
    "and",
    "or",
    "not",
    "exists",
    "any",
    "all",
    "some",
    "case",
    "when",
    "then",
    "else",
    "as",
    "on",
    "using",
    "over",
    "from",
    "where",
    "select",
    "by",
    "set",
    "with",
    "filter",
    "within",
    "interval",
    "array",
    "row",
    "union",
    "except",
    "intersect",
    "having",
    "returning",
    "join",
    "limit",
    "is",
    "between",
    "like",
    "ilike",
    "distinct",
    "into",
    "table",
    "default",
    "check",
    "recursive",
    "materialized",
    "lateral",
    "end",
    "group",
    "partition",
    "conflict",
    "key",
    "references",
    "unique",
    "varchar",
    "char",
    "character",
    "numeric",
    "decimal",
    "bit",
    "timestamp",
    "time",
    "varbinary",
    "binary",
    "int",
    "integer",
    "bigint",
    "smallint",
    "tinyint",
    "float",
    "double",
    "text",
    "varying",
    "insert",
    "operator",
    "sets",
    "rollup",
    "cube",
    "columns",
    "offset",
    "first",
    "next",
    "only",
    "index",
    "match",
    "against",
    "sounds",
    "xor",
    "div",
    "rlike",
    "regexp",
    "similar",
    "to",
    "escape",
    "symmetric",
    "straight_join",
    "return",
    "unsigned",
    "signed",
    "update",
    "do",
];

/// What stands behind these is named, not called: a table, an alias, a type.
const NAMES_NEXT: &[&str] = &[
    "into",
    "as",
    ":",
    ")",
    "ordinality",
    "references",
    "tablesample",
    "insert",
    "ignore",
];

/// A column's DEFAULT, behind the word.
pub(super) fn default(cursor: &mut Cursor<'_>) -> Expression {
    let start = cursor.mark();
    let first = cursor.offset();
    if !cursor.is_done() {
        cursor.skip_group();
    }
    cursor.skip_until(|c| c.is_symbol(b',') || c.is_any(AFTER_DEFAULT));
    between(cursor, start, first)
}

/// An expression up to a comma or the end.
pub(super) fn to_comma(cursor: &mut Cursor<'_>) -> Expression {
    let start = cursor.mark();
    let first = cursor.offset();
    cursor.skip_clause();
    between(cursor, start, first)
}

fn between(cursor: &mut Cursor<'_>, start: usize, first: usize) -> Expression {
    let end = cursor.mark();
    let span = first..cursor.before().max(first);
    cursor.back(start);
    let Calls {
        names: calls,
        qualified,
    } = calls(cursor, end);
    cursor.back(start);
    let is_null = cursor.is("NULL");
    let grouped = cursor.is_symbol(b'(');
    let literal = literal(cursor, end);
    cursor.back(start);
    let mentions = mentions(cursor, end);
    cursor.back(end);
    Expression {
        span,
        calls,
        qualified,
        is_null,
        literal,
        grouped,
        mentions,
    }
}

/// The names up to a mark that are no calls, no types, no units and no numbers. Only MySQL's defaults may have some.
fn mentions(cursor: &mut Cursor<'_>, end: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut unit = None;
    while cursor.dialect == Dialect::Mysql && cursor.mark() < end && !cursor.is_done() {
        if cursor.is("INTERVAL") {
            let mut ahead = cursor.clone();
            ahead.advance();
            ahead.eat_symbol(b'-');
            ahead.skip_group();
            unit = Some(ahead.mark());
        }
        // `CAST(x AS UNSIGNED INTEGER)`, `CONVERT(x USING utf8mb4)`
        if cursor.eat_any(&["AS", "USING", "COLLATE"]) {
            while cursor.kind() == Some(TokenKind::Word) && cursor.mark() < end {
                cursor.advance();
            }
            continue;
        }
        let number = cursor.text().starts_with(|c: char| c.is_ascii_digit());
        let next = cursor.kind_at(1);
        let named = next != Some(TokenKind::Symbol(b'(')) && next != Some(TokenKind::String);
        if is_word(cursor, 0) && !number && named && unit != Some(cursor.mark()) {
            add(&mut found, plain(cursor));
        }
        cursor.advance();
    }
    found
}

/// What is called: last parts of names, and those names that are written with a schema.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) names: Vec<String>,
    pub(super) qualified: Vec<String>,
}

/// What is called up to a mark; the cursor is left there.
pub(super) fn calls(cursor: &mut Cursor<'_>, end: usize) -> Calls {
    let mut calls = Calls::default();
    let mut before = String::new();
    while cursor.mark() < end && !cursor.is_done() {
        if !is_word(cursor, 0) {
            before = cursor.text().to_owned();
            cursor.advance();
            continue;
        }
        // Standard SQL's words for nextval(), as MariaDB has them.
        if cursor.dialect == Dialect::Mysql && cursor.eat_all(&["NEXT", "VALUE", "FOR"]) {
            add(&mut calls.names, "nextval".to_owned());
            before.clear();
            continue;
        }
        let mut schema = None;
        let mut name = plain(cursor);
        while cursor.kind_at(1) == Some(TokenKind::Symbol(b'.')) && is_word(cursor, 2) {
            cursor.advance();
            cursor.advance();
            schema = Some(name);
            name = plain(cursor);
        }
        let alone = schema.is_none();
        let opens = cursor.kind_at(1) == Some(TokenKind::Symbol(b'('));
        let keyword = alone && NOT_CALLS.contains(&&*name);
        let called = opens && !keyword && !NAMES_NEXT.contains(&&*before) && !is_cte(cursor);
        if called || alone && BARE_CALLS.contains(&&*name) {
            if let Some(schema) = schema.filter(|schema| schema != "pg_catalog") {
                add(&mut calls.qualified, format!("{schema}.{name}"));
            }
            add(&mut calls.names, name.clone());
        }
        before = name;
        cursor.advance();
    }
    calls
}

fn add(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

fn is_word(cursor: &Cursor<'_>, ahead: usize) -> bool {
    matches!(
        cursor.kind_at(ahead),
        Some(TokenKind::Word | TokenKind::Name)
    )
}

fn plain(cursor: &Cursor<'_>) -> String {
    cursor.text().trim_matches(['"', '`']).to_lowercase()
}

/// `name (a, b) AS (SELECT …`, as WITH has it.
fn is_cte(cursor: &Cursor<'_>) -> bool {
    // A list of names: a short one.
    let closes = |at: &usize| cursor.kind_at(*at) == Some(TokenKind::Symbol(b')'));
    let Some(mut at) = (2..66).find(closes).map(|at| at + 1) else {
        return false;
    };
    if !cursor.is_at(at, "AS") {
        return false;
    }
    at += 1;
    at += usize::from(cursor.is_at(at, "NOT"));
    at += usize::from(cursor.is_at(at, "MATERIALIZED"));
    const BEGIN: &[&str] = &[
        "SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE",
    ];
    let opens = cursor.kind_at(at) == Some(TokenKind::Symbol(b'('));
    opens && BEGIN.iter().any(|word| cursor.is_at(at + 1, word))
}

/// A number, a string, TRUE, FALSE, NULL; with a sign before or a cast behind.
fn literal(cursor: &mut Cursor<'_>, end: usize) -> bool {
    while cursor.is_symbol(b'-') || cursor.is_symbol(b'+') || cursor.is_symbol(b'(') {
        cursor.advance();
    }
    let value = match cursor.kind() {
        Some(TokenKind::String) => true,
        Some(TokenKind::Word) => {
            cursor.is_any(&["TRUE", "FALSE", "NULL"])
                || cursor.text().starts_with(|c: char| c.is_ascii_digit())
        }
        Some(TokenKind::Symbol(b'.')) => true,
        _ => false,
    };
    if !value {
        return false;
    }
    cursor.advance();
    // `1.5` is three tokens; a cast is names behind two colons.
    while cursor.mark() < end {
        let plain = matches!(
            cursor.kind(),
            Some(
                TokenKind::Symbol(b'.' | b':' | b')' | b'(' | b'[' | b']' | b',')
                    | TokenKind::Word
                    | TokenKind::Name
            )
        );
        if !plain {
            return false;
        }
        cursor.advance();
    }
    true
}
