//! Columns and constraints of tables.

use super::{
    create::begins_constraint,
    cursor::Cursor,
    datatype::data_type,
    expression,
    reference::{enforcement, reference, timing},
};
use crate::operation::{Column, Constraint, ConstraintKind, Generated, OwnCheck, Reference};
use greylag_core::{engine::Dialect, script::TokenKind};

/// A column's definition, up to a comma or the end. None where something in it isn't understood.
pub(super) fn column(cursor: &mut Cursor<'_>) -> Option<Column> {
    let start = cursor.offset();
    let name = cursor.ident()?;
    let untyped = cursor.dialect == Dialect::Sqlite
        && (cursor.is_done() || cursor.is_symbol(b',') || cursor.is_any(UNTYPED));
    let data_type = if untyped {
        crate::operation::DataType::default()
    } else {
        data_type(cursor)?
    };
    let mut column = Column {
        name,
        span: start..start,
        data_type,
        not_null: false,
        null: false,
        default: None,
        generated: None,
        identity: false,
        auto_increment: false,
        primary_key: false,
        unique: false,
        unique_name: None,
        checks: Vec::new(),
        references: None,
        collation: None,
        on_update: false,
    };
    while !cursor.is_done() && !cursor.is_symbol(b',') && !cursor.is_any(&["FIRST", "AFTER"]) {
        attribute(cursor, &mut column)?;
    }
    column.span = start..cursor.before();
    Some(column)
}

const UNTYPED: &[&str] = &[
    "CONSTRAINT",
    "PRIMARY",
    "NOT",
    "UNIQUE",
    "CHECK",
    "DEFAULT",
    "COLLATE",
    "REFERENCES",
    "GENERATED",
    "AS",
];

fn attribute(cursor: &mut Cursor<'_>, column: &mut Column) -> Option<()> {
    if cursor.eat("CONSTRAINT")
        && !cursor.is_any(&["CHECK", "NOT", "UNIQUE", "PRIMARY", "REFERENCES"])
    {
        let name = cursor.ident()?;
        if cursor.is("REFERENCES") {
            let reference = reference(cursor)?;
            column.references = Some(Reference {
                name: Some(name),
                ..reference
            });
        } else if cursor.eat("CHECK") {
            check(cursor, column, Some(name))?;
        } else if cursor.is("UNIQUE") {
            column.unique_name = Some(name);
        }
        return Some(());
    }
    if cursor.eat_all(&["NOT", "NULL"]) {
        column.not_null = true;
    } else if cursor.eat("NULL") {
        column.null = true;
    } else if cursor.eat("DEFAULT") {
        column.default = Some(expression::default(cursor));
    } else if cursor.eat_all(&["PRIMARY", "KEY"])
        || cursor.dialect == Dialect::Mysql && cursor.eat("KEY")
    {
        column.primary_key = true;
        cursor.eat_any(&["ASC", "DESC"]);
    } else if cursor.eat("UNIQUE") {
        column.unique = true;
        cursor.eat("KEY");
        nulls(cursor);
    } else if cursor.is("REFERENCES") {
        column.references = Some(reference(cursor)?);
    } else if cursor.eat("CHECK") {
        check(cursor, column, None)?;
    } else if cursor.is("GENERATED") || cursor.is("AS") {
        generated(cursor, column)?;
    } else if cursor.eat("COLLATE") {
        column.collation = match cursor.kind() {
            Some(TokenKind::String) => cursor.text_ident(),
            _ => Some(cursor.name()?.to_string()),
        };
    } else if cursor.eat_any(&["AUTO_INCREMENT", "AUTOINCREMENT"]) {
        column.auto_increment = true;
    } else if cursor.eat_all(&["ON", "UPDATE"]) {
        column.on_update = true;
        cursor.advance();
        cursor.group();
    } else if cursor.eat_all(&["ON", "CONFLICT"])
        || cursor.eat_any(&["COMMENT", "STORAGE", "COMPRESSION", "COLUMN_FORMAT", "SRID"])
    {
        cursor.advance();
    } else if cursor.eat_any(&["USING", "OPTIONS"]) {
        cursor.skip_group();
    } else if cursor.eat_all(&["CHARACTER", "SET"]) || cursor.eat("CHARSET") {
        column.data_type.charset = cursor.text_ident();
    } else if !timing(cursor)
        && !cursor.eat_any(&["VISIBLE", "INVISIBLE", "PERSISTENT", "STORED", "VIRTUAL"])
    {
        return None;
    }
    Some(())
}

