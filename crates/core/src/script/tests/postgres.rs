use super::*;
use crate::script::TxControl;

const P: Dialect = Dialect::Postgres;

#[test]
fn semicolons_in_quotes_comments_and_parentheses_do_not_cut() {
    let text = "SELECT ';', \"a;b\", E'\\';', U&'\\0041;', B'1', $$;$$, $fn$ $$ ; $$ $fn$ -- ;\n /* ; /* ; */ ; */;\n\
        CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);\nSELECT 2";
    let cut = cut(P, text);
    assert_eq!(cut.len(), 3, "{cut:?}");
    assert_eq!(
        cut[1],
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)"
    );
}

#[test]
fn a_backslash_escapes_in_e_strings_only() {
    assert_eq!(cut(P, "SELECT '\\'; SELECT 1"), ["SELECT '\\'", "SELECT 1"]);
    assert_eq!(
        cut(P, "SELECT E'\\'; SELECT 1'"),
        ["SELECT E'\\'; SELECT 1'"]
    );
    assert_eq!(
        cut(P, "SELECT name'x'; SELECT 1"),
        ["SELECT name'x'", "SELECT 1"]
    );
}

#[test]
fn a_string_that_goes_on_behind_a_line_break_keeps_its_rules() {
    assert_eq!(
        cut(P, "SELECT E'a'\n  '\\';' ; SELECT 1"),
        ["SELECT E'a'\n  '\\';'", "SELECT 1"]
    );
}

#[test]
fn turning_standard_strings_off_makes_backslashes_escape() {
    let text = "SET standard_conforming_strings = off;\nSELECT '\\';';\nSET standard_conforming_strings TO on;\nSELECT '\\';";
    assert_eq!(cut(P, text).len(), 4);
}

#[test]
fn dollars_in_names_and_parameters_open_no_quote() {
    assert_eq!(
        cut(P, "SELECT a$b$c; SELECT $1; SELECT 1$$x;$$"),
        ["SELECT a$b$c", "SELECT $1", "SELECT 1$$x;$$"]
    );
}

#[test]
fn a_body_of_begin_atomic_is_one_statement() {
    let text = "CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql\nBEGIN ATOMIC\n  SELECT CASE WHEN x = 1 THEN 2 ELSE (CASE WHEN true THEN 1 END) END;\n  SELECT t.end, 1 AS end FROM t;\nEND;\nSELECT 1;";
    let cut = cut(P, text);
    assert_eq!(cut.len(), 2, "{cut:?}");
    assert_eq!(cut[1], "SELECT 1");
    let replaced =
        "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC DELETE FROM a; DELETE FROM b; END; SELECT 2";
    assert_eq!(super::cut(P, replaced).len(), 2);
}

#[test]
fn begin_and_end_outside_of_routines_are_statements() {
    assert_eq!(
        cut(P, "BEGIN; SELECT CASE WHEN a THEN b END; END;"),
        ["BEGIN", "SELECT CASE WHEN a THEN b END", "END"]
    );
}

#[test]
fn copy_data_is_no_sql() {
    let text = "COPY t (a, b) FROM STDIN WITH (FORMAT csv);\n1,'\n;--\n\\.\nSELECT 1;\ncopy u from stdin;\r\nx\r\n\\.\r\nSELECT 2";
    let script = split(P, text).unwrap();
    let data: Vec<Option<&str>> = script
        .statements
        .iter()
        .map(|s| s.copy_data.clone().map(|d| &text[d]))
        .collect();
    assert_eq!(data, [Some("1,'\n;--\n"), None, Some("x\r\n"), None]);
    assert_eq!(
        script.statements.iter().map(|s| s.line).collect::<Vec<_>>(),
        [1, 5, 6, 9]
    );
    assert!(script.has_copy());
    assert_eq!(cut(P, "COPY t FROM STDIN;\n\\.\n").len(), 1);
    assert_eq!(cut(P, "COPY t FROM 'stdin'; SELECT 1").len(), 2);
}

