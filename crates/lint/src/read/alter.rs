//! ALTER and RENAME.

use super::{create, cursor::Cursor, drop::skip_wait, mysql_action, postgres_action};
use crate::operation::{Action, Alter, AlterTable, Change, Kind, Operation, Relist};
use greylag_core::{engine::Dialect, script::TokenKind};

pub(super) fn alter(cursor: &mut Cursor<'_>) -> Option<Operation> {
    cursor.advance();
    if cursor.dialect == Dialect::Mysql {
        cursor.eat_any(&["ONLINE", "OFFLINE"]);
        cursor.eat("IGNORE");
    }
    if cursor.eat("TABLE") {
        return table(cursor);
    }
    if let Some(view) = create::view_anew(cursor) {
        return Some(view);
    }
    if cursor.eat("SYSTEM") {
        let change = Change::Other(rest(cursor));
        return Some(altered(Kind::Other, change));
    }
    if cursor.eat_all(&["DEFAULT", "PRIVILEGES"]) {
        create::skip_rest(cursor);
        let what = "GRANT".to_owned();
        return Some(Operation::Harmless { what });
    }
    // An index, view or foreign table takes many of a table's actions; only what matters is told.
    let kind = if cursor.eat("INDEX") {
        Kind::Index
    } else {
        create::kind(cursor)?
    };
    object(cursor, kind)
}

fn table(cursor: &mut Cursor<'_>) -> Option<Operation> {
    if cursor.eat_all(&["ALL", "IN"]) {
        return None;
    }
    let if_exists = cursor.if_exists();
    let only = cursor.eat("ONLY");
    let name = cursor.name()?;
    cursor.eat_symbol(b'*');
    skip_wait(cursor);
    let mut alter = AlterTable {
        name,
        if_exists,
        only,
        actions: Vec::new(),
        algorithm: None,
        lock: None,
    };
    while !cursor.is_done() {
        let start = cursor.offset();
        if cursor.dialect == Dialect::Mysql && option(cursor, &mut alter) {
            cursor.eat_symbol(b',');
            continue;
        }
        let mark = cursor.mark();
        if cursor.dialect == Dialect::Mysql {
            if let Some(columns) = mysql_action::several_columns(cursor) {
                alter.actions.extend(columns);
                cursor.eat_symbol(b',');
                continue;
            }
            cursor.back(mark);
        }
        let read = match cursor.dialect {
            Dialect::Mysql => mysql_action::action(cursor),
            Dialect::Postgres | Dialect::Sqlite => postgres_action::action(cursor),
        };
        let whole = cursor.is_done() || cursor.is_symbol(b',');
        let action = match read {
            Some(action) if whole => action,
            _ => {
                cursor.back(mark);
                let span = cursor.skip_clause();
                let text = cursor.slice(span).to_owned();
                Action::Unknown { text }
            }
        };
        let span = start..cursor.before();
        alter.actions.push((action, span));
        cursor.eat_symbol(b',');
    }
    Some(Operation::AlterTable(alter))
}

/// MySQL: ALGORITHM=… and LOCK=….
fn option(cursor: &mut Cursor<'_>, alter: &mut AlterTable) -> bool {
    let algorithm = cursor.is("ALGORITHM");
    if !algorithm && !cursor.is("LOCK") {
        return false;
    }
    cursor.advance();
    cursor.eat_symbol(b'=');
    let value = cursor.ident().map(|value| value.to_ascii_uppercase());
    let place = if algorithm {
        &mut alter.algorithm
    } else {
        &mut alter.lock
    };
    *place = value;
    true
}

fn object(cursor: &mut Cursor<'_>, kind: Kind) -> Option<Operation> {
    cursor.if_exists();
    let name = cursor.name();
    cursor.group();
    let on = match cursor.eat("ON") {
        true => Some(cursor.name()?),
        false => None,
    };
    let change = change(cursor, kind)?;
    Some(Operation::Alter(Alter {
        kind,
        name,
        on,
        change,
    }))
}

fn altered(kind: Kind, change: Change) -> Operation {
    Operation::Alter(Alter {
        kind,
        name: None,
        on: None,
        change,
    })
}