fn check(cursor: &mut Cursor<'_>, column: &mut Column, name: Option<String>) -> Option<()> {
    let start = cursor.offset();
    cursor.group()?;
    let expression = start..cursor.before();
    let mut enforced = true;
    loop {
        match enforcement(cursor) {
            Some(said) => enforced = said,
            None if cursor.eat_all(&["NO", "INHERIT"]) => {}
            None => break,
        }
    }
    column.checks.push(OwnCheck {
        name,
        expression,
        enforced,
    });
    Some(())
}

fn generated(cursor: &mut Cursor<'_>, column: &mut Column) -> Option<()> {
    if cursor.eat("GENERATED") {
        let _ = cursor.eat("ALWAYS") || cursor.eat_all(&["BY", "DEFAULT"]);
        cursor.eat_all(&["ON", "NULL"]);
    }
    if !cursor.eat("AS") {
        return None;
    }
    if cursor.eat("IDENTITY") {
        column.identity = true;
        cursor.group();
        return Some(());
    }
    cursor.group()?;
    let stored = cursor.eat_any(&["STORED", "PERSISTENT"]);
    cursor.eat("VIRTUAL");
    column.generated = Some(if stored {
        Generated::Stored
    } else {
        Generated::Virtual
    });
    Some(())
}

/// A table's constraint. None where it begins none, or isn't understood.
pub(super) fn constraint(cursor: &mut Cursor<'_>) -> Option<Constraint> {
    let start = cursor.offset();
    let mut name = None;
    if cursor.eat("CONSTRAINT") {
        let unnamed = ["CHECK", "UNIQUE", "PRIMARY", "FOREIGN"];
        if cursor.dialect != Dialect::Mysql || !cursor.is_any(&unnamed) {
            cursor.if_not_exists();
            name = Some(cursor.ident()?);
        }
    }
    let kind = kind(cursor, &mut name)?;
    let mut not_valid = false;
    let mut enforced = match &kind {
        ConstraintKind::ForeignKey { reference, .. } => reference.enforced,
        _ => true,
    };
    loop {
        if cursor.eat_all(&["NOT", "VALID"]) {
            not_valid = true;
        } else if let Some(said) = enforcement(cursor) {
            enforced = said;
        } else if cursor.eat_any(&["WITH", "WHERE"])
            || cursor.eat_all(&["USING", "INDEX", "TABLESPACE"])
        {
            cursor.skip_group();
        } else if !(timing(cursor) || cursor.eat_all(&["NO", "INHERIT"]) || index_option(cursor)) {
            break;
        }
    }
    // SQLite lets constraints follow each other without commas.
    let next = cursor.dialect == Dialect::Sqlite && begins_constraint(cursor);
    if !cursor.is_done() && !cursor.is_symbol(b',') && !next {
        return None;
    }
    Some(Constraint {
        name,
        kind,
        not_valid,
        enforced,
        span: start..cursor.before(),
    })
}

fn kind(cursor: &mut Cursor<'_>, name: &mut Option<String>) -> Option<ConstraintKind> {
    if cursor.eat_all(&["PRIMARY", "KEY"]) {
        let (columns, using_index) = key(cursor, name)?;
        let columns = columns.into_iter().map(Option::unwrap_or_default).collect();
        return Some(ConstraintKind::PrimaryKey {
            columns,
            using_index,
        });
    }
    if cursor.eat("UNIQUE") {
        cursor.eat_any(&["KEY", "INDEX"]);
        nulls(cursor);
        let (columns, using_index) = key(cursor, name)?;
        return Some(ConstraintKind::Unique {
            columns,
            using_index,
        });
    }
    if cursor.eat_all(&["FOREIGN", "KEY"]) {
        cursor.if_not_exists();
        if !cursor.is_symbol(b'(') {
            let own = cursor.ident()?;
            name.get_or_insert(own);
        }
        let columns = plain(&parts(cursor.group()?));
        let reference = reference(cursor)?;
        return Some(ConstraintKind::ForeignKey { columns, reference });
    }
    if cursor.eat("CHECK") {
        let start = cursor.offset();
        cursor.group()?;
        let expression = start..cursor.before();
        return Some(ConstraintKind::Check { expression });
    }
    if cursor.dialect == Dialect::Postgres && cursor.eat_all(&["NOT", "NULL"]) {
        return Some(ConstraintKind::NotNull {
            column: cursor.ident()?,
        });
    }
    if cursor.dialect == Dialect::Postgres && cursor.eat("EXCLUDE") {
        if cursor.eat("USING") {
            cursor.advance();
        }
        let columns = parts(cursor.group()?);
        return Some(ConstraintKind::Exclude { columns });
    }
    if cursor.dialect == Dialect::Mysql && cursor.is_any(&["KEY", "INDEX", "FULLTEXT", "SPATIAL"]) {
        let special = cursor.is_any(&["FULLTEXT", "SPATIAL"]);
        let kind = special.then(|| cursor.text().to_ascii_uppercase());
        if special {
            cursor.advance();
        }
        cursor.eat_any(&["KEY", "INDEX"]);
        let (columns, _) = key(cursor, name)?;
        return Some(ConstraintKind::Index { columns, kind });
    }
    None
}

