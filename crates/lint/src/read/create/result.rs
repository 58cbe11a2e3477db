//! What a function gives back.

use super::super::{cursor::Cursor, datatype::data_type};
use greylag_core::engine::Dialect;

/// What stands behind RETURNS, or the OUT arguments, in one spelling: `int`, `setof (id int, email text)`. Nothing of a procedure; None
/// where it isn't understood. A length makes no other result.
pub(super) fn result(mut cursor: Cursor<'_>) -> Option<String> {
    let given_back = match cursor.group() {
        Some(inner) if inner.dialect == Dialect::Postgres => outs(inner)?,
        _ => Vec::new(),
    };
    let returns = |c: &Cursor<'_>| c.is("RETURNS") && !c.is_at(1, "NULL");
    cursor.skip_until(returns);
    let said = cursor.eat("RETURNS");
    if cursor.eat("TABLE") {
        return Some(format!("setof ({})", columns(cursor.group()?)?.join(", ")));
    }
    let set = if cursor.is("SETOF") { "setof " } else { "" };
    if !given_back.is_empty() {
        return Some(format!("{set}({})", given_back.join(", ")));
    }
    match said {
        true => Some(format!("{set}{}", spelled(&mut cursor)?)),
        false => Some(String::new()),
    }
}

/// The names and types of what PostgreSQL gives back through arguments.
fn outs(mut inner: Cursor<'_>) -> Option<Vec<String>> {
    let mut all = Vec::new();
    while !inner.is_done() {
        if inner.eat_any(&["OUT", "INOUT"]) {
            all.push(column(&mut inner)?);
        }
        inner.skip_clause();
        inner.eat_symbol(b',');
    }
    Some(all)
}

fn columns(mut inner: Cursor<'_>) -> Option<Vec<String>> {
    let mut all = Vec::new();
    while !inner.is_done() {
        all.push(column(&mut inner)?);
        inner.eat_symbol(b',');
    }
    Some(all)
}

fn column(inner: &mut Cursor<'_>) -> Option<String> {
    let name = inner.ident()?;
    match inner.is_done() || inner.is_symbol(b',') {
        // A type without a name.
        true => Some(name),
        false => Some(format!("{name} {}", spelled(inner)?)),
    }
}

/// A type, but not one that is another's: `users.id%TYPE`.
fn spelled(cursor: &mut Cursor<'_>) -> Option<String> {
    let read = data_type(cursor).filter(|_| !cursor.is_symbol(b'%'))?;
    let unsigned = if read.unsigned { " unsigned" } else { "" };
    let array = if read.array { "[]" } else { "" };
    Some(format!("{}{unsigned}{array}", read.name))
}