fn change(cursor: &mut Cursor<'_>, kind: Kind) -> Option<Change> {
    if cursor.eat_all(&["RENAME", "TO"]) {
        return Some(Change::RenameTo(cursor.ident()?));
    }
    if cursor.eat("RENAME") {
        cursor.eat_any(&["VALUE", "ATTRIBUTE", "COLUMN", "CONSTRAINT"]);
        let from = label(cursor);
        cursor.eat("TO");
        let to = label(cursor);
        cursor.cascade();
        return Some(Change::RenamePart { from, to });
    }
    if cursor.eat_all(&["ADD", "VALUE"]) {
        let if_not_exists = cursor.if_not_exists();
        let label = label(cursor);
        let placed = cursor.eat_any(&["BEFORE", "AFTER"]);
        if placed {
            cursor.advance();
        }
        return Some(Change::AddLabel {
            label,
            placed,
            if_not_exists,
        });
    }
    if cursor.eat_all(&["SET", "SCHEMA"]) {
        cursor.ident()?;
        return Some(Change::SetSchema);
    }
    if cursor.eat_all(&["OWNER", "TO"]) {
        cursor.advance();
        return Some(Change::Owner);
    }
    if cursor.is("ADD") && (cursor.is_at(1, "CONSTRAINT") || cursor.is_at(1, "CHECK")) {
        let text = rest(cursor);
        return Some(Change::AddConstraint {
            not_valid: text.ends_with("NOT VALID"),
        });
    }
    if cursor.is_any(&["ADD", "SET", "DROP"])
        && (cursor.is_at(1, "TABLE") || cursor.is_at(1, "TABLES"))
    {
        let how = match () {
            () if cursor.is("ADD") => Relist::Add,
            () if cursor.is("DROP") => Relist::Drop,
            () => Relist::Set,
        };
        cursor.advance();
        let of = create::published(cursor);
        create::skip_rest(cursor);
        return Some(Change::Tables { how, of });
    }
    let text = rest(cursor);
    let restarts = kind == Kind::Sequence && text.split(' ').any(|word| word == "RESTART");
    Some(match restarts {
        true => Change::Restart,
        false => Change::Other(text),
    })
}

fn label(cursor: &mut Cursor<'_>) -> String {
    let text = cursor.text().to_owned();
    let name = match cursor.kind() {
        Some(TokenKind::String) => text,
        _ => cursor.clone().ident().unwrap_or(text),
    };
    cursor.advance();
    name
}

/// What is left, in capitals, with single blanks.
pub(super) fn rest(cursor: &mut Cursor<'_>) -> String {
    let mut words = Vec::new();
    while !cursor.is_done() {
        words.push(cursor.text().to_ascii_uppercase());
        cursor.advance();
        if words.len() > 40 {
            create::skip_rest(cursor);
        }
    }
    words.join(" ")
}

/// MySQL: RENAME TABLE a TO b, c TO d.
pub(super) fn rename(cursor: &mut Cursor<'_>) -> Option<Operation> {
    cursor.advance();
    if cursor.eat("USER") {
        create::skip_rest(cursor);
        let change = Change::RenameTo(String::new());
        return Some(altered(Kind::Role, change));
    }
    if !cursor.eat_any(&["TABLE", "TABLES"]) {
        return None;
    }
    let if_exists = cursor.if_exists();
    let start = cursor.offset();
    let name = cursor.name()?;
    skip_wait(cursor);
    let mut actions = Vec::new();
    if !cursor.eat("TO") {
        return None;
    }
    let to = cursor.name()?;
    actions.push((Action::RenameTo(to), start..cursor.before()));
    while cursor.eat_symbol(b',') {
        let start = cursor.offset();
        let from = cursor.name()?;
        if !cursor.eat("TO") {
            return None;
        }
        let to = cursor.name()?;
        actions.push((Action::RenameOther { from, to }, start..cursor.before()));
    }
    Some(Operation::AlterTable(AlterTable {
        name,
        if_exists,
        only: false,
        actions,
        algorithm: None,
        lock: None,
    }))
}
