//! Which kind of clause an action is.

use crate::{
    catalog::{KnownColumn, Table, bytes_of, is_usual},
    operation::{Action, Column, Constraint, ConstraintKind, DataType, Dropped, Generated},
};

/// The kind of clause; None where it isn't known from what the migrations tell, which is to be said wherever it is asked.
pub(crate) fn clause_of(action: &Action, table: Option<&Table>) -> Option<&'static str> {
    Some(match action {
        Action::AddColumn { column, placed, .. } => added(column, *placed, table),
        Action::DropColumn { .. } => "drop-column",
        Action::RenameColumn { .. } => "rename-column",
        Action::RenameTo(_) | Action::RenameOther { .. } => "rename-table",
        Action::RenameIndex { .. } => "rename-index",
        Action::ModifyColumn {
            from,
            column,
            placed,
        } => modified(table?, table?.column(from)?, column, *placed)?,
        Action::SetDefault { .. } | Action::DropDefault { .. } => "set-default",
        Action::AddIndex { kind, .. } => index(kind.as_deref()),
        Action::AddConstraint(constraint) => constrained(constraint),
        Action::DropIndex { .. } => "drop-index",
        Action::DropConstraint { kind, name, .. } => match dropped(*kind, name, table) {
            Dropped::PrimaryKey if table.is_some_and(has_other_key) => {
                "drop-primary-key-beside-unique"
            }
            Dropped::PrimaryKey => "drop-primary-key",
            Dropped::ForeignKey => "drop-foreign-key",
            Dropped::Check => "drop-check",
            // A unique key, a foreign key or a CHECK: none is heavier than a key.
            Dropped::Constraint => "drop-index",
        },
        Action::AlterConstraint {
            enforced: Some(true),
            ..
        } => "enforce-check",
        Action::AlterConstraint {
            enforced: Some(false),
            ..
        } => "lift-check",
        Action::IndexVisibility { .. } => "index-visibility",
        Action::ConvertCharset { .. } => "convert-charset",
        Action::DefaultCharset { .. } => "default-charset",
        Action::Engine { name } if name == "innodb" => "rebuild",
        Action::Engine { .. } => "change-engine",
        Action::Force => "rebuild",
        Action::RowFormat => "row-format",
        Action::AutoIncrement => "auto-increment",
        Action::Comment => "comment",
        Action::OrderBy => "order-by",
        Action::Partition { work } => match work.as_str() {
            "ADD PARTITION" | "DROP PARTITION" | "TRUNCATE PARTITION" => "drop-partition",
            "PARTITION BY" | "REMOVE PARTITIONING" => "partition-by",
            "ANALYZE PARTITION" | "CHECK PARTITION" => "comment",
            _ => "reorganize-partition",
        },
        Action::SystemVersioning => "system-versioning",
        Action::ColumnOptions | Action::Harmless { .. } => "comment",
        _ => return None,
    })
}

/// What MODIFY and CHANGE make beside the column: keys and checks that are written within it.
pub(crate) fn beside(action: &Action) -> Vec<&'static str> {
    let Action::ModifyColumn { column, .. } = action else {
        return Vec::new();
    };
    let mut all = Vec::new();
    if column.primary_key {
        all.push("add-primary-key");
    }
    if column.unique {
        all.push("add-index");
    }
    if column.is_checked() {
        all.push("modify-checked");
    }
    all
}

/// What DROP CONSTRAINT drops, as far as the migrations tell.
fn dropped(kind: Dropped, name: &str, table: Option<&Table>) -> Dropped {
    if kind != Dropped::Constraint {
        return kind;
    }
    let named = |own: &Option<String>| own.as_deref() == Some(name);
    if name == "primary" {
        Dropped::PrimaryKey
    } else if table.is_some_and(|table| table.foreign_keys.iter().any(|key| named(&key.name))) {
        Dropped::ForeignKey
    } else if table.is_some_and(|table| table.checks.iter().any(|check| named(&check.name))) {
        Dropped::Check
    } else {
        Dropped::Constraint
    }
}

/// The kind of clause that CREATE INDEX is.
pub(crate) fn index(kind: Option<&str>) -> &'static str {
    match kind {
        Some("FULLTEXT") => "add-fulltext-index",
        Some(_) => "add-spatial-index",
        None => "add-index",
    }
}

