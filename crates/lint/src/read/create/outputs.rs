//! What a query's columns are called.

use super::super::{column::parts, cursor::Cursor};
use greylag_core::{engine::Dialect, script::TokenKind};

/// The names of what a view gives: those that stand behind its own name, or its query's. None where the text doesn't tell: of `*`, of
/// an expression without a name.
pub(super) fn of_view(mut cursor: Cursor<'_>) -> Option<Vec<String>> {
    if let Some(inner) = cursor.group() {
        return parts(inner).into_iter().collect();
    }
    cursor.skip_until(|c| c.is("AS"));
    cursor.eat("AS");
    if !cursor.is_any(&["SELECT", "WITH"]) || !cursor.skip_to(|c| c.is("SELECT")) {
        return None;
    }
    cursor.advance();
    cursor.eat("ALL");
    if cursor.eat("DISTINCT") && cursor.eat("ON") {
        cursor.group();
    }
    let mut names = Vec::new();
    loop {
        names.push(output(&mut cursor)?);
        if !cursor.eat_symbol(b',') {
            return Some(names);
        }
    }
}

/// `a`, `t.a`, `… AS a`, `f(…)`.
fn output(cursor: &mut Cursor<'_>) -> Option<String> {
    let start = cursor.mark();
    let plain = cursor.name().filter(|_| ends(cursor));
    if let Some(name) = plain {
        return Some(name.name);
    }
    cursor.back(start);
    let call = cursor
        .name()
        .filter(|_| cursor.group().is_some() && ends(cursor));
    if let Some(name) = call.filter(|_| cursor.dialect == Dialect::Postgres) {
        return Some(name.name);
    }
    cursor.back(start);
    cursor.skip_until(|c| ends(c) || c.is("AS") && is_name(c, 1));
    if !cursor.eat("AS") {
        return None;
    }
    cursor.ident().filter(|_| ends(cursor))
}

fn is_name(cursor: &Cursor<'_>, ahead: usize) -> bool {
    matches!(
        cursor.kind_at(ahead),
        Some(TokenKind::Word | TokenKind::Name)
    )
}

/// Where an item of the list ends.
fn ends(cursor: &Cursor<'_>) -> bool {
    cursor.is_done()
        || cursor.is_symbol(b',')
        || cursor.is_any(&[
            "FROM",
            "WHERE",
            "UNION",
            "EXCEPT",
            "INTERSECT",
            "GROUP",
            "ORDER",
            "LIMIT",
            "WITH",
        ])
}
