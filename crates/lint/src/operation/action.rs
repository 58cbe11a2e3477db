//! What an ALTER TABLE does, clause by clause.

use super::{Bytes, Column, Constraint, DataType, Expression, Name};

#[derive(Clone, Debug, PartialEq)]
pub struct AlterTable {
    pub name: Name,
    pub if_exists: bool,
    /// ONLY: without what inherits from it.
    pub only: bool,
    /// Each with its bytes.
    pub actions: Vec<(Action, Bytes)>,
    /// MySQL: ALGORITHM=… and LOCK=…, in capitals.
    pub algorithm: Option<String>,
    pub lock: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    AddColumn {
        column: Box<Column>,
        if_not_exists: bool,
        placed: bool,
    },
    DropColumn {
        column: String,
        if_exists: bool,
        cascade: bool,
    },
    RenameColumn {
        from: String,
        to: String,
    },
    RenameTo(Name),
    /// MySQL: a further pair of RENAME TABLE a TO b, c TO d.
    RenameOther {
        from: Name,
        to: Name,
    },
    RenameConstraint {
        from: String,
        to: String,
    },
    RenameIndex {
        from: String,
        to: String,
    },
    SetSchema,
    AlterType {
        column: String,
        data_type: DataType,
        using: bool,
        collation: Option<String>,
    },
    /// MySQL: MODIFY, CHANGE; the whole column anew.
    ModifyColumn {
        from: String,
        column: Box<Column>,
        placed: bool,
    },
    SetDefault {
        column: String,
        default: Expression,
    },
    DropDefault {
        column: String,
    },
    SetNotNull {
        column: String,
    },
    DropNotNull {
        column: String,
    },
    SetExpression {
        column: String,
    },
    DropExpression {
        column: String,
    },
    AddIdentity {
        column: String,
    },
    /// SET GENERATED, and options of the sequence behind it.
    SetIdentity {
        column: String,
        restart: bool,
    },
    DropIdentity {
        column: String,
    },
    SetStatistics,
    SetStorage {
        column: String,
    },
    SetCompression {
        column: String,
    },
    ColumnOptions,
    AddConstraint(Constraint),
    ValidateConstraint {
        name: String,
    },
    AlterConstraint {
        name: String,
        /// Whether it asks rows from here on, where that is said.
        enforced: Option<bool>,
    },
    DropConstraint {
        name: String,
        kind: Dropped,
        if_exists: bool,
        cascade: bool,
    },
    AddIndex {
        name: Option<String>,
        columns: Vec<Option<String>>,
        kind: Option<String>,
    },
    DropIndex {
        name: String,
    },
    IndexVisibility {
        name: String,
    },
    AttachPartition {
        partition: Name,
        default: bool,
    },
    DetachPartition {
        partition: Name,
        concurrently: bool,
    },
    Inherit {
        parent: Name,
    },
    NoInherit {
        parent: Name,
    },
    /// ENABLE or DISABLE TRIGGER. One that fires on replicas alone is off.
    SwitchTrigger {
        name: String,
        on: bool,
    },
    SwitchRule {
        name: String,
        on: bool,
    },
    RowSecurity {
        on: bool,
    },
    ReplicaIdentity(ReplicaIdentity),
    SetLogged,
    SetUnlogged,
    SetTablespace,
    SetAccessMethod,
    ClusterOn,
    /// SET (…), RESET (…): storage parameters, in lower case.
    Storage {
        parameters: Vec<String>,
    },
    Owner,
    /// CONVERT TO CHARACTER SET: of every column; none: the database's.
    ConvertCharset {
        charset: Option<String>,
        collation: Option<String>,
    },
    /// Of columns to come.
    DefaultCharset {
        charset: Option<String>,
        collation: Option<String>,
    },
    Engine {
        name: String,
    },
    RowFormat,
    AutoIncrement,
    Comment,
    Force,
    /// MariaDB: ADD or DROP SYSTEM VERSIONING.
    SystemVersioning,
    OrderBy,
    /// ADD, DROP, TRUNCATE, REORGANIZE … PARTITION; in capitals.
    Partition {
        work: String,
    },
    /// ENABLE KEYS and others that change no row.
    Harmless {
        what: String,
    },
    Unknown {
        text: String,
    },
}

impl AlterTable {
    /// The tables that get another name, each with it.
    pub fn renames(&self) -> impl Iterator<Item = (&Name, &Name)> {
        let actions = self.actions.iter();
        actions.filter_map(|(action, _)| self.renaming(action))
    }

    /// From what to what one of its clauses renames a table.
    pub fn renaming<'a>(&'a self, action: &'a Action) -> Option<(&'a Name, &'a Name)> {
        match action {
            Action::RenameTo(to) => Some((&self.name, to)),
            Action::RenameOther { from, to } => Some((from, to)),
            _ => None,
        }
    }
}

impl Action {
    /// From what to what it renames a column.
    pub fn renamed_column(&self) -> Option<(&str, &str)> {
        match self {
            Action::RenameColumn { from, to } => Some((from, to)),
            Action::ModifyColumn { from, column, .. } if *from != column.name => {
                Some((from, &column.name))
            }
            _ => None,
        }
    }

    /// Whether it only adds to what is there, or says something about it: it takes nothing away, and changes nothing.
    pub fn only_adds(&self) -> bool {
        !matches!(
            self,
            Action::DropColumn { .. }
                | Action::RenameColumn { .. }
                | Action::RenameTo(_)
                | Action::RenameOther { .. }
                | Action::RenameConstraint { .. }
                | Action::RenameIndex { .. }
                | Action::SetSchema
                | Action::AlterType { .. }
                | Action::ModifyColumn { .. }
                | Action::DropDefault { .. }
                | Action::DropNotNull { .. }
                | Action::SetExpression { .. }
                | Action::DropExpression { .. }
                | Action::DropIdentity { .. }
                | Action::DropConstraint { .. }
                | Action::DropIndex { .. }
                | Action::DetachPartition { .. }
                | Action::NoInherit { .. }
                | Action::SwitchTrigger { on: false, .. }
                | Action::SwitchRule { on: false, .. }
                | Action::RowSecurity { on: false }
                | Action::SetUnlogged
                | Action::ConvertCharset { .. }
                | Action::Partition { .. }
                | Action::Unknown { .. }
        )
    }
}

/// What DROP CONSTRAINT and its like say they drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    PrimaryKey,
    ForeignKey,
    Check,
    /// PostgreSQL doesn't say.
    Constraint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaIdentity {
    Default,
    Full,
    Nothing,
    Index(String),
}
