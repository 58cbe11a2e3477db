use super::*;
use crate::script::TxControl;

const M: Dialect = Dialect::Mysql;

#[test]
fn quotes_comments_and_escapes_are_the_clients() {
    let text =
        "SELECT 'it\\'s; ok', \"a\\\";b\", `c;d`, 'x'';y' # ;\n, 5--1 -- ;\n/* ; */;\nSELECT 2";
    assert_eq!(cut(M, text).len(), 2);
    assert_eq!(cut(M, "SELECT 5--1; SELECT 2"), ["SELECT 5--1", "SELECT 2"]);
    assert_eq!(
        cut(M, "SELECT `a\\`; SELECT 2"),
        ["SELECT `a\\`", "SELECT 2"]
    );
    assert_eq!(cut(M, "SELECT 1 --\n; SELECT 2"), ["SELECT 1", "SELECT 2"]);
}

#[test]
fn executable_comments_are_statements() {
    let text = "/*!40101 SET NAMES utf8 */;\n/* no */;\n/*M!100100 SET x = ';' */;\nCREATE TABLE t (a int) /*!50100 PARTITION BY HASH(a) */;";
    assert_eq!(
        cut(M, text),
        [
            "/*!40101 SET NAMES utf8 */",
            "/*M!100100 SET x = ';' */",
            "CREATE TABLE t (a int) /*!50100 PARTITION BY HASH(a) */"
        ]
    );
    let script = split(M, text).unwrap();
    assert!(script.statements[0].sets_session());
    assert!(matches!(script.statements[2].tx, Tx::Commits(_)));
    assert_eq!(
        error(M, "SELECT 1; /*!50003 SELECT 2;"),
        "1:11: the comment that begins here never ends"
    );
}

#[test]
fn delimiters_hold_until_the_next() {
    let text = "DELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\nEND//\nSELECT 'a//b' //\ndelimiter ;\nSELECT 2;\nDELIMITER $$\nCREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; END$$\nDELIMITER ;\n";
    let cut = cut(M, text);
    assert_eq!(cut.len(), 4, "{cut:?}");
    assert_eq!(cut[0], "CREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\nEND");
    assert_eq!(cut[1..3], ["SELECT 'a//b'", "SELECT 2"]);
    assert!(cut[3].ends_with("END"));
}

#[test]
fn a_delimiter_of_semicolons_and_a_dump_are_understood() {
    let text = "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; END */;;\nDELIMITER ;\nSELECT 1;";
    assert_eq!(cut(M, text).len(), 2);
    assert_eq!(
        error(M, "DELIMITER\nSELECT 1;"),
        "1:1: DELIMITER needs a delimiter behind it on its line"
    );
}

#[test]
fn what_has_no_delimiter_before_the_next_delimiter_command_is_flushed() {
    assert_eq!(
        cut(
            M,
            "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END\nDELIMITER ;\nSELECT 2;"
        ),
        ["CREATE PROCEDURE p() BEGIN SELECT 1; END", "SELECT 2"]
    );
    assert_eq!(
        cut(
            M,
            "ALTER TABLE t ADD COLUMN a INT,\nADD COLUMN delimiter INT"
        )
        .len(),
        1
    );
}