#[test]
fn copy_data_that_never_ends_or_never_begins_is_told() {
    assert_eq!(
        error(P, "SELECT 1;\nCOPY t FROM STDIN;\n1\n2\n"),
        "3:1: the COPY data that begins here never ends: the closing `\\.` line is missing"
    );
    assert_eq!(
        error(P, "COPY t FROM STDIN; SELECT 1;\n\\.\n"),
        "1:20: `SELECT 1;` follows the COPY on its line, where its data would begin"
    );
    assert_eq!(
        error(P, "COPY t FROM STDIN"),
        "1:1: the COPY data that begins here never ends: the closing `\\.` line is missing"
    );
}

#[test]
fn psql_commands_are_refused_and_restrict_is_passed_over() {
    assert_eq!(
        error(P, "SELECT 1;\n\\connect other\n"),
        "2:1: `\\connect` is a command of psql, not SQL"
    );
    assert_eq!(
        error(P, "SELECT 1 \\gexec"),
        "1:10: `\\gexec` is a command of psql, not SQL"
    );
    assert_eq!(
        cut(P, "\\restrict aB3\nSELECT 1;\n\\unrestrict aB3\n"),
        ["SELECT 1"]
    );
}

#[test]
fn what_never_ends_is_told_where_it_began() {
    assert_eq!(
        error(P, "SELECT 1;\nSELECT 'abc;\n\n"),
        "2:8: the string that begins here never ends"
    );
    assert_eq!(
        error(P, "SELECT \"abc"),
        "1:8: the quoted name that begins here never ends"
    );
    assert_eq!(
        error(P, "DO $x$ BEGIN END $X$"),
        "1:4: the dollar-quoted string `$x$` that begins here never ends"
    );
    assert_eq!(
        error(P, "/* /* */ SELECT 1"),
        "1:1: the comment that begins here never ends"
    );
    assert_eq!(
        error(P, "SELECT (1;\nSELECT 2;"),
        "1:8: the parenthesis that opens here is never closed"
    );
    assert_eq!(
        error(P, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;"),
        "1:33: the body that begins here never ends: its END is missing"
    );
}

#[test]
fn places_are_the_files_and_hashes_the_texts() {
    let script = split(P, "-- head\n\n  SELECT 'ä',\n  x;\nSELECT 2").unwrap();
    let place = script.place_at("V1__a.sql", 0, 14).unwrap();
    assert_eq!(
        (
            place.statement,
            place.line,
            place.column,
            place.excerpt.as_str()
        ),
        (1, 4, Some(3), "x")
    );
    let place = script.place("V1__a.sql", 9).unwrap();
    assert_eq!(
        (
            place.statement,
            place.line,
            place.column,
            place.excerpt.as_str()
        ),
        (2, 5, Some(1), "SELECT 2")
    );
    assert_eq!(
        script.statements[1].hash(&script),
        crate::digest::sha256("SELECT 2")[..16]
    );
    assert_eq!(
        split(P, " -- nothing\n;").unwrap().place("V1__a.sql", 0),
        None
    );
}

#[test]
fn what_the_server_refuses_in_a_transaction_is_known() {
    for sql in [
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "create unique index /* c */ concurrently if not exists i on t (a)",
        "DROP INDEX CONCURRENTLY IF EXISTS i",
        "REINDEX INDEX CONCURRENTLY i",
        "REINDEX (VERBOSE, CONCURRENTLY) TABLE t",
        "REINDEX (VERBOSE) SCHEMA s",
        "REINDEX DATABASE d",
        "REINDEX SYSTEM",
        "ALTER TABLE m DETACH PARTITION p CONCURRENTLY",
        "VACUUM FULL t",
        "CLUSTER",
        "CLUSTER VERBOSE",
        "CLUSTER (VERBOSE)",
        "CREATE DATABASE d",
        "DROP DATABASE d",
        "CREATE TABLESPACE t LOCATION '/x'",
        "DROP TABLESPACE t",
        "ALTER DATABASE d SET TABLESPACE t",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
        "DROP SUBSCRIPTION s",
        "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
        "ALTER SUBSCRIPTION s ADD PUBLICATION p",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "DISCARD ALL",
        "COMMIT PREPARED 'x'",
    ] {
        assert!(matches!(tx(P, sql), Tx::Cannot(_)), "{sql}");
    }
    for sql in [
        "CREATE INDEX i ON t (concurrently)",
        "CREATE INDEX \"concurrently\" ON t (a)",
        "DROP INDEX i",
        "REINDEX TABLE t",
        "REINDEX (VERBOSE) INDEX i",
        "CLUSTER t USING i",
        "CLUSTER (VERBOSE) t",
        "ALTER TABLE m DETACH PARTITION p",
        "ALTER DATABASE d SET work_mem = '1MB'",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = false)",
        "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
        "ALTER TYPE mood ADD VALUE 'meh'",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        "ANALYZE",
        "DISCARD PLANS",
        "SELECT 'VACUUM'",
        "DO $$ BEGIN PERFORM 1; END $$",
    ] {
        assert_eq!(tx(P, sql), Tx::Can, "{sql}");
    }
}

