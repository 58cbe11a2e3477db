//! What the clauses of an ALTER TABLE do.

use super::{
    List,
    column::{column_rewrites, keeps_form, proves_not_null},
};
use crate::{
    catalog::{Catalog, Table},
    effects::Role,
    operation::{Action, Bytes, Column, Constraint, ConstraintKind, Name},
};
use greylag_core::engine::Dialect;

pub(super) fn alter_table(
    list: &mut List,
    table: &Name,
    action: &Action,
    span: &Bytes,
    catalog: &Catalog,
) {
    let known = catalog.table(table);
    if let Some(id) = plain(action, catalog, known) {
        list.add(id, Role::Target, table, span);
        match action {
            Action::AddColumn { column, .. } => added_column(list, table, column, span),
            Action::DropColumn { column, .. } => {
                keys_with(list, catalog, table, column, span, "drop-foreign-key");
            }
            Action::AlterType { column, .. } => {
                let kept = id == "alter-type" || id == "alter-type-reindexing";
                if kept && known.is_some_and(|known| known.is_checked(Dialect::Postgres, column)) {
                    list.add("alter-type-rechecking", Role::Target, table, span);
                }
                keys_with(list, catalog, table, column, span, "drop-foreign-key");
            }
            _ => {}
        }
        return;
    }
    match action {
        Action::AddConstraint(constraint) => add_constraint(list, table, known, constraint, span),
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
        Action::AlterConstraint {
            name,
            enforced: Some(enforced),
        } => {
            let id = match enforced {
                true => "enforce-foreign-key",
                false => "lift-foreign-key",
            };
            list.add(id, Role::Target, table, span);
            if let Some(key) = known.and_then(|known| known.foreign_key(name)) {
                list.add(id, Role::Referenced, &key.table, span);
            }
        }
        Action::DropConstraint { name, .. } => {
            let key = known.and_then(|known| known.foreign_key(name));
            match key {
                None => {
                    list.add("drop-constraint", Role::Target, table, span);
                    let own = known.and_then(|known| known.key_columns(name));
                    for (other, key) in catalog.referencing(table) {
                        let whole = key.refers.is_empty();
                        if own.as_ref().is_some_and(|own| whole || *own == key.refers) {
                            list.add("drop-foreign-key", Role::Referenced, &other.name, span);
                        }
                    }
                }
                Some(key) => {
                    list.add("drop-foreign-key", Role::Target, table, span);
                    list.add("drop-foreign-key", Role::Referenced, &key.table, span);
                }
            }
        }
        Action::AttachPartition { partition, .. } => {
            list.add("attach-partition", Role::Parent, table, span);
            if let Some(rest) = catalog.default_of(table) {
                list.add("attach-partition", Role::Partition, &rest.name, span);
            }
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
            if let Some(rest) = catalog.default_of(table) {
                list.add(id, Role::Partition, &rest.name, span);
            }
        }
        _ => {}
    }
}

/// Actions that touch their own table alone.
fn plain(action: &Action, catalog: &Catalog, known: Option<&Table>) -> Option<&'static str> {
    Some(match action {
        Action::AddColumn { column, .. } => {
            if column_rewrites(column, catalog) {
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
            collation,
        } => {
            let from = known.and_then(|table| table.column(column));
            match from {
                Some(from) if !using && keeps_form(&from.data_type, data_type) => {
                    let indexed = known.is_some_and(|table| table.is_indexed(column));
                    let worked = known.is_some_and(|table| table.is_worked_into_index(column));
                    if collation.is_some() && indexed || worked {
                        "alter-type-reindexing"
                    } else {
                        "alter-type"
                    }
                }
                _ => "alter-type-rewriting",
            }
        }
        Action::SetDefault { .. } | Action::DropDefault { .. } => "set-default",
        Action::SetNotNull { column } => match known {
            Some(table) if proves_not_null(table, column) => "set-not-null-proven",
            _ => "set-not-null",
        },
        Action::DropNotNull { .. } | Action::DropExpression { .. } => "drop-not-null",
        Action::SetExpression { .. } => "set-expression",
        Action::AddIdentity { .. } | Action::SetIdentity { .. } | Action::DropIdentity { .. } => {
            "identity"
        }
        Action::SetStatistics | Action::ColumnOptions | Action::Storage { .. } => "set-statistics",
        Action::SetStorage { .. } | Action::SetCompression { .. } => "set-storage",
        Action::AlterConstraint { enforced: None, .. } => "alter-constraint",
        Action::SwitchTrigger { .. } => "create-trigger",
        Action::SwitchRule { .. } => "rule",
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

/// Foreign keys that have the column, on either side: the other table is locked as well.
fn keys_with(
    list: &mut List,
    catalog: &Catalog,
    table: &Name,
    column: &str,
    span: &Bytes,
    id: &str,
) {
    let Some(known) = catalog.table(table) else {
        return;
    };
    for key in &known.foreign_keys {
        if key.columns.iter().any(|own| own == column) {
            list.add(id, Role::Referenced, &key.table, span);
        }
    }
    for (other, key) in catalog.referencing(table) {
        let primary = key.refers.is_empty() && known.is_in_primary_key(column);
        if primary || key.refers.iter().any(|own| own == column) {
            list.add(id, Role::Referenced, &other.name, span);
        }
    }
}

/// A column's own constraints.
fn added_column(list: &mut List, table: &Name, column: &Column, span: &Bytes) {
    if let Some(reference) = &column.references {
        let id = match reference.enforced {
            true => "add-foreign-key",
            false => "add-foreign-key-not-enforced",
        };
        list.add(id, Role::Referenced, &reference.table, span);
    }
    if column.unique || column.primary_key {
        list.add("add-unique", Role::Target, table, span);
    }
    if column.is_checked() {
        list.add("add-check", Role::Target, table, span);
    }
}

fn add_constraint(
    list: &mut List,
    table: &Name,
    known: Option<&Table>,
    constraint: &Constraint,
    span: &Bytes,
) {
    let not_valid = constraint.not_valid;
    let id = match &constraint.kind {
        ConstraintKind::PrimaryKey {
            using_index: Some(index),
            ..
        } if known.is_some_and(|known| may_be_null(known, index)) => "add-primary-key-scanning",
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
            if !constraint.enforced {
                "add-check-not-enforced"
            } else if not_valid {
                "add-check-not-valid"
            } else {
                "add-check"
            }
        }
        ConstraintKind::ForeignKey { reference, .. } => {
            let id = if !constraint.enforced {
                "add-foreign-key-not-enforced"
            } else if not_valid {
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

/// Some column of an index is known to take nulls, and no CHECK keeps them out.
fn may_be_null(known: &Table, index: &str) -> bool {
    let columns = known.index_columns(index).unwrap_or_default();
    columns.iter().flatten().any(|column| {
        let own = known.column(column);
        own.is_some_and(|own| !own.not_null) && !proves_not_null(known, column)
    })
}