type Key = (Vec<Option<String>>, Option<String>);

/// The columns of a key, or USING INDEX.
fn key(cursor: &mut Cursor<'_>, name: &mut Option<String>) -> Option<Key> {
    if cursor.eat_all(&["USING", "INDEX"]) {
        return Some((Vec::new(), Some(cursor.ident()?)));
    }
    cursor.if_not_exists();
    if cursor.dialect == Dialect::Mysql {
        if !cursor.is_symbol(b'(') && !cursor.is("USING") {
            let own = cursor.ident()?;
            name.get_or_insert(own);
        }
        if cursor.eat("USING") {
            cursor.advance();
        }
    }
    let columns = parts(cursor.group()?);
    if cursor.eat("INCLUDE") {
        cursor.group();
    }
    if cursor.dialect == Dialect::Sqlite && cursor.eat_all(&["ON", "CONFLICT"]) {
        cursor.advance();
    }
    Some((columns, None))
}

/// USING BTREE, COMMENT '…', KEY_BLOCK_SIZE=…: what may follow a key of MySQL.
pub(super) fn index_option(cursor: &mut Cursor<'_>) -> bool {
    if cursor.dialect != Dialect::Mysql {
        return false;
    }
    if cursor.eat("USING") || cursor.eat("COMMENT") || cursor.eat_all(&["WITH", "PARSER"]) {
        cursor.advance();
        return true;
    }
    if cursor.eat_any(&[
        "KEY_BLOCK_SIZE",
        "ENGINE_ATTRIBUTE",
        "SECONDARY_ENGINE_ATTRIBUTE",
    ]) {
        cursor.eat_symbol(b'=');
        cursor.advance();
        return true;
    }
    cursor.eat_any(&["VISIBLE", "INVISIBLE", "IGNORED"]) || cursor.eat_all(&["NOT", "IGNORED"])
}

fn nulls(cursor: &mut Cursor<'_>) {
    let _ = cursor.eat_all(&["NULLS", "NOT", "DISTINCT"]) || cursor.eat_all(&["NULLS", "DISTINCT"]);
}

/// The elements of a key: plain columns by name; expressions and prefixes as None.
pub(super) fn parts(mut inner: Cursor<'_>) -> Vec<Option<String>> {
    let mut parts = Vec::new();
    while !inner.is_done() {
        let plain = matches!(inner.kind(), Some(TokenKind::Word | TokenKind::Name))
            && !matches!(
                inner.kind_at(1),
                Some(TokenKind::Symbol(b'(' | b':' | b'.' | b'-' | b'+'))
            )
            && (!inner.is_at(1, "COLLATE") || tells_bytes_apart(inner.text_at(2)));
        let column = if plain { inner.ident() } else { None };
        inner.skip_clause();
        inner.eat_symbol(b',');
        parts.push(column);
    }
    parts
}

/// A collation that takes no letter for another.
fn tells_bytes_apart(collation: &str) -> bool {
    let plain = collation.trim_matches(['"', '`', '[', ']']).to_lowercase();
    matches!(
        &*plain,
        "binary" | "c" | "posix" | "ucs_basic" | "default" | "pg_catalog"
    )
}

/// Those that are plain columns.
pub(super) fn plain(parts: &[Option<String>]) -> Vec<String> {
    parts.iter().flatten().cloned().collect()
}