#[test]
fn transactions_of_the_files_own_are_known() {
    use TxControl::*;
    for (sql, control) in [
        ("BEGIN", Begin),
        ("begin work", Begin),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", Begin),
        ("COMMIT", Commit),
        ("END", Commit),
        ("COMMIT AND CHAIN", Commit),
        ("PREPARE TRANSACTION 'x'", Commit),
        ("ROLLBACK", Rollback),
        ("ABORT", Rollback),
        ("ROLLBACK TO SAVEPOINT s", Savepoint),
        ("ROLLBACK WORK TO s", Savepoint),
        ("SAVEPOINT s", Savepoint),
        ("RELEASE s", Savepoint),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", Set),
    ] {
        assert_eq!(tx(P, sql), Tx::Control(control), "{sql}");
    }
    assert!(matches!(tx(P, "CALL p()"), Tx::MayCommit(_)));
    assert!(matches!(
        tx(P, "DO $$ BEGIN DELETE FROM t; COMMIT; END $$"),
        Tx::MayCommit(_)
    ));
    assert_eq!(tx(P, "PREPARE s AS SELECT 1"), Tx::Can);
}

#[test]
fn what_outlives_its_transaction_in_the_session_is_known() {
    for sql in [
        "SET ROLE owner",
        "SET search_path = a",
        "SET SESSION AUTHORIZATION x",
        "RESET ALL",
        "SELECT pg_catalog.set_config('search_path', '', false)",
    ] {
        assert!(session(P, sql), "{sql}");
    }
    for sql in [
        "SET LOCAL lock_timeout = 0",
        "SET CONSTRAINTS ALL DEFERRED",
        "SET TRANSACTION READ ONLY",
        "SELECT 1",
        "SELECT set_config('a.b', 'x', true)",
    ] {
        assert!(!session(P, sql), "{sql}");
    }
}

#[test]
fn what_takes_the_runs_ground_away_is_refused() {
    let text = "SELECT 1;\nDISCARD ALL;\nSELECT pg_advisory_unlock_all();\nCOPY t TO STDOUT;\nCOPY (SELECT a TO b) TO STDOUT WITH CSV;\nDO $$ BEGIN PERFORM pg_advisory_unlock(1); END $$;\nSELECT pg_advisory_lock(1);\nDO $$ BEGIN RESET ALL; END $$;";
    let lines: Vec<u32> = refused(P, text).iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8]);
    let fine = "SELECT 'pg_advisory_unlock(1)'; COPY t FROM STDIN;\n\\.\nCOPY t TO '/tmp/stdout'; DISCARD TEMP; SELECT pg_advisory_xact_lock(1);\nCREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock(1)'; RESET ALL; SELECT 'pg_advisory_lock(1)'; DO $$ BEGIN ALTER ROLE a RESET ALL; END $$;";
    assert_eq!(refused(P, fine), []);
}
