//! The clauses of MySQL's and MariaDB's ALTER TABLE.

use super::{
    column::{column, constraint},
    create::begins_constraint,
    cursor::Cursor,
    expression,
    reference::altered_constraint,
};
use crate::operation::{Action, Bytes, ConstraintKind, Dropped};
use greylag_core::script::TokenKind;

pub(super) fn action(cursor: &mut Cursor<'_>) -> Option<Action> {
    let word = cursor.text().to_ascii_uppercase();
    cursor.advance();
    match word.as_str() {
        "ADD" => add(cursor),
        "DROP" => drop(cursor),
        "MODIFY" => {
            cursor.eat("COLUMN");
            cursor.if_exists();
            modify(cursor, None)
        }
        "CHANGE" => {
            cursor.eat("COLUMN");
            cursor.if_exists();
            let from = cursor.ident()?;
            modify(cursor, Some(from))
        }
        "ALTER" => alter(cursor),
        "RENAME" => rename(cursor),
        "CONVERT" if cursor.eat("TO") => {
            let (charset, collation) = charset(cursor);
            Some(Action::ConvertCharset { charset, collation })
        }
        "ORDER" if cursor.eat("BY") => {
            cursor.skip_until(|_| false);
            Some(Action::OrderBy)
        }
        "FORCE" => Some(Action::Force),
        "ENABLE" | "DISABLE" if cursor.eat("KEYS") => Some(harmless(&format!("{word} KEYS"))),
        "WITH" | "WITHOUT" if cursor.eat("VALIDATION") => Some(harmless("VALIDATION")),
        "TRUNCATE" | "REORGANIZE" | "COALESCE" | "EXCHANGE" | "ANALYZE" | "CHECK" | "OPTIMIZE"
        | "REBUILD" | "REPAIR" | "REMOVE"
            if cursor.is_any(&["PARTITION", "PARTITIONING"]) =>
        {
            let work = format!("{word} {}", cursor.text().to_ascii_uppercase());
            cursor.skip_until(|_| false);
            Some(Action::Partition { work })
        }
        "DISCARD" | "IMPORT" if cursor.eat("TABLESPACE") => None,
        "PARTITION" if cursor.is("BY") => {
            cursor.skip_until(|_| false);
            Some(Action::Partition {
                work: "PARTITION BY".to_owned(),
            })
        }
        _ => option(cursor, &word),
    }
}

fn add(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.is("PARTITION") {
        cursor.skip_until(|_| false);
        return Some(Action::Partition {
            work: "ADD PARTITION".to_owned(),
        });
    }
    if begins_constraint(cursor) {
        let constraint = constraint(cursor)?;
        return Some(match constraint.kind {
            ConstraintKind::Index { columns, kind } => Action::AddIndex {
                name: constraint.name,
                columns,
                kind,
            },
            _ => Action::AddConstraint(constraint),
        });
    }
    if cursor.eat_all(&["SYSTEM", "VERSIONING"]) {
        return Some(Action::SystemVersioning);
    }
    if cursor.is("PERIOD") && cursor.is_at(1, "FOR") {
        return None;
    }
    cursor.eat("COLUMN");
    let if_not_exists = cursor.if_not_exists();
    let column = Box::new(column(cursor)?);
    let placed = placed(cursor);
    Some(Action::AddColumn {
        column,
        if_not_exists,
        placed,
    })
}

/// ADD (a int, b int): each column with its bytes.
pub(super) fn several_columns(cursor: &mut Cursor<'_>) -> Option<Vec<(Action, Bytes)>> {
    let opens = |ahead| cursor.kind_at(ahead) == Some(TokenKind::Symbol(b'('));
    let ahead = match (cursor.is("ADD"), cursor.is_at(1, "COLUMN")) {
        (true, false) if opens(1) => 1,
        (true, true) if opens(2) => 2,
        _ => return None,
    };
    (0..ahead).for_each(|_| cursor.advance());
    let mut inner = cursor.group()?;
    let mut actions = Vec::new();
    while !inner.is_done() {
        let start = inner.offset();
        let column = Box::new(column(&mut inner)?);
        let action = Action::AddColumn {
            column,
            if_not_exists: false,
            placed: false,
        };
        actions.push((action, start..inner.before()));
        inner.eat_symbol(b',');
    }
    Some(actions)
}

fn placed(cursor: &mut Cursor<'_>) -> bool {
    if cursor.eat("FIRST") {
        return true;
    }
    let after = cursor.eat("AFTER");
    if after {
        cursor.advance();
    }
    after
}

fn modify(cursor: &mut Cursor<'_>, from: Option<String>) -> Option<Action> {
    let column = Box::new(column(cursor)?);
    let placed = placed(cursor);
    let from = from.unwrap_or_else(|| column.name.clone());
    Some(Action::ModifyColumn {
        from,
        column,
        placed,
    })
}

fn drop(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat_all(&["PRIMARY", "KEY"]) {
        return Some(dropped("PRIMARY".to_owned(), Dropped::PrimaryKey, false));
    }
    let kind = if cursor.eat_all(&["FOREIGN", "KEY"]) {
        Some(Dropped::ForeignKey)
    } else if cursor.eat("CHECK") {
        Some(Dropped::Check)
    } else if cursor.eat("CONSTRAINT") {
        Some(Dropped::Constraint)
    } else {
        None
    };
    if let Some(kind) = kind {
        let if_exists = cursor.if_exists();
        return Some(dropped(cursor.ident()?, kind, if_exists));
    }
    if cursor.is_any(&["INDEX", "KEY"])
        && matches!(cursor.kind_at(1), Some(TokenKind::Word | TokenKind::Name))
    {
        cursor.advance();
        cursor.if_exists();
        return Some(Action::DropIndex {
            name: cursor.ident()?,
        });
    }
    if cursor.is("PARTITION") {
        cursor.skip_until(|_| false);
        return Some(Action::Partition {
            work: "DROP PARTITION".to_owned(),
        });
    }
    if cursor.eat_all(&["SYSTEM", "VERSIONING"]) {
        return Some(Action::SystemVersioning);
    }
    if cursor.is("PERIOD") && cursor.is_at(1, "FOR") {
        return None;
    }
    cursor.eat("COLUMN");
    let if_exists = cursor.if_exists();
    let column = cursor.ident()?;
    let cascade = cursor.cascade();
    Some(Action::DropColumn {
        column,
        if_exists,
        cascade,
    })
}

