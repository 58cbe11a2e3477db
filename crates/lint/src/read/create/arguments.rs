//! What a function takes.

use super::super::{cursor::Cursor, datatype::data_type};
use crate::operation::Argument;
use greylag_core::engine::Dialect;

/// What stands in a function's parentheses; None where it isn't understood. What PostgreSQL only gives back is left out.
pub(super) fn arguments(mut inner: Cursor<'_>) -> Option<Vec<Argument>> {
    let mut all = Vec::new();
    while !inner.is_done() {
        let given_back = inner.is("OUT") && inner.dialect == Dialect::Postgres;
        inner.eat_any(&["IN", "OUT", "INOUT", "VARIADIC"]);
        let start = inner.mark();
        let mut read = data_type(&mut inner).filter(|_| ends(&inner));
        if read.is_none() {
            inner.back(start);
            inner.ident()?;
            inner.eat_any(&["IN", "OUT", "INOUT", "VARIADIC"]);
            read = data_type(&mut inner).filter(|_| ends(&inner));
        }
        let read = read?;
        let array = if read.array { "[]" } else { "" };
        let optional = !inner.is_done() && !inner.is_symbol(b',');
        inner.skip_clause();
        inner.eat_symbol(b',');
        if !given_back {
            all.push(Argument {
                data_type: format!("{}{array}", read.name),
                optional,
            });
        }
    }
    Some(all)
}

/// What may stand behind an argument's type.
fn ends(inner: &Cursor<'_>) -> bool {
    inner.is_done() || inner.is_symbol(b',') || inner.is_symbol(b'=') || inner.is("DEFAULT")
}
