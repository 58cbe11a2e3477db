//! Columns that a condition holds to constants.
//!
//! Knows no keys: how many rows that leaves is not said here.

use super::cursor::Cursor;
use crate::operation::Pinned;
use greylag_core::{engine::Dialect, script::TokenKind};

/// How many parentheses around each other are looked into: nobody writes more by hand.
const DEEPEST: usize = 64;

/// The columns in which every row that the condition lets through has one of a few constants. `cursor` has the condition alone.
pub(super) fn pinned(cursor: Cursor<'_>) -> Vec<Pinned> {
    within(cursor, 0)
}

fn within(mut cursor: Cursor<'_>, mut depth: usize) -> Vec<Pinned> {
    loop {
        if cursor.cut || depth > DEEPEST {
            return Vec::new();
        }
        let start = cursor.mark();
        match cursor.group() {
            Some(inner) if cursor.is_done() => {
                cursor = inner;
                depth += 1;
            }
            _ => {
                cursor.back(start);
                break;
            }
        }
    }
    let mut found = Vec::new();
    loop {
        let from = cursor.mark();
        match compared(&mut cursor).filter(|_| ends(&cursor)) {
            Some(column) => found.push(column),
            None => {
                cursor.back(from);
                let group = cursor.group().filter(|_| ends(&cursor));
                found.extend(group.into_iter().flat_map(|inner| within(inner, depth + 1)));
                if !ends(&cursor) {
                    cursor.back(from);
                    skip_part(&mut cursor);
                }
            }
        }
        if cursor.is_done() {
            return found;
        }
        // What stands beside an OR need not hold.
        if !cursor.eat("AND") {
            return Vec::new();
        }
    }
}

fn ends(cursor: &Cursor<'_>) -> bool {
    cursor.is_done() || cursor.is("AND")
}

/// On to the next AND that stands between conditions: not that of a CASE or a BETWEEN.
fn skip_part(cursor: &mut Cursor<'_>) {
    let mut own = 0;
    while !cursor.is_done() && !is_loose(cursor) {
        if cursor.is("AND") && own == 0 {
            return;
        }
        own += usize::from(cursor.is("BETWEEN"));
        own -= usize::from(cursor.is("AND"));
        if cursor.is("CASE") {
            skip_case(cursor);
        } else {
            cursor.skip_group();
        }
    }
}

fn skip_case(cursor: &mut Cursor<'_>) {
    let mut depth = 0usize;
    while !cursor.is_done() {
        depth += usize::from(cursor.is("CASE"));
        depth = depth.saturating_sub(usize::from(cursor.is("END")));
        cursor.skip_group();
        if depth == 0 {
            return;
        }
    }
}

fn is_loose(cursor: &Cursor<'_>) -> bool {
    let twice =
        |symbol| cursor.is_symbol(symbol) && cursor.kind_at(1) == Some(TokenKind::Symbol(symbol));
    cursor.is_any(&["OR", "XOR"]) || twice(b'|') || twice(b'&')
}

/// `c = 5`, `5 = c`, `c IN (1, 2)`.
fn compared(cursor: &mut Cursor<'_>) -> Option<Pinned> {
    let start = cursor.mark();
    if let Some(number) = constant(cursor) {
        equals(cursor)?;
        let column = column(cursor)?;
        return Some(Pinned {
            column,
            values: 1,
            number,
        });
    }
    cursor.back(start);
    let column = column(cursor)?;
    if cursor.eat("IN") {
        let mut inner = cursor.group()?;
        let (mut values, mut number) = (0, false);
        while !inner.is_done() {
            number |= constant(&mut inner)?;
            values += 1;
            if !inner.eat_symbol(b',') && !inner.is_done() {
                return None;
            }
        }
        return Some(Pinned {
            column,
            values,
            number,
        });
    }
    equals(cursor)?;
    Some(Pinned {
        column,
        values: 1,
        number: constant(cursor)?,
    })
}

fn equals(cursor: &mut Cursor<'_>) -> Option<()> {
    let once = cursor.eat_symbol(b'=');
    if once && cursor.dialect == Dialect::Sqlite {
        cursor.eat_symbol(b'=');
    }
    once.then_some(())
}