fn dropped(name: String, kind: Dropped, if_exists: bool) -> Action {
    Action::DropConstraint {
        name,
        kind,
        if_exists,
        cascade: false,
    }
}

fn alter(cursor: &mut Cursor<'_>) -> Option<Action> {
    if cursor.eat_any(&["INDEX", "KEY"]) {
        let name = cursor.ident()?;
        let told = cursor.eat_any(&["VISIBLE", "INVISIBLE", "IGNORED"])
            || cursor.eat_all(&["NOT", "IGNORED"]);
        return told.then_some(Action::IndexVisibility { name });
    }
    if cursor.eat_any(&["CHECK", "CONSTRAINT"]) {
        return altered_constraint(cursor);
    }
    cursor.eat("COLUMN");
    let column = cursor.ident()?;
    if cursor.eat_all(&["SET", "DEFAULT"]) {
        let default = expression::to_comma(cursor);
        return Some(Action::SetDefault { column, default });
    }
    if cursor.eat_all(&["DROP", "DEFAULT"]) {
        return Some(Action::DropDefault { column });
    }
    let seen = cursor.eat("SET") && cursor.eat_any(&["VISIBLE", "INVISIBLE"]);
    seen.then_some(Action::ColumnOptions)
}

fn rename(cursor: &mut Cursor<'_>) -> Option<Action> {
    let two = |cursor: &mut Cursor<'_>| -> Option<(String, String)> {
        let from = cursor.ident()?;
        let to = cursor.eat("TO").then(|| cursor.ident())??;
        Some((from, to))
    };
    if cursor.is("COLUMN") && cursor.is_at(2, "TO") {
        cursor.advance();
        let (from, to) = two(cursor)?;
        return Some(Action::RenameColumn { from, to });
    }
    if cursor.is_any(&["INDEX", "KEY"]) && cursor.is_at(2, "TO") {
        cursor.advance();
        let (from, to) = two(cursor)?;
        return Some(Action::RenameIndex { from, to });
    }
    cursor.eat_any(&["TO", "AS"]);
    cursor.eat_symbol(b'=');
    Some(Action::RenameTo(cursor.name()?))
}

fn charset(cursor: &mut Cursor<'_>) -> (Option<String>, Option<String>) {
    let _ = cursor.eat_all(&["CHARACTER", "SET"]) || cursor.eat("CHARSET");
    let value = |cursor: &mut Cursor<'_>| {
        cursor.eat_symbol(b'=');
        let none = cursor.is("DEFAULT");
        let name = cursor.text_ident();
        name.filter(|_| !none)
    };
    let charset = value(cursor);
    let collation = match cursor.eat("COLLATE") {
        true => value(cursor),
        false => None,
    };
    (charset, collation)
}

fn option(cursor: &mut Cursor<'_>, word: &str) -> Option<Action> {
    let mut name = word.to_owned();
    if name == "DEFAULT" {
        name = cursor.text().to_ascii_uppercase();
        cursor.advance();
    }
    if name == "CHARACTER" {
        cursor.eat("SET");
    }
    let equals = cursor.eat_symbol(b'=');
    let value = cursor.text().to_owned();
    if matches!(name.as_str(), "CHARACTER" | "CHARSET" | "COLLATE") {
        return Some(default_charset(cursor, &name));
    }
    let action = match name.as_str() {
        "ENGINE" => Action::Engine {
            name: value.to_lowercase(),
        },
        "ROW_FORMAT" | "KEY_BLOCK_SIZE" | "COMPRESSION" | "ENCRYPTION" | "PAGE_COMPRESSED" => {
            Action::RowFormat
        }
        "AUTO_INCREMENT" => Action::AutoIncrement,
        "COMMENT" => Action::Comment,
        "STATS_PERSISTENT" | "STATS_AUTO_RECALC" | "STATS_SAMPLE_PAGES" | "CHECKSUM"
        | "AVG_ROW_LENGTH" | "MIN_ROWS" | "MAX_ROWS" | "PACK_KEYS" | "DELAY_KEY_WRITE"
        | "INSERT_METHOD" => harmless(&name),
        _ if equals => return None,
        _ => return None,
    };
    cursor.skip_group();
    Some(action)
}

/// Behind CHARACTER SET = or COLLATE =; the other of the two may follow.
fn default_charset(cursor: &mut Cursor<'_>, name: &str) -> Action {
    let first = cursor.text_ident();
    let second = match cursor.is_done() || cursor.is_symbol(b',') {
        true => None,
        false => {
            cursor.eat("DEFAULT");
            let _ =
                cursor.eat_any(&["COLLATE", "CHARSET"]) || cursor.eat_all(&["CHARACTER", "SET"]);
            cursor.eat_symbol(b'=');
            cursor.text_ident()
        }
    };
    let (charset, collation) = match name {
        "COLLATE" => (second, first),
        _ => (first, second),
    };
    Action::DefaultCharset { charset, collation }
}

fn harmless(what: &str) -> Action {
    Action::Harmless {
        what: what.to_owned(),
    }
}
