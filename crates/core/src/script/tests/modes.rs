use super::*;
use crate::{
    engine::Engine,
    migration::Migration,
    script::{ModeError, RunMode, prepare},
};
use std::collections::BTreeMap;

fn migration(text: &str, config: Option<&str>) -> Migration {
    let config = config.map(|text| ("V1__a.sql.conf", text.as_bytes()));
    Migration::read("V1__a.sql", text.as_bytes(), config).unwrap()
}

fn mode_with(engine: Engine, text: &str, config: Option<&str>) -> Result<RunMode, ModeError> {
    let migration = migration(text, config);
    let script = split(engine.dialect(), migration.text.clone()).unwrap();
    script.run_mode(&migration, engine.facts())
}

/// Why it runs statement by statement; empty where it runs as one transaction.
fn why(engine: Engine, text: &str) -> String {
    match mode_with(engine, text, None).unwrap() {
        RunMode::Transaction => String::new(),
        RunMode::Statements { why } => why,
    }
}

#[test]
fn plain_files_run_as_one_transaction() {
    assert_eq!(
        why(
            Engine::Postgres,
            "CREATE TABLE t (a int);\nSAVEPOINT s; SET TRANSACTION READ WRITE;"
        ),
        ""
    );
    assert_eq!(
        why(
            Engine::Sqlite,
            "PRAGMA foreign_keys = OFF;\nCREATE TABLE t (a int);"
        ),
        ""
    );
    assert_eq!(
        why(
            Engine::Mysql,
            "SET @a = 1;\nINSERT INTO t VALUES (1); UPDATE t SET a = 2;"
        ),
        ""
    );
    assert_eq!(why(Engine::Postgres, ""), "");
}

#[test]
fn the_first_statement_that_cannot_is_named_with_its_line() {
    assert_eq!(
        why(
            Engine::Postgres,
            "SELECT 1;\n\nCREATE INDEX CONCURRENTLY i ON t (a);\nVACUUM;"
        ),
        "line 3: CREATE INDEX CONCURRENTLY can't run inside a transaction"
    );
    assert_eq!(
        why(
            Engine::Mariadb,
            "INSERT INTO t VALUES (1);\nALTER TABLE t ADD b int;"
        ),
        "line 2: ALTER commits implicitly"
    );
    assert_eq!(
        why(Engine::Postgres, "BEGIN;\nSELECT 1;\nCOMMIT;"),
        "line 1: the file has its own BEGIN, COMMIT or ROLLBACK"
    );
    assert_eq!(
        why(Engine::Postgres, "DO $$ BEGIN COMMIT; END $$"),
        "line 1: a DO block that commits or rolls back"
    );
}

#[test]
fn a_call_keeps_the_transaction_where_the_server_would_refuse_a_commit_in_it() {
    assert_eq!(why(Engine::Postgres, "CALL p();"), "");
    assert_eq!(
        why(Engine::Mysql, "CALL p();"),
        "line 1: a procedure may commit"
    );
}

#[test]
fn a_value_that_is_added_and_used_in_one_file_takes_it_apart() {
    assert_eq!(
        why(
            Engine::Postgres,
            "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'meh' AFTER 'ok';\nUPDATE t SET m = 'meh';"
        ),
        "line 1: the value 'meh' is added to a type, and used in the same file"
    );
    assert_eq!(
        why(
            Engine::Postgres,
            "ALTER TYPE mood ADD VALUE 'meh';\nUPDATE t SET m = 'ok';"
        ),
        ""
    );
    assert_eq!(
        why(
            Engine::Postgres,
            "ALTER TYPE mood ADD VALUE 'a';\nALTER TYPE other ADD VALUE 'a';"
        ),
        ""
    );
}

#[test]
fn the_directive_beats_the_config_which_beats_what_is_detected() {
    let mode = |text, config| mode_with(Engine::Postgres, text, config).unwrap();
    let off = "-- greylag:transaction off\nSELECT 1;";
    let on = "-- greylag:transaction on\nDO $$ BEGIN COMMIT; END $$;";
    assert!(
        matches!(mode(off, Some("executeInTransaction=true")), RunMode::Statements { why } if why.contains("greylag:transaction off"))
    );
    assert_eq!(
        mode(on, Some("executeInTransaction=false")),
        RunMode::Transaction
    );
    assert!(
        matches!(mode("SELECT 1;", Some("executeInTransaction=false")), RunMode::Statements { why } if why.contains("executeInTransaction=false"))
    );
}

#[test]
fn a_transaction_asked_for_where_none_can_be_is_an_error() {
    let error = mode_with(
        Engine::Postgres,
        "-- greylag:transaction on\nSELECT 1;\nVACUUM t;",
        None,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "V1__a.sql:3: the file asks for a transaction, but VACUUM can't run inside a transaction"
    );
    assert!(
        mode_with(
            Engine::Mysql,
            "-- greylag:transaction on\nDROP TABLE t;",
            None
        )
        .is_err()
    );
    // `true` is what Flyway's configuration says by itself: it asks for nothing.
    let config = Some("executeInTransaction=true");
    assert!(matches!(
        mode_with(Engine::Mysql, "DROP TABLE t;", config),
        Ok(RunMode::Statements { .. })
    ));
    assert_eq!(
        mode_with(Engine::Postgres, "DO $$ BEGIN COMMIT; END $$;", config),
        Ok(RunMode::Transaction)
    );
}

fn prepare_faults(text: &str) -> Vec<String> {
    let migration = migration(text, None);
    let errors = prepare(&migration, Dialect::Postgres, &BTreeMap::new()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn preparing_tells_every_fault_at_once_with_its_place() {
    assert_eq!(
        prepare_faults(
            "SELECT 1;\n  DISCARD ALL;\nUPDATE t SET a = 1 WHERE :batch;\nSELECT a::batch, ':batch'; -- :batch"
        ),
        [
            "V1__a.sql:2:3: the statement lets go of the lock that keeps a second rollout out",
            "V1__a.sql:3:26: `:batch` belongs to backfills, and this file is none",
        ]
    );
    assert_eq!(
        prepare_faults("SELECT 'x"),
        ["V1__a.sql:1:8: the string that begins here never ends"]
    );
    assert_eq!(
        prepare_faults("SELECT ${x}"),
        ["V1__a.sql:1:8: the placeholder has no value: `${x}`"]
    );
}

#[test]
fn preparing_replaces_and_cuts() {
    let migration = migration("SELECT ${x}; SELECT 2;", None);
    let values = BTreeMap::from([("x".to_owned(), "'a;b'".to_owned())]);
    let prepared = prepare(&migration, Dialect::Postgres, &values).unwrap();
    let first = &prepared.script.statements[0];
    assert_eq!(prepared.script.sql(first), "SELECT 'a;b'");
    assert_eq!(
        (prepared.script.statements.len(), prepared.checksum),
        (2, migration.checksum)
    );
}
