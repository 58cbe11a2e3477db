//! Types of columns, long spellings made short.

use super::cursor::Cursor;
use crate::operation::DataType;
use greylag_core::{engine::Dialect, script::TokenKind};

/// A type; None where there is none, which SQLite allows.
pub(super) fn data_type(cursor: &mut Cursor<'_>) -> Option<DataType> {
    let start = cursor.offset();
    let mut read = DataType::default();
    if cursor.dialect == Dialect::Sqlite && cursor.kind() == Some(TokenKind::String) {
        // SQLite takes a string where a name is meant.
        read.name = cursor.text().trim_matches('\'').to_ascii_lowercase();
        cursor.advance();
        read.span = start..cursor.before();
        return Some(read);
    }
    if !matches!(cursor.kind(), Some(TokenKind::Word | TokenKind::Name)) {
        return None;
    }
    cursor.eat("SETOF");
    let name = cursor.name()?.name;
    read.name = spelling(cursor, &name).to_owned();
    arguments(cursor, &mut read);
    trailing(cursor, &mut read);
    read.span = start..cursor.before();
    Some(read)
}

/// The short spelling; eats the words that belong to a long one.
fn spelling<'n>(cursor: &mut Cursor<'_>, name: &'n str) -> &'n str {
    match name {
        "double" => {
            cursor.eat("PRECISION");
            "float8"
        }
        "character" | "char" | "nchar" => {
            if cursor.eat("VARYING") {
                "varchar"
            } else {
                "char"
            }
        }
        "national" => {
            cursor.eat_any(&["CHARACTER", "CHAR", "VARCHAR"]);
            cursor.eat("VARYING");
            "varchar"
        }
        "bit" if cursor.eat("VARYING") => "varbit",
        "long" => {
            cursor.eat_any(&["VARCHAR", "VARBINARY"]);
            "mediumtext"
        }
        "integer" | "int4" | "signed" => "int",
        "int8" | "int64" => "bigint",
        "int2" => "smallint",
        "dec" | "decimal" | "fixed" => "numeric",
        "bool" => "boolean",
        "float" if cursor.dialect == Dialect::Postgres => "float8",
        "real" if cursor.dialect == Dialect::Postgres => "float4",
        "serial4" => "serial",
        "serial8" => "bigserial",
        "serial2" => "smallserial",
        "nvarchar" => "varchar",
        other => other,
    }
}

fn arguments(cursor: &mut Cursor<'_>, read: &mut DataType) {
    let Some(mut inner) = cursor.group() else {
        return;
    };
    while !inner.is_done() {
        let span = inner.skip_clause();
        read.arguments.push(inner.slice(span).to_owned());
        inner.eat_symbol(b',');
    }
}

fn trailing(cursor: &mut Cursor<'_>, read: &mut DataType) {
    match cursor.dialect {
        Dialect::Postgres => {
            if matches!(&*read.name, "timestamp" | "time") {
                if cursor.eat_all(&["WITH", "TIME", "ZONE"]) {
                    read.name.push_str("tz");
                } else {
                    cursor.eat_all(&["WITHOUT", "TIME", "ZONE"]);
                }
            }
            if read.name == "interval" {
                let fields = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "TO"];
                while cursor.eat_any(&fields) {}
                arguments(cursor, read);
            }
            while cursor.is_symbol(b'[') {
                cursor.skip_group();
                read.array = true;
            }
            if cursor.eat("ARRAY") {
                read.array = true;
                if cursor.is_symbol(b'[') {
                    cursor.skip_group();
                }
            }
        }
        Dialect::Mysql => loop {
            if cursor.eat("UNSIGNED") {
                read.unsigned = true;
            } else if cursor.eat_all(&["CHARACTER", "SET"]) || cursor.eat("CHARSET") {
                cursor.eat_symbol(b'=');
                read.charset = cursor.text_ident();
            } else if !cursor.eat_any(&["SIGNED", "ZEROFILL", "BINARY", "ASCII", "UNICODE", "BYTE"])
            {
                break;
            }
        },
        Dialect::Sqlite => {
            const ENDS: &[&str] = &[
                "CONSTRAINT",
                "PRIMARY",
                "NOT",
                "NULL",
                "UNIQUE",
                "CHECK",
                "DEFAULT",
                "COLLATE",
                "REFERENCES",
                "GENERATED",
                "AS",
            ];
            while cursor.kind() == Some(TokenKind::Word) && !cursor.is_any(ENDS) {
                read.name.push(' ');
                read.name.push_str(&cursor.folded());
                cursor.advance();
                arguments(cursor, read);
            }
        }
    }
}
