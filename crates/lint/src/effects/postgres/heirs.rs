//! What goes down to partitions and to tables that inherit.

use crate::{
    catalog::Catalog,
    effects::{Role, Taken},
    operation::Operation,
};

/// Clauses that go down to whatever inherits from the table.
const ALL: [&str; 20] = [
    "add-column",
    "add-column-rewriting",
    "drop-column",
    "rename-column",
    "alter-type",
    "alter-type-rewriting",
    "alter-type-reindexing",
    "alter-type-rechecking",
    "set-expression",
    "set-default",
    "set-not-null",
    "set-not-null-proven",
    "drop-not-null",
    "add-check",
    "add-check-not-valid",
    "validate-check",
    "drop-constraint",
    "set-storage",
    "truncate",
    "write",
];

/// What goes down to partitions only.
const PARTITIONS: [&str; 12] = [
    "add-unique",
    "add-foreign-key",
    "add-foreign-key-not-valid",
    "validate-foreign-key",
    "drop-foreign-key",
    "alter-constraint",
    "create-index",
    "drop-index",
    "reindex",
    "create-trigger",
    "drop-trigger",
    "drop-table",
];

/// What the same statement does to the heirs of the tables it names.
pub(crate) fn of_heirs(operation: &Operation, direct: &[Taken], catalog: &Catalog) -> Vec<Taken> {
    let only = match operation {
        Operation::AlterTable(alter) => alter.only,
        Operation::CreateIndex(create) => create.only,
        Operation::Truncate(truncate) => truncate.only,
        _ => false,
    };
    if only {
        return Vec::new();
    }
    let mut found = Vec::new();
    for taken in direct {
        let id = taken.effect.id.as_str();
        let known = catalog.table(&taken.table);
        let partitioned = known.is_some_and(|table| table.partitioned);
        // ENABLE and DISABLE go where the trigger itself went.
        let switch = id == "create-trigger" && matches!(operation, Operation::AlterTable(_));
        if switch && known.is_some_and(|table| !table.partly && table.triggers.is_empty()) {
            continue;
        }
        let key = taken.role == Role::Referenced && id.starts_with("add-foreign-key");
        let down = ALL.contains(&id) || partitioned && (PARTITIONS.contains(&id) || key);
        if !down || !(taken.role == Role::Target || key) {
            continue;
        }
        let heirs = catalog.heirs(&taken.table).into_iter();
        found.extend(heirs.map(|heir| Taken {
            table: heir.name.clone(),
            ..taken.clone()
        }));
    }
    found
}