/// Bodies that end without a DELIMITER; each is one statement.
const BODIES: &[&str] = &[
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "CREATE DEFINER=`r`@`%` PROCEDURE IF NOT EXISTS p(IN a INT, OUT b INT) COMMENT 'x; y' BEGIN SET b = a; END",
    "CREATE PROCEDURE p() outer_block: BEGIN inner_loop: LOOP LEAVE inner_loop; END LOOP inner_loop; END outer_block",
    "CREATE FUNCTION f(a INT) RETURNS VARCHAR(10) CHARACTER SET utf8 DETERMINISTIC BEGIN RETURN CASE a WHEN 1 THEN 'x' ELSE IF(a > 2, 'y', 'z') END; END",
    "CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN IF(a, 1, 2)",
    "CREATE FUNCTION f(a INT) RETURNS SET('a', 'b') DETERMINISTIC RETURN CASE WHEN a THEN 'a' END",
    "CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; ELSEIF b THEN SELECT IF(1, 2, 3); ELSE BEGIN SELECT 2; END; END IF; END",
    "CREATE PROCEDURE p() BEGIN WHILE a DO SET a = REPEAT('x', 2); END WHILE; REPEAT SET a = 1; UNTIL a END REPEAT; END",
    "CREATE PROCEDURE p() BEGIN CASE a WHEN 1 THEN SELECT 1; ELSE SELECT CASE WHEN x THEN 1 END; END CASE; END",
    "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; START TRANSACTION; COMMIT; END",
    "CREATE PROCEDURE p() BEGIN SELECT begin, end FROM t; SELECT t.end, t.begin, @end, `end` FROM t; END",
    "CREATE PROCEDURE p() IF a THEN SELECT 1; END IF",
    "CREATE PROCEDURE p() BEGIN SET x = y; /* END; */ -- END;\n SET z = 'END;'; END",
    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = IF(NEW.b, 1, 2)",
    "CREATE TRIGGER t AFTER UPDATE ON x FOR EACH ROW FOLLOWS u BEGIN UPDATE y SET a = 1; DELETE FROM z; END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END",
    "ALTER EVENT e DO BEGIN DELETE FROM a; DELETE FROM b; END",
    "BEGIN NOT ATOMIC SELECT 1; IF a THEN SELECT 2; END IF; END",
    "IF a THEN SELECT 1; END IF",
    "CREATE OR REPLACE PROCEDURE p() BEGIN FOR i IN 1..3 DO SELECT i; END FOR; END",
    "CREATE AGGREGATE FUNCTION f RETURNS STRING SONAME 'x.so'",
];

#[test]
fn bodies_end_where_the_server_ends_them() {
    for body in BODIES {
        assert_eq!(
            cut(M, &format!("{body};\nSELECT 'after';")),
            [body, "SELECT 'after'"],
            "{body}"
        );
    }
}

#[test]
fn a_body_that_never_ends_is_told_where_it_began() {
    assert_eq!(
        error(M, "SELECT 1;\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\n"),
        "3:1: the body that begins here never ends: its END is missing"
    );
}

#[test]
fn plain_begin_and_xa_words_open_no_body() {
    assert_eq!(cut(M, "BEGIN; INSERT INTO t VALUES (1); COMMIT;").len(), 3);
    assert_eq!(
        cut(
            M,
            "CREATE TABLE begin_end (begin int, end int); SELECT IF(1,2,3);"
        )
        .len(),
        2
    );
}

#[test]
fn the_clients_own_commands_are_refused() {
    assert_eq!(
        error(M, "SELECT 1\\G"),
        "1:9: `\\G` is a command of the mysql client, not SQL"
    );
    assert_eq!(
        error(M, "source other.sql"),
        "1:1: `source` is a command of the mysql client, not SQL"
    );
    assert_eq!(cut(M, "INSERT INTO t VALUES (\\N);").len(), 1);
    assert_eq!(
        error(M, "SELECT 'a\\'"),
        "1:8: the string that begins here never ends"
    );
}

