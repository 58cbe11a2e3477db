//! Statements, and what is read of them.

use super::read;
use crate::operation::{Action, Operation, Verb};
use greylag_core::engine::Dialect;

fn one(dialect: Dialect, sql: &str) -> Operation {
    read(dialect, sql, 0..sql.len())
}

fn actions(dialect: Dialect, sql: &str) -> Vec<Action> {
    match one(dialect, sql) {
        Operation::AlterTable(alter) => alter.actions.into_iter().map(|(a, _)| a).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn clauses_of_an_alter_table_are_told_apart() {
    let sql = "ALTER TABLE ONLY sales.orders ADD COLUMN IF NOT EXISTS total numeric(10,2) DEFAULT 0 NOT NULL, \
               ALTER COLUMN note TYPE varchar(20) USING left(note, 20), DROP COLUMN old CASCADE, \
               ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID";
    let actions = actions(Dialect::Postgres, sql);
    assert_eq!(actions.len(), 4, "{actions:?}");
    let Action::AddColumn {
        column,
        if_not_exists,
        ..
    } = &actions[0]
    else {
        panic!()
    };
    assert!(*if_not_exists && column.not_null);
    assert_eq!(column.data_type.arguments, ["10", "2"]);
    assert!(column.default.as_ref().unwrap().literal);
    assert!(matches!(&actions[1], Action::AlterType { using: true, .. }));
    assert!(matches!(
        &actions[2],
        Action::DropColumn { cascade: true, .. }
    ));
    let Action::AddConstraint(constraint) = &actions[3] else {
        panic!()
    };
    assert!(constraint.not_valid);
}

#[test]
fn a_default_ends_where_the_next_attribute_begins() {
    let sql = "ALTER TABLE t ADD id uuid DEFAULT gen_random_uuid() NOT NULL, ADD at timestamptz DEFAULT now()";
    let actions = actions(Dialect::Postgres, sql);
    let calls = |at: usize| match &actions[at] {
        Action::AddColumn { column, .. } => column.default.clone().unwrap().calls,
        other => panic!("{other:?}"),
    };
    assert_eq!(calls(0), ["gen_random_uuid"]);
    assert_eq!(calls(1), ["now"]);
}

#[test]
fn what_is_not_understood_is_told() {
    for (dialect, sql) in [
        (Dialect::Postgres, "ALTER TABLE t FROBNICATE c"),
        (Dialect::Postgres, "CREATE TABLE t (a int FROBNICATED)"),
        (Dialect::Postgres, "FROBNICATE t"),
        (Dialect::Mysql, "ALTER TABLE t ADD COLUMN"),
        (Dialect::Sqlite, "CREATE INDEX i ON"),
    ] {
        let told = match one(dialect, sql) {
            Operation::Unknown { .. } => true,
            Operation::AlterTable(alter) => alter
                .actions
                .iter()
                .any(|(a, _)| matches!(a, Action::Unknown { .. })),
            _ => false,
        };
        assert!(told, "{sql}: {:?}", one(dialect, sql));
    }
}

#[test]
fn mysql_clauses_are_told_apart() {
    let sql = "ALTER TABLE `Orders` ADD (a INT UNSIGNED, b VARCHAR(10) CHARACTER SET utf8mb4), ADD KEY idx (a, b(5)), \
               MODIFY COLUMN c BIGINT NOT NULL AFTER a, DROP FOREIGN KEY fk, ENGINE=InnoDB, ALGORITHM=INPLACE, LOCK=NONE";
    let Operation::AlterTable(alter) = one(Dialect::Mysql, sql) else {
        panic!()
    };
    assert_eq!(alter.name.name, "orders");
    assert_eq!(alter.algorithm.as_deref(), Some("INPLACE"));
    assert_eq!(alter.lock.as_deref(), Some("NONE"));
    let told: Vec<_> = alter.actions.iter().map(|(action, _)| action).collect();
    assert!(
        matches!(
            &told[..],
            [
                Action::AddColumn { .. },
                Action::AddColumn { .. },
                Action::AddIndex { .. },
                Action::ModifyColumn { placed: true, .. },
                Action::DropConstraint { .. },
                Action::Engine { .. }
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn writes_tell_what_they_read_and_call() {
    let sql = "WITH old AS (SELECT id FROM archive) UPDATE orders o SET total = random(), paid = true \
               FROM users u JOIN old ON old.id = u.id WHERE o.user_id = u.id";
    let Operation::Write(write) = one(Dialect::Postgres, sql) else {
        panic!()
    };
    assert_eq!(write.verb, Verb::Update);
    assert_eq!(write.table.unwrap().name, "orders");
    assert_eq!(write.sets, ["total", "paid"]);
    assert_eq!(write.calls, ["random"]);
    let mut reads: Vec<_> = write.reads.iter().map(|name| name.name.as_str()).collect();
    reads.sort_unstable();
    assert_eq!(reads, ["archive", "users"]);
    assert!(write.condition.is_some() && !write.always_true);
}

#[test]
fn sqlite_columns_need_no_type() {
    let sql = "CREATE TABLE [t] (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b NOT NULL, c long varchar (3), UNIQUE (a)) WITHOUT ROWID";
    let Operation::CreateTable(table) = one(Dialect::Sqlite, sql) else {
        panic!()
    };
    let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["id", "a", "b", "c"]);
    assert!(table.columns[0].auto_increment && table.columns[2].not_null);
    assert_eq!(table.options, ["WITHOUTROWID"]);
}
