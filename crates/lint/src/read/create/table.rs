//! CREATE TABLE.

use super::super::{
    column::{column, constraint, parts},
    cursor::Cursor,
    rows, sources,
};
use crate::operation::{CreateTable, Write};
use greylag_core::{engine::Dialect, script::TokenKind};

pub(super) fn table(
    cursor: &mut Cursor<'_>,
    or_replace: bool,
    temporary: bool,
    unlogged: bool,
) -> Option<CreateTable> {
    let if_not_exists = cursor.if_not_exists();
    let mut table = CreateTable {
        name: cursor.name()?,
        or_replace,
        if_not_exists,
        temporary,
        unlogged,
        columns: Vec::new(),
        constraints: Vec::new(),
        partition_of: None,
        default_partition: false,
        partitioned: false,
        partition_key: Vec::new(),
        like: None,
        like_keys: false,
        inherits: Vec::new(),
        query: None,
        options: Vec::new(),
    };
    if cursor.eat_all(&["PARTITION", "OF"]) {
        table.partition_of = Some(cursor.name()?);
    }
    if cursor.eat("LIKE") {
        table.like = Some(cursor.name()?);
        return Some(table);
    }
    let before = cursor.mark();
    if let Some(inner) = cursor.group() {
        if inner.is("SELECT") || inner.is("WITH") {
            cursor.back(before);
        } else {
            elements(inner, &mut table)?;
        }
    }
    tail(cursor, &mut table)?;
    Some(table)
}

fn elements(mut inner: Cursor<'_>, table: &mut CreateTable) -> Option<()> {
    while !inner.is_done() {
        if inner.is("LIKE")
            && inner
                .kind_at(1)
                .is_some_and(|k| k != TokenKind::Symbol(b'('))
        {
            inner.advance();
            table.like = Some(inner.name()?);
            while inner.is_any(&["INCLUDING", "EXCLUDING"]) {
                let with = inner.eat("INCLUDING");
                if !with {
                    inner.advance();
                }
                if inner.eat_any(&["INDEXES", "ALL"]) {
                    table.like_keys = with;
                } else {
                    inner.advance();
                }
            }
        } else if begins_constraint(&inner) {
            table.constraints.push(constraint(&mut inner)?);
        } else {
            match partition_column(&mut inner, table) {
                true => {}
                false => table.columns.push(column(&mut inner)?),
            }
        }
        if !inner.eat_symbol(b',') && !inner.is_done() {
            // SQLite lets constraints follow each other without commas.
            if inner.dialect != Dialect::Sqlite || !begins_constraint(&inner) {
                return None;
            }
        }
    }
    Some(())
}

/// `name WITH OPTIONS …` of a typed table or a partition.
fn partition_column(inner: &mut Cursor<'_>, table: &CreateTable) -> bool {
    let options = inner.is_at(1, "WITH") && inner.is_at(2, "OPTIONS");
    let bare = table.partition_of.is_some();
    if options || bare {
        inner.skip_clause();
    }
    options || bare
}

pub(in super::super) fn begins_constraint(cursor: &Cursor<'_>) -> bool {
    let opens = |ahead| cursor.kind_at(ahead) == Some(TokenKind::Symbol(b'('));
    cursor.is("CONSTRAINT")
        || cursor.is("PRIMARY") && cursor.is_at(1, "KEY")
        || cursor.is("FOREIGN") && cursor.is_at(1, "KEY")
        || cursor.is("UNIQUE")
        || cursor.is("CHECK") && opens(1)
        || cursor.is("EXCLUDE") && (opens(1) || cursor.is_at(1, "USING"))
        || cursor.dialect == Dialect::Mysql
            && (cursor.is_any(&["KEY", "INDEX"])
                && (opens(1) || opens(2) || cursor.is_at(2, "USING") || cursor.is_at(1, "IF"))
                || cursor.is_any(&["FULLTEXT", "SPATIAL"]))
}

fn tail(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Option<()> {
    while !cursor.is_done() {
        if cursor.eat("INHERITS") {
            let mut inner = cursor.group()?;
            table.inherits = inner.names();
        } else if cursor.is("PARTITION") && cursor.is_at(1, "BY") {
            table.partitioned = true;
            // RANGE, LIST or HASH stands before it; MySQL's COLUMNS may.
            cursor.skip_until(|c| c.is_symbol(b'('));
            table.partition_key = cursor.clone().group().map(parts).unwrap_or_default();
            cursor.skip_until(|c| c.is_any(&["WITH", "TABLESPACE", "USING", "AS"]));
        } else if cursor.is("FOR") || cursor.is("DEFAULT") && table.partition_of.is_some() {
            table.default_partition = cursor.is("DEFAULT");
            cursor.skip_until(|c| c.is("PARTITION"));
        } else if cursor.is("AS")
            || cursor.is_any(&["SELECT", "WITH"]) && !cursor_opens(cursor, 1)
            || cursor.is_symbol(b'(')
        {
            cursor.eat("AS");
            let sources = sources::of_query(cursor.clone());
            table.query = Some(Write {
                sources,
                ..rows::query(cursor)?
            });
        } else if cursor.eat("WITH") {
            if cursor.eat_any(&["DATA", "OIDS"]) || cursor.eat_all(&["NO", "DATA"]) {
                continue;
            }
            cursor.group()?;
        } else if cursor.eat_symbol(b',') {
        } else {
            option(cursor, table)?;
        }
    }
    Some(())
}

fn cursor_opens(cursor: &Cursor<'_>, ahead: usize) -> bool {
    cursor.kind_at(ahead) == Some(TokenKind::Symbol(b'('))
}

/// `ENGINE=InnoDB`, `WITHOUT ROWID`, `TABLESPACE x`, `ON COMMIT DROP`.
fn option(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Option<()> {
    let start = cursor.offset();
    if cursor.eat_all(&["WITHOUT", "ROWID"])
        || cursor.eat("STRICT")
        || cursor.eat_all(&["WITHOUT", "OIDS"])
    {
    } else if cursor.eat_all(&["ON", "COMMIT"]) {
        cursor.skip_until(|c| c.is("TABLESPACE"));
    } else if cursor.eat_any(&["TABLESPACE", "USING"]) {
        cursor.ident()?;
    } else if cursor.dialect == Dialect::Mysql {
        cursor.eat("DEFAULT");
        if !cursor.eat_all(&["CHARACTER", "SET"]) && !cursor.eat_all(&["DATA", "DIRECTORY"]) {
            cursor.ident()?;
        }
        cursor.eat_symbol(b'=');
        if !cursor.is_done() {
            cursor.skip_group();
        }
    } else {
        return None;
    }
    let text = cursor.slice(start..cursor.before());
    table
        .options
        .push(text.to_ascii_uppercase().replace(' ', ""));
    Some(())
}
