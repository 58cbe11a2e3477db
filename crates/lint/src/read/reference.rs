//! What a foreign key refers to, and whether and when a constraint asks rows.

use super::{
    column::{parts, plain},
    cursor::Cursor,
};
use crate::operation::{Action, Deed, Reference};

/// REFERENCES t (a) and what follows it.
pub(super) fn reference(cursor: &mut Cursor<'_>) -> Option<Reference> {
    if !cursor.eat("REFERENCES") {
        return None;
    }
    let table = cursor.name()?;
    let columns = match cursor.group() {
        None => Vec::new(),
        Some(inner) => plain(&parts(inner)),
    };
    let (mut on_delete, mut on_update) = (Deed::default(), Deed::default());
    let mut enforced = true;
    loop {
        if let Some(said) = enforcement(cursor) {
            enforced = said;
        } else if cursor.eat("MATCH") {
            cursor.advance();
        } else if cursor.is("ON") && (cursor.is_at(1, "DELETE") || cursor.is_at(1, "UPDATE")) {
            cursor.advance();
            let does = match cursor.is("DELETE") {
                true => &mut on_delete,
                false => &mut on_update,
            };
            cursor.advance();
            *does = deed(cursor);
        } else if !timing(cursor) {
            break;
        }
    }
    Some(Reference {
        name: None,
        table,
        columns,
        on_delete,
        on_update,
        enforced,
    })
}

/// Behind ON DELETE, ON UPDATE.
fn deed(cursor: &mut Cursor<'_>) -> Deed {
    if cursor.eat("SET") {
        let null = cursor.is("NULL");
        cursor.advance();
        cursor.group();
        return match null {
            true => Deed::SetNull,
            false => Deed::SetDefault,
        };
    }
    let cascade = cursor.is("CASCADE");
    if !cursor.eat_all(&["NO", "ACTION"]) {
        cursor.advance();
    }
    match cascade {
        true => Deed::Cascade,
        false => Deed::Refused,
    }
}

/// ENFORCED and NOT ENFORCED: whether rows are asked.
pub(super) fn enforcement(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.eat_all(&["NOT", "ENFORCED"]) {
        return Some(false);
    }
    cursor.eat("ENFORCED").then_some(true)
}

/// Behind ALTER CONSTRAINT, ALTER CHECK.
pub(super) fn altered_constraint(cursor: &mut Cursor<'_>) -> Option<Action> {
    let name = cursor.ident()?;
    let mut enforced = None;
    while !cursor.is_done() && !cursor.is_symbol(b',') {
        match enforcement(cursor) {
            Some(said) => enforced = Some(said),
            None => cursor.skip_group(),
        }
    }
    Some(Action::AlterConstraint { name, enforced })
}

/// DEFERRABLE and its like.
pub(super) fn timing(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat_all(&["NOT", "DEFERRABLE"])
        || cursor.eat("DEFERRABLE")
        || cursor.eat_all(&["INITIALLY", "DEFERRED"])
        || cursor.eat_all(&["INITIALLY", "IMMEDIATE"])
}