fn added(column: &Column, placed: bool, table: Option<&Table>) -> &'static str {
    match column.generated {
        Some(Generated::Stored) => return "add-stored-column",
        Some(Generated::Virtual) => return "add-virtual-column",
        None => {}
    }
    if column.auto_increment {
        "add-auto-increment-column"
    } else if column.primary_key {
        "add-primary-key"
    } else if column.unique {
        "add-index"
    } else if column.is_checked() {
        "add-column-checked"
    } else if calls(column, OF_EACH_ROW) {
        "add-column-uuid"
    } else if reads_columns(column, table) {
        "add-column-computed"
    } else if column
        .default
        .as_ref()
        .is_some_and(|default| default.grouped)
    {
        "add-column-expression"
    } else if placed {
        "add-column-placed"
    } else {
        "add-column"
    }
}

/// What MariaDB works out anew for each row that is there; its NEXT VALUE FOR is a call of nextval. RAND() is none of them: all rows
/// get one number, as they do of NOW().
const OF_EACH_ROW: &[&str] = &[
    "nextval",
    "random_bytes",
    "sys_guid",
    "sysdate",
    "uuid",
    "uuid_short",
    "uuid_v4",
    "uuid_v7",
];

/// What MySQL adds no column for, because a replica that repeats the statement might get another value.
const UNSAFE: &[&str] = &[
    "current_user",
    "rand",
    "random_bytes",
    "session_user",
    "sysdate",
    "system_user",
    "user",
    "uuid",
    "uuid_short",
];

/// Words between what a default is worked out of.
const WORDS: &[&str] = &[
    "and",
    "at",
    "between",
    "binary",
    "case",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "div",
    "else",
    "end",
    "escape",
    "false",
    "in",
    "interval",
    "is",
    "like",
    "localtime",
    "localtimestamp",
    "mod",
    "not",
    "null",
    "or",
    "regexp",
    "rlike",
    "then",
    "true",
    "unknown",
    "when",
    "xor",
    "zone",
];

/// Whether MySQL refuses the default, which may be another one for each row or replica.
pub(crate) fn differs(column: &Column) -> bool {
    calls(column, UNSAFE)
}

/// Whether the default is worked out of other columns: another one for each row, too.
fn reads_columns(column: &Column, table: Option<&Table>) -> bool {
    let known = |name: &str| table.is_some_and(|table| table.column(name).is_some());
    // What is no word of the language is a column, whether a migration made it or not.
    let is_column = |name: &str| !WORDS.contains(&name) || known(name);
    let default = column.default.as_ref().filter(|default| !default.literal);
    default.is_some_and(|default| default.mentions.iter().any(|name| is_column(name)))
}

fn calls(column: &Column, functions: &[&str]) -> bool {
    let default = column.default.as_ref();
    default.is_some_and(|default| {
        default
            .calls
            .iter()
            .any(|call| functions.contains(&call.as_str()))
    })
}

/// A unique key whose columns are all NOT NULL takes a dropped primary key's place.
fn has_other_key(table: &Table) -> bool {
    let solid = |column: &Option<String>| {
        let known = column.as_ref().and_then(|name| table.column(name));
        known.is_some_and(|known| known.not_null)
    };
    let uniques = table.uniques.iter().map(|unique| &unique.columns);
    let indexes = table.indexes.iter().filter(|index| index.unique);
    let mut keys = uniques.chain(indexes.map(|index| &index.columns));
    keys.any(|columns| columns.iter().all(solid))
}

fn constrained(constraint: &Constraint) -> &'static str {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } => "add-primary-key",
        ConstraintKind::ForeignKey { .. } => "add-foreign-key",
        ConstraintKind::Check { .. } if !constraint.enforced => "add-check-not-enforced",
        ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. } => "add-check",
        ConstraintKind::Index { kind, .. } => index(kind.as_deref()),
        ConstraintKind::Unique { .. } | ConstraintKind::Exclude { .. } => "add-index",
    }
}

