//! Tables: columns, types, constraints.

use super::{Bytes, Name};

#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    pub name: Name,
    /// MariaDB: what has this name goes, with all its rows.
    pub or_replace: bool,
    pub if_not_exists: bool,
    pub temporary: bool,
    pub unlogged: bool,
    pub columns: Vec<Column>,
    pub constraints: Vec<Constraint>,
    pub partition_of: Option<Name>,
    /// PARTITION OF … DEFAULT.
    pub default_partition: bool,
    pub partitioned: bool,
    /// What PARTITION BY goes by; an expression is None.
    pub partition_key: Vec<Option<String>>,
    /// LIKE another table.
    pub like: Option<Name>,
    /// PostgreSQL: LIKE … INCLUDING INDEXES, or ALL.
    pub like_keys: bool,
    pub inherits: Vec<Name>,
    /// CREATE TABLE … AS SELECT; what it reads and calls.
    pub query: Option<super::Write>,
    /// Options behind the columns, in capitals: `ENGINE=INNODB`, `WITHOUT ROWID`.
    pub options: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub span: Bytes,
    pub data_type: DataType,
    pub not_null: bool,
    /// NULL is written.
    pub null: bool,
    pub default: Option<Expression>,
    pub generated: Option<Generated>,
    pub identity: bool,
    pub auto_increment: bool,
    pub primary_key: bool,
    pub unique: bool,
    /// The name of its own UNIQUE, where it has one.
    pub unique_name: Option<String>,
    pub checks: Vec<OwnCheck>,
    pub references: Option<Reference>,
    pub collation: Option<String>,
    /// ON UPDATE CURRENT_TIMESTAMP.
    pub on_update: bool,
}

/// A type, in lower case: `varchar` and its arguments, long spellings made short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataType {
    pub name: String,
    pub arguments: Vec<String>,
    pub array: bool,
    pub unsigned: bool,
    pub charset: Option<String>,
    pub span: Bytes,
}

/// An expression, as far as it matters: what it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    pub span: Bytes,
    /// Functions called, in lower case; CURRENT_TIMESTAMP and its like are calls too.
    pub calls: Vec<String>,
    /// Those that are written with a schema, which isn't the server's own.
    pub qualified: Vec<String>,
    pub is_null: bool,
    /// A plain number, string, TRUE or FALSE, with or without a cast.
    pub literal: bool,
    /// It stands in parentheses: MySQL's way to write one that is worked out.
    pub grouped: bool,
    /// What it names without calling it, folded: columns, and words of the language.
    pub mentions: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    Stored,
    Virtual,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The constraint's name, where a column's own has one.
    pub name: Option<String>,
    pub table: Name,
    pub columns: Vec<String>,
    pub on_delete: Deed,
    pub on_update: Deed,
    /// Not so: NOT ENFORCED is written.
    pub enforced: bool,
}

/// What becomes of rows when the row that they reference goes, or gets another key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deed {
    /// NO ACTION, RESTRICT: none while there are such rows.
    #[default]
    Refused,
    Cascade,
    SetNull,
    SetDefault,
}

/// A CHECK that is written within a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCheck {
    pub name: Option<String>,
    pub expression: Bytes,
    /// Not so: NOT ENFORCED is written.
    pub enforced: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    pub name: Option<String>,
    pub kind: ConstraintKind,
    pub not_valid: bool,
    /// Not so: NOT ENFORCED is written, and no row is asked, old or new.
    pub enforced: bool,
    pub span: Bytes,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ConstraintKind {
    PrimaryKey {
        /// A prefix has no name.
        columns: Vec<String>,
        using_index: Option<String>,
    },
    /// An expression or a prefix counts as no column.
    Unique {
        columns: Vec<Option<String>>,
        using_index: Option<String>,
    },
    ForeignKey {
        columns: Vec<String>,
        reference: Reference,
    },
    Check {
        expression: Bytes,
    },
    Exclude {
        columns: Vec<Option<String>>,
    },
    NotNull {
        column: String,
    },
    /// MySQL: KEY within a table.
    Index {
        columns: Vec<Option<String>>,
        kind: Option<String>,
    },
}

impl Column {
    /// It numbers itself, or takes its default from a sequence.
    pub fn is_numbered(&self) -> bool {
        let default = self.default.as_ref();
        self.numbers_itself() || default.is_some_and(Expression::counts)
    }

    /// Whether a CHECK of its own asks rows.
    pub fn is_checked(&self) -> bool {
        self.checks.iter().any(|check| check.enforced)
    }

    /// SERIAL, IDENTITY, AUTO_INCREMENT: numbers that the server gives.
    pub fn numbers_itself(&self) -> bool {
        self.identity
            || self.auto_increment
            || matches!(
                &*self.data_type.name,
                "serial" | "bigserial" | "smallserial"
            )
    }
}

impl Reference {
    /// Rows that reference others go or change with them.
    pub fn acts(&self) -> bool {
        self.enforced && (self.on_delete.acts() || self.on_update.acts())
    }
}

impl Deed {
    /// Whether rows go or change along.
    pub fn acts(self) -> bool {
        self != Deed::Refused
    }
}

impl DataType {
    /// MySQL: text, which has a character set.
    pub fn is_text(&self) -> bool {
        matches!(
            &*self.name,
            "varchar" | "char" | "text" | "tinytext" | "mediumtext" | "longtext" | "enum" | "set"
        )
    }
}

impl Expression {
    /// It takes the next number of a sequence.
    pub fn counts(&self) -> bool {
        self.calls.iter().any(|call| call == "nextval")
    }
}

impl CreateTable {
    /// The columns of its primary key.
    pub fn primary_key(&self) -> Option<Vec<String>> {
        let inline = self.columns.iter().find(|column| column.primary_key);
        let inline = inline.map(|column| vec![column.name.clone()]);
        inline.or_else(|| {
            self.constraints.iter().find_map(|c| match &c.kind {
                ConstraintKind::PrimaryKey { columns, .. } => Some(columns.clone()),
                _ => None,
            })
        })
    }
}
