//! Which measured effect a statement of PostgreSQL has.

use super::{Effect, Role, Taken, find};
use crate::{
    catalog::{Catalog, Table},
    operation::{
        Action, Bytes, Column, Constraint, ConstraintKind, Create, CreateTable, DataType,
        Generated, Kind, Name, Operation, Verb, Work,
    },
};
use greylag_core::engine::Dialect;

pub(super) fn taken(operation: &Operation, catalog: &Catalog) -> Vec<Taken> {
    let mut list = List::default();
    match operation {
        Operation::CreateTable(create) => create_table(&mut list, create),
        Operation::AlterTable(alter) => {
            for (action, span) in &alter.actions {
                alter_table(&mut list, &alter.name, action, span, catalog);
            }
        }
        Operation::CreateIndex(create) => {
            let id = if create.concurrently {
                "create-index-concurrently"
            } else {
                "create-index"
            };
            list.add(id, Role::Target, &create.table, &create.table.span);
        }
        Operation::DropIndex(drop) => {
            let id = if drop.concurrently {
                "drop-index-concurrently"
            } else {
                "drop-index"
            };
            for name in &drop.names {
                let table = catalog
                    .index(&name.name)
                    .map(|(table, _)| table.name.clone());
                list.add(
                    id,
                    Role::Target,
                    &table.unwrap_or_else(|| name.clone()),
                    &name.span,
                );
            }
        }
        Operation::Reindex(reindex) => {
            let id = if reindex.concurrently {
                "reindex-concurrently"
            } else {
                "reindex"
            };
            if let Some(name) = &reindex.name {
                let of_index = catalog
                    .index(&name.name)
                    .map(|(table, _)| table.name.clone());
                let table = of_index.unwrap_or_else(|| name.clone());
                list.add(id, Role::Target, &table, &name.span);
            }
        }
        Operation::Create(create) => create_object(&mut list, create),
        Operation::Drop(drop) => match drop.kind {
            Kind::Table => drop.names.iter().for_each(|name| {
                list.add("drop-table", Role::Target, name, &name.span);
                if let Some(table) = catalog.table(name) {
                    for key in &table.foreign_keys {
                        list.add("drop-table", Role::Referenced, &key.table, &name.span);
                    }
                }
            }),
            Kind::Trigger => list.on("drop-trigger", drop.on.as_ref()),
            Kind::Policy => list.on("policy", drop.on.as_ref()),
            Kind::Rule => list.on("rule", drop.on.as_ref()),
            _ => {}
        },
        Operation::Truncate(truncate) => truncate
            .tables
            .iter()
            .for_each(|table| list.add("truncate", Role::Target, table, &table.span)),
        Operation::Maintain(maintain) => {
            let id = match maintain.work {
                Work::VacuumFull | Work::Cluster => "cluster",
                Work::Refresh { concurrently: true } => "refresh-view-concurrently",
                Work::Refresh {
                    concurrently: false,
                } => "refresh-view",
                _ => return list.0,
            };
            for table in &maintain.tables {
                list.add(id, Role::Target, table, &table.span);
            }
        }
        Operation::Write(write) if write.verb != Verb::Select => {
            if let Some(table) = &write.table {
                list.add("write", Role::Target, table, &table.span);
            }
        }
        _ => {}
    }
    list.0
}

#[derive(Default)]
struct List(Vec<Taken>);

impl List {
    fn add(&mut self, id: &str, role: Role, table: &Name, span: &Bytes) {
        let effect: &'static Effect = find(Dialect::Postgres, id);
        self.0.push(Taken {
            effect,
            role,
            table: table.clone(),
            span: span.clone(),
        });
    }

    fn on(&mut self, id: &str, table: Option<&Name>) {
        if let Some(table) = table {
            self.add(id, Role::Target, table, &table.span);
        }
    }
}

fn create_table(list: &mut List, create: &CreateTable) {
    if let Some(parent) = &create.partition_of {
        list.add("create-partition", Role::Parent, parent, &parent.span);
    }
    let inline = create
        .columns
        .iter()
        .filter_map(|column| column.references.as_ref());
    let apart = create.constraints.iter().filter_map(|c| match &c.kind {
        ConstraintKind::ForeignKey { reference, .. } => Some(reference),
        _ => None,
    });
    for reference in inline.chain(apart) {
        let table = &reference.table;
        list.add(
            "create-table-referencing",
            Role::Referenced,
            table,
            &table.span,
        );
    }
}

fn create_object(list: &mut List, create: &Create) {
    let id = match create.kind {
        Kind::Trigger => "create-trigger",
        Kind::Policy => "policy",
        Kind::Rule => "rule",
        _ => return,
    };
    list.on(id, create.on.as_ref());
}