/// MODIFY and CHANGE say the whole column anew: what differs decides.
fn modified(
    table: &Table,
    known: &KnownColumn,
    column: &Column,
    placed: bool,
) -> Option<&'static str> {
    match (known.generated, column.generated) {
        (None, None) => {}
        // Whether it is worked out in another way isn't read.
        (from, to) if from == to => return None,
        _ => return Some("change-type"),
    }
    let letters = same_letters(table, known, column);
    let same_type = match letters {
        Some(false) => TypeChange::Different,
        _ => type_change(&known.data_type, &column.type_in(Some(table))),
    };
    // What a primary key has is NOT NULL, whether it says so or not.
    let not_null = |said: bool| said || table.is_in_primary_key(&known.name);
    let is = column.not_null || column.primary_key;
    let (was, is) = (not_null(known.not_null), not_null(is));
    let (stricter, looser) = (is && !was, was && !is);
    Some(match same_type {
        TypeChange::Same if known.numbers_itself && !column.auto_increment => "drop-auto-increment",
        _ if column.auto_increment && !known.numbers_itself => "change-type",
        TypeChange::Different => "change-type",
        // An index may have to be built anew, or all of the table.
        _ if letters.is_none() => return None,
        TypeChange::Widened if !stricter && !looser => "widen-varchar",
        TypeChange::WidenedShort if !stricter && !looser => "widen-short-varchar",
        TypeChange::WidenedShort => "widen-short-varchar-null",
        TypeChange::Appended if !stricter && !looser => "append-enum",
        _ if stricter => "set-not-null",
        _ if looser => "drop-not-null",
        _ if placed => "reorder-column",
        _ if column.name != known.name => "rename-column",
        TypeChange::Same => "set-default",
        TypeChange::Widened | TypeChange::Appended => return None,
    })
}

/// Whether text is stored and compared as before: not where it has another character set, and None where that isn't known.
fn same_letters(table: &Table, known: &KnownColumn, column: &Column) -> Option<bool> {
    if !known.data_type.is_text() || !column.data_type.is_text() {
        return Some(true);
    }
    let was = (known.data_type.charset.clone(), known.collation.clone());
    let is = column.letters(&table.letters);
    match (was.0, is.charset) {
        (Some(was), Some(is)) if was != is => return Some(false),
        // Nobody's database has these where it isn't said.
        (None, Some(one)) | (Some(one), None) if !is_usual(&one) => return Some(false),
        (was, is) if was != is => return None,
        _ => {}
    }
    (was.1 == is.collation).then_some(true)
}

enum TypeChange {
    Same,
    /// A VARCHAR that stays on its side of 255 bytes.
    Widened,
    /// A VARCHAR of at most 127 bytes that doesn't.
    WidenedShort,
    /// ENUM or SET with new members at the end.
    Appended,
    Different,
}

fn type_change(from: &DataType, to: &DataType) -> TypeChange {
    if from.name != to.name || from.unsigned != to.unsigned {
        return TypeChange::Different;
    }
    let whole_number = matches!(
        &*from.name,
        "int" | "bigint" | "smallint" | "tinyint" | "mediumint"
    );
    if from.arguments == to.arguments || whole_number {
        return TypeChange::Same;
    }
    match from.name.as_str() {
        "varchar" => {
            // Bytes to a letter: of a character set that isn't known, one to four.
            let bytes = to.charset.as_deref().and_then(bytes_of);
            let (least, most) = bytes.map_or((1, 4), |bytes| (u64::from(bytes), u64::from(bytes)));
            let of = u64::saturating_mul;
            let length =
                |data_type: &DataType| data_type.arguments.first()?.trim().parse::<u64>().ok();
            match (length(from), length(to)) {
                (Some(a), Some(b)) if a <= b && (of(b, most) <= 255 || of(a, least) >= 256) => {
                    TypeChange::Widened
                }
                (Some(a), Some(b)) if a <= b && of(a, most) <= 127 => TypeChange::WidenedShort,
                _ => TypeChange::Different,
            }
        }
        // More than 255 members take another byte.
        "enum" if to.arguments.starts_with(&from.arguments) && to.arguments.len() <= 255 => {
            TypeChange::Appended
        }
        "set"
            if to.arguments.starts_with(&from.arguments)
                && from.arguments.len().div_ceil(8) == to.arguments.len().div_ceil(8) =>
        {
            TypeChange::Appended
        }
        _ => TypeChange::Different,
    }
}