#[test]
fn what_commits_implicitly_is_known() {
    for sql in [
        "CREATE TABLE t (a int)",
        "ALTER TABLE t ADD b int",
        "DROP TABLE t",
        "RENAME TABLE a TO b",
        "TRUNCATE t",
        "GRANT SELECT ON t TO u",
        "REVOKE ALL ON t FROM u",
        "SET PASSWORD = 'x'",
        "ANALYZE TABLE t",
        "OPTIMIZE TABLE t",
        "FLUSH TABLES",
        "LOCK TABLES t WRITE",
        "UNLOCK TABLES",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "CREATE UNIQUE INDEX i ON t (a)",
        "LOAD INDEX INTO CACHE t",
    ] {
        assert!(matches!(tx(M, sql), Tx::Commits(_)), "{sql}");
    }
    for sql in [
        "CREATE TEMPORARY TABLE t (a int)",
        "DROP TEMPORARY TABLE t",
        "INSERT INTO t VALUES (1)",
        "SET @a = 1",
        "SET NAMES utf8",
        "USE other",
        "LOAD DATA INFILE 'x' INTO TABLE t",
        "PREPARE s FROM @x",
        "DROP PREPARE s",
    ] {
        assert_eq!(tx(M, sql), Tx::Can, "{sql}");
    }
    for sql in ["CALL p()", "EXECUTE s", "BEGIN NOT ATOMIC SELECT 1; END"] {
        assert!(matches!(tx(M, sql), Tx::MayCommit(_)), "{sql}");
    }
    for (sql, control) in [
        ("BEGIN", TxControl::Begin),
        ("START TRANSACTION", TxControl::Begin),
        ("SET autocommit = 0", TxControl::Begin),
        ("SET @@session.autocommit=OFF", TxControl::Begin),
        ("SET autocommit=1", TxControl::Commit),
        ("COMMIT", TxControl::Commit),
        ("ROLLBACK", TxControl::Rollback),
        ("ROLLBACK TO s", TxControl::Savepoint),
    ] {
        assert_eq!(tx(M, sql), Tx::Control(control), "{sql}");
    }
}

#[test]
fn what_changes_the_session_is_known() {
    for sql in [
        "SET FOREIGN_KEY_CHECKS=0",
        "USE other",
        "SET @a := 1",
        "SELECT @a := max(id) FROM t",
        "SELECT id INTO @a FROM t",
        "PREPARE s FROM @x",
        "DEALLOCATE PREPARE s",
    ] {
        assert!(session(M, sql), "{sql}");
    }
    for sql in [
        "SET GLOBAL x = 1",
        "SET PASSWORD = 'x'",
        "SELECT @a",
        "INSERT INTO t VALUES (1)",
        "EXECUTE s",
    ] {
        assert!(!session(M, sql), "{sql}");
    }
}

#[test]
fn what_takes_the_runs_ground_away_is_refused() {
    let text = "LOCK TABLES t WRITE;\nUNLOCK TABLES;\nFLUSH TABLES WITH READ LOCK;\nSELECT RELEASE_ALL_LOCKS();\nSELECT 'RELEASE_ALL_LOCKS()';\nFLUSH TABLES;";
    let lines: Vec<u32> = refused(M, text).iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 3, 4]);
    for sql in [
        "SET sql_log_bin = 0",
        "SET @@session.sql_log_bin := OFF",
        "SET SESSION autocommit = 1, SQL_LOG_BIN = 'off'",
        "SET STATEMENT sql_log_bin = 0 FOR ALTER TABLE t ADD a int",
    ] {
        assert_eq!(refused(M, sql).len(), 1, "{sql}");
    }
    for sql in [
        "SET sql_log_bin = 1",
        "SET @a = 'sql_log_bin = 0'",
        "SELECT @@sql_log_bin",
    ] {
        assert_eq!(refused(M, sql), [], "{sql}");
    }
}

#[test]
fn what_stands_behind_set_statement_commits_as_it_would_alone() {
    let tx = |sql: &str| split(M, sql).unwrap().statements[0].tx;
    for sql in [
        "SET STATEMENT lock_wait_timeout = 5 FOR ALTER TABLE t ADD a int",
        "/* x */ SET STATEMENT a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7 FOR DROP TABLE t",
    ] {
        assert!(matches!(tx(sql), Tx::Commits(_)), "{sql}: {:?}", tx(sql));
    }
    for sql in [
        "SET STATEMENT max_statement_time = 5 FOR UPDATE t SET a = 1",
        "SET STATEMENT a = 1 FOR SET STATEMENT b = 1 FOR DROP TABLE t",
    ] {
        assert_eq!(tx(sql), Tx::Can, "{sql}");
    }
    assert!(matches!(
        tx("SET STATEMENT a = 1 FOR CALL p()"),
        Tx::MayCommit(_)
    ));
}
