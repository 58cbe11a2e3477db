use super::*;
use crate::script::TxControl;

const S: Dialect = Dialect::Sqlite;

#[test]
fn quotes_of_every_kind_are_whole() {
    assert_eq!(
        cut(
            S,
            "SELECT ';', \"a;\", `b;`, [c;d], '\\'; SELECT 2 -- ;\n/* ; */"
        )
        .len(),
        2
    );
}

#[test]
fn a_trigger_ends_at_its_end() {
    let text = "CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN\n  UPDATE y SET a = CASE WHEN NEW.b THEN 1 ELSE 2 END;\n  DELETE FROM z; -- END;\nEND ;\nSELECT 1;";
    let cut = cut(S, text);
    assert_eq!(cut.len(), 2, "{cut:?}");
    assert!(cut[0].ends_with("END"));
    assert_eq!(
        super::cut(
            S,
            "EXPLAIN CREATE TRIGGER t DELETE ON x BEGIN SELECT 1; END; SELECT 2"
        )
        .len(),
        2
    );
}

#[test]
fn begin_and_case_outside_of_triggers_open_nothing() {
    assert_eq!(
        cut(
            S,
            "BEGIN; CREATE TABLE trigger_log (a); SELECT CASE WHEN 1 THEN 2 END; END;"
        )
        .len(),
        4
    );
}

#[test]
fn what_never_ends_is_told_where_it_began() {
    assert_eq!(
        error(S, "SELECT 1;\nCREATE TRIGGER t DELETE ON x BEGIN SELECT 1;"),
        "2:1: the body that begins here never ends: its END is missing"
    );
    assert_eq!(
        error(S, "SELECT [a"),
        "1:8: the quoted name that begins here never ends"
    );
    assert_eq!(
        error(S, "SELECT 1; /* a"),
        "1:11: the comment that begins here never ends"
    );
}

#[test]
fn behind_explain_a_trigger_is_waited_for_as_the_library_does() {
    let trigger = "CREATE TRIGGER t DELETE ON x BEGIN SELECT 1; END";
    for explain in ["EXPLAIN", "EXPLAIN QUERY PLAN", "EXPLAIN 'it' all"] {
        let whole = format!("{explain} {trigger}");
        assert_eq!(cut(S, &format!("{whole}; SELECT 2")), [&*whole, "SELECT 2"]);
    }
    assert_eq!(
        cut(S, "EXPLAIN EXPLAIN CREATE TRIGGER t; SELECT 2").len(),
        2
    );
}

#[test]
fn the_shells_commands_are_refused() {
    assert_eq!(
        error(S, "SELECT 1;\n.mode csv\n"),
        "2:1: `.mode` is a command of the sqlite3 shell, not SQL"
    );
}

#[test]
fn what_a_transaction_forbids_or_silences_is_known() {
    for sql in [
        "VACUUM",
        "DETACH x",
        "PRAGMA wal_checkpoint",
        "PRAGMA journal_mode = WAL",
        "PRAGMA main.synchronous(OFF)",
        "PRAGMA temp_store = 2",
    ] {
        assert!(matches!(tx(S, sql), Tx::Cannot(_)), "{sql}");
    }
    for sql in ["PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys(0)"] {
        assert!(matches!(tx(S, sql), Tx::Ineffective(_)), "{sql}");
    }
    for sql in [
        "PRAGMA foreign_keys",
        "PRAGMA journal_mode",
        "PRAGMA foreign_key_check",
        "PRAGMA user_version = 3",
        "CREATE TABLE t (a)",
        "REINDEX",
        "ATTACH 'x.db' AS x",
    ] {
        assert_eq!(tx(S, sql), Tx::Can, "{sql}");
    }
    for (sql, control) in [
        ("BEGIN IMMEDIATE", TxControl::Begin),
        ("END TRANSACTION", TxControl::Commit),
        ("ROLLBACK", TxControl::Rollback),
        ("ROLLBACK TRANSACTION TO s", TxControl::Savepoint),
        ("SAVEPOINT s", TxControl::Savepoint),
        ("RELEASE s", TxControl::Savepoint),
    ] {
        assert_eq!(tx(S, sql), Tx::Control(control), "{sql}");
    }
}

#[test]
fn pragmas_and_attachments_are_the_sessions() {
    assert!(session(S, "PRAGMA foreign_keys = OFF"));
    assert!(session(S, "ATTACH 'x.db' AS x"));
    assert!(!session(S, "PRAGMA foreign_keys"));
    assert!(!session(S, "CREATE TABLE t (a)"));
}
