//! What adding a column, or changing its type, does to the rows that are there.

use crate::{
    catalog::{Catalog, Table},
    operation::{Column, DataType, Generated},
};

/// Functions whose value is the same for all rows of a statement: a default of them needs no rewrite.
const STABLE: &[&str] = &[
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "transaction_timestamp",
    "statement_timestamp",
    "current_user",
    "session_user",
    "user",
    "current_role",
    "current_catalog",
    "current_schema",
    "current_setting",
    "current_database",
    "pg_backend_pid",
    "to_timestamp",
    "coalesce",
    "concat",
    "lower",
    "upper",
    "md5",
    "abs",
    "round",
    "floor",
    "ceil",
    "date_trunc",
    "make_interval",
    "nullif",
    "greatest",
    "least",
    "timezone",
    "jsonb_build_object",
    "json_build_object",
    "jsonb_build_array",
    "to_jsonb",
    "array_fill",
    "repeat",
    "extract",
    "date_part",
    "length",
    "trim",
    "substring",
    "replace",
    "to_char",
    "to_date",
    "int4range",
    "tstzrange",
    "daterange",
    "encode",
    "decode",
    "sha256",
    "inet_server_addr",
    "inet_server_port",
];

/// Whether adding the column writes the table anew.
pub(crate) fn column_rewrites(column: &Column, catalog: &Catalog) -> bool {
    let steady = |call: &String| STABLE.contains(&call.as_str()) || catalog.steady.contains(call);
    let volatile = column
        .default
        .as_ref()
        .is_some_and(|default| !default.calls.iter().all(steady));
    volatile
        || column.numbers_itself()
        || column.generated == Some(Generated::Stored)
        || catalog.constrained.contains(&column.data_type.name)
}

/// Whether a value of the first type is stored the same as the second: no rewrite.
pub(crate) fn keeps_form(from: &DataType, to: &DataType) -> bool {
    if from.array != to.array {
        return false;
    }
    let number = |data_type: &DataType, at: usize| -> Option<i64> {
        data_type.arguments.get(at)?.trim().parse().ok()
    };
    let grows = || match (number(from, 0), number(to, 0)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(from), Some(to)) => to >= from,
    };
    match (from.name.as_str(), to.name.as_str()) {
        ("varchar", "text") | ("cidr", "inet") => true,
        ("varchar", "varchar") | ("varbit", "varbit") => grows(),
        ("text", "varchar") => to.arguments.is_empty(),
        ("numeric", "numeric") => {
            to.arguments.is_empty()
                || grows() && number(from, 1).unwrap_or(0) == number(to, 1).unwrap_or(0)
        }
        ("timestamp" | "timestamptz" | "time" | "timetz" | "interval", other) => {
            from.name == other && grows()
        }
        (a, b) => a == b && from.arguments == to.arguments,
    }
}

/// A validated CHECK says that the column is not null.
pub(crate) fn proves_not_null(table: &Table, column: &str) -> bool {
    let says = format!("{column} is not null");
    let not_null = table.column(column).is_some_and(|known| known.not_null);
    not_null
        || table.checks.iter().any(|(_, expression, valid)| {
            let plain: String = expression.replace(['(', ')', '"'], " ");
            let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            *valid && plain.split(" and ").any(|part| part == says)
        })
}