/// A column, with or without what it is of. A string is none, whatever SQLite takes for a name elsewhere.
fn column(cursor: &mut Cursor<'_>) -> Option<String> {
    let digits = cursor.text().starts_with(|c: char| c.is_ascii_digit());
    let named = matches!(cursor.kind(), Some(TokenKind::Word | TokenKind::Name)) && !digits;
    let opens = cursor.kind_at(1) == Some(TokenKind::Symbol(b'('));
    (named && !opens)
        .then(|| cursor.name())?
        .map(|name| name.name)
}

/// A whole number or a string, with or without a cast; whether it is a number.
fn constant(cursor: &mut Cursor<'_>) -> Option<bool> {
    cursor.eat_symbol(b'-');
    let number = match cursor.kind()? {
        TokenKind::String => false,
        TokenKind::Word if cursor.text().starts_with(|c: char| c.is_ascii_digit()) => true,
        // `date '2026-01-01'`, `_utf8mb4'x'`.
        TokenKind::Word if cursor.kind_at(1) == Some(TokenKind::String) => {
            cursor.advance();
            false
        }
        _ => return None,
    };
    cursor.advance();
    while cursor.is_symbol(b':') && cursor.kind_at(1) == Some(TokenKind::Symbol(b':')) {
        cursor.advance();
        cursor.advance();
        cursor.name()?;
        cursor.group();
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(dialect: Dialect, condition: &str) -> Vec<(String, usize)> {
        let cursor = Cursor::new(dialect, condition, 0..condition.len());
        let found = pinned(cursor).into_iter();
        found.map(|pinned| (pinned.column, pinned.values)).collect()
    }

    #[test]
    fn what_must_hold_for_every_row_is_pinned() {
        let one = |column: &str, values| (column.to_owned(), values);
        for (condition, expected) in [
            ("id = 5", vec![one("id", 1)]),
            ("5 = o.id", vec![one("id", 1)]),
            ("(id = -5)", vec![one("id", 1)]),
            ("\"Id\" = '5'::uuid", vec![one("Id", 1)]),
            ("id IN (1, 2, 3)", vec![one("id", 3)]),
            (
                "tenant = 'x' AND (id IN ('a', 'b') AND total > 5)",
                vec![one("tenant", 1), one("id", 2)],
            ),
            (
                "total > 5 AND id = 3 AND NOT (a = 1 OR b = 2)",
                vec![one("id", 1)],
            ),
            ("at = date '2026-01-01'", vec![one("at", 1)]),
            (
                "id = 5 AND CASE WHEN a AND b THEN c OR d ELSE f END",
                vec![one("id", 1)],
            ),
            ("a BETWEEN 1 AND 2 AND id = 5", vec![one("id", 1)]),
            ("(a = 1 OR b = 2) AND id = 4", vec![one("id", 1)]),
        ] {
            assert_eq!(told(Dialect::Postgres, condition), expected, "{condition}");
        }
        assert_eq!(told(Dialect::Sqlite, "id == 5"), [one("id", 1)]);
        assert_eq!(told(Dialect::Mysql, "`ID` = 0x5"), [one("id", 1)]);
    }

    #[test]
    fn what_need_not_hold_is_not() {
        for condition in [
            "",
            "id = 5 OR total > 3",
            "id = 5 OR true",
            "NOT id = 5",
            "NOT (id = 5)",
            "(id = 5) IS NOT TRUE",
            "(id = 5) = false",
            "id = 5 IS FALSE",
            "id = other",
            "id = 5 + other",
            "id = (SELECT max(id) FROM t b WHERE b.g = g)",
            "id IN (SELECT id FROM t)",
            "id IN (1, other)",
            "id NOT IN (1, 2)",
            "id <> 5",
            "id >= 5",
            "a BETWEEN b AND id = 5",
            "a BETWEEN CASE WHEN b THEN c END AND id = 5",
            "CASE id = 5 AND b",
            "CASE WHEN a AND id = 5 AND b THEN true ELSE true END",
            "lower(id) = 'x'",
            "id = 1.5",
        ] {
            assert!(told(Dialect::Postgres, condition).is_empty(), "{condition}");
        }
        assert!(told(Dialect::Mysql, "id = 5 || 1 = 1").is_empty());
        assert!(told(Dialect::Sqlite, "'id' = 5").is_empty());
    }
}