fn alter_table(list: &mut List, table: &Name, action: &Action, span: &Bytes, catalog: &Catalog) {
    let known = catalog.table(table);
    if let Some(id) = plain(action, known) {
        list.add(id, Role::Target, table, span);
        if let Action::AddColumn { column, .. } = action {
            added_column(list, table, column, span);
        }
        return;
    }
    match action {
        Action::AddConstraint(constraint) => add_constraint(list, table, constraint, span),
        Action::ValidateConstraint { name } => {
            let key = known.and_then(|known| known.foreign_key(name));
            match key {
                None => list.add("validate-check", Role::Target, table, span),
                Some(key) => {
                    list.add("validate-foreign-key", Role::Target, table, span);
                    list.add("validate-foreign-key", Role::Referenced, &key.table, span);
                }
            }
        }
        Action::DropConstraint { name, .. } => {
            let key = known.and_then(|known| known.foreign_key(name));
            match key {
                None => list.add("drop-constraint", Role::Target, table, span),
                Some(key) => {
                    list.add("drop-foreign-key", Role::Target, table, span);
                    list.add("drop-foreign-key", Role::Referenced, &key.table, span);
                }
            }
        }
        Action::AttachPartition { partition } => {
            list.add("attach-partition", Role::Parent, table, span);
            list.add("attach-partition", Role::Partition, partition, span);
        }
        Action::DetachPartition {
            partition,
            concurrently,
        } => {
            let id = if *concurrently {
                "detach-partition-concurrently"
            } else {
                "detach-partition"
            };
            list.add(id, Role::Parent, table, span);
            list.add(id, Role::Partition, partition, span);
        }
        _ => {}
    }
}

/// Actions that touch their own table alone.
fn plain(action: &Action, known: Option<&Table>) -> Option<&'static str> {
    Some(match action {
        Action::AddColumn { column, .. } => {
            if column_rewrites(column) {
                "add-column-rewriting"
            } else {
                "add-column"
            }
        }
        Action::DropColumn { .. } => "drop-column",
        Action::RenameColumn { .. } => "rename-column",
        Action::RenameTo(_) => "rename-table",
        Action::RenameConstraint { .. } => "rename-constraint",
        Action::SetSchema => "set-schema",
        Action::Owner => "owner",
        Action::AlterType {
            column,
            data_type,
            using,
            ..
        } => {
            let from = known.and_then(|table| table.column(column));
            match from {
                Some(from) if !using && keeps_form(&from.data_type, data_type) => "alter-type",
                _ => "alter-type-rewriting",
            }
        }
        Action::SetDefault { .. } | Action::DropDefault { .. } => "set-default",
        Action::SetNotNull { column } => match known {
            Some(table) if proves_not_null(table, column) => "set-not-null-proven",
            _ => "set-not-null",
        },
        Action::DropNotNull { .. } | Action::DropExpression { .. } => "drop-not-null",
        Action::SetExpression { .. } => "alter-type-rewriting",
        Action::AddIdentity { .. } | Action::SetIdentity { .. } | Action::DropIdentity { .. } => {
            "identity"
        }
        Action::SetStatistics | Action::ColumnOptions | Action::Storage { .. } => "set-statistics",
        Action::SetStorage { .. } | Action::SetCompression { .. } => "set-storage",
        Action::AlterConstraint { .. } => "alter-constraint",
        Action::EnableTrigger | Action::DisableTrigger => "create-trigger",
        Action::EnableRule => "rule",
        Action::RowSecurity { .. } => "row-security",
        Action::ReplicaIdentity(_) => "replica-identity",
        Action::SetLogged | Action::SetUnlogged => "set-logged",
        Action::SetTablespace => "set-tablespace",
        Action::SetAccessMethod => "set-access-method",
        Action::Inherit { .. } | Action::NoInherit { .. } => "inherit",
        Action::ClusterOn => "cluster-on",
        _ => return None,
    })
}

/// A column's own constraints.
fn added_column(list: &mut List, table: &Name, column: &Column, span: &Bytes) {
    if let Some(reference) = &column.references {
        list.add("add-foreign-key", Role::Referenced, &reference.table, span);
    }
    if column.unique || column.primary_key {
        list.add("add-unique", Role::Target, table, span);
    }
    if column.check {
        list.add("add-check", Role::Target, table, span);
    }
}

fn add_constraint(list: &mut List, table: &Name, constraint: &Constraint, span: &Bytes) {
    let not_valid = constraint.not_valid;
    let id = match &constraint.kind {
        ConstraintKind::PrimaryKey { using_index, .. }
        | ConstraintKind::Unique { using_index, .. } => {
            if using_index.is_some() {
                "add-unique-using-index"
            } else {
                "add-unique"
            }
        }
        ConstraintKind::Exclude { .. } => "add-unique",
        ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. } => {
            if not_valid {
                "add-check-not-valid"
            } else {
                "add-check"
            }
        }
        ConstraintKind::ForeignKey { reference, .. } => {
            let id = if not_valid {
                "add-foreign-key-not-valid"
            } else {
                "add-foreign-key"
            };
            list.add(id, Role::Referenced, &reference.table, span);
            id
        }
        ConstraintKind::Index { .. } => return,
    };
    list.add(id, Role::Target, table, span);
}

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
pub(crate) fn column_rewrites(column: &Column) -> bool {
    let volatile = column.default.as_ref().is_some_and(|default| {
        default
            .calls
            .iter()
            .any(|call| !STABLE.contains(&call.as_str()))
    });
    volatile || column.numbers_itself() || column.generated == Some(Generated::Stored)
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
