//! Expressions, as far as they matter: what they call.

use super::cursor::Cursor;
use crate::operation::Expression;
use greylag_core::script::TokenKind;

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
    let calls = calls(cursor, end);
    cursor.back(start);
    let is_null = cursor.is("NULL");
    let grouped = cursor.is_symbol(b'(');
    let literal = literal(cursor, end);
    cursor.back(end);
    Expression {
        span,
        calls,
        is_null,
        literal,
        grouped,
    }
}

/// What is called up to a mark; the cursor is left there.
pub(super) fn calls(cursor: &mut Cursor<'_>, end: usize) -> Vec<String> {
    let mut calls = Vec::new();
    while cursor.mark() < end && !cursor.is_done() {
        if matches!(cursor.kind(), Some(TokenKind::Word | TokenKind::Name)) {
            let name = cursor.text().trim_matches(['"', '`']).to_lowercase();
            let opens = cursor.kind_at(1) == Some(TokenKind::Symbol(b'('));
            let called = opens && !NOT_CALLS.contains(&&*name);
            if (called || BARE_CALLS.contains(&&*name)) && !calls.contains(&name) {
                calls.push(name);
            }
        }
        cursor.advance();
    }
    calls
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
