use super::Exclusive;
use crate::{engine::Dialect, script::split};

fn of(sql: &str) -> Exclusive {
    split(Dialect::Postgres, sql).unwrap().exclusive()
}

fn tables(sql: &str) -> Vec<String> {
    let found = of(sql);
    assert_eq!(found.untold, None, "{sql}");
    found.tables
}

#[test]
fn what_locks_readers_out_names_its_tables_as_written() {
    for (sql, expected) in [
        ("ALTER TABLE orders ADD total int", "orders"),
        (
            "ALTER TABLE IF EXISTS ONLY sales.\"Order\" * ADD CHECK (a > 0)",
            "sales.\"Order\"",
        ),
        (
            "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c, ADD d int",
            "a",
        ),
        ("ALTER TABLE a DETACH PARTITION b", "a b"),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", "b"),
        (
            "ALTER TABLE a ATTACH PARTITION s.b FOR VALUES IN (1, 2)",
            "s.b",
        ),
        (
            "ALTER TABLE a SET (fillfactor = 70, user_catalog_table = on)",
            "a",
        ),
        ("ALTER TABLE a RENAME COLUMN b TO c", "a"),
        ("ALTER VIEW v RENAME TO w", "v"),
        ("ALTER INDEX i SET TABLESPACE x", "i"),
        ("DROP TABLE IF EXISTS a, s.b", "a s.b"),
        ("DROP INDEX CONCURRENTLY i", "i"),
        ("DROP TRIGGER x ON a", "a"),
        ("TRUNCATE a, ONLY b RESTART IDENTITY", "a b"),
        ("LOCK TABLE a, b", "a b"),
        ("LOCK a IN ACCESS EXCLUSIVE MODE NOWAIT", "a"),
        ("VACUUM (FULL, VERBOSE) a", "a"),
        ("CLUSTER a USING i", "a"),
        ("REINDEX (VERBOSE) TABLE a", "a"),
        ("REINDEX INDEX CONCURRENTLY i", "i"),
        ("REFRESH MATERIALIZED VIEW m", "m"),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", "v"),
        ("CREATE RULE r AS ON INSERT TO a DO INSTEAD NOTHING", "a"),
        ("CREATE POLICY p ON a USING (true)", "a"),
        (
            "CREATE TABLE IF NOT EXISTS p1 PARTITION OF s.p FOR VALUES IN (1)",
            "s.p",
        ),
    ] {
        assert_eq!(tables(sql).join(" "), expected, "{sql}");
    }
}

#[test]
fn what_readers_do_not_meet_is_nothing() {
    for sql in [
        "CREATE TABLE a (b int REFERENCES c)",
        "CREATE INDEX i ON a (b)",
        "CREATE INDEX CONCURRENTLY i ON a (b)",
        "CREATE TRIGGER x BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE VIEW v AS SELECT f(a) FROM b",
        "ALTER TABLE a ADD CONSTRAINT x FOREIGN KEY (b) REFERENCES c NOT VALID",
        "ALTER TABLE a VALIDATE CONSTRAINT x",
        "ALTER TABLE a ALTER COLUMN b SET STATISTICS 100, ALTER c SET (n_distinct = 5)",
        "ALTER TABLE a SET (fillfactor = 70, toast.autovacuum_enabled = off)",
        "ALTER TABLE a DISABLE TRIGGER ALL",
        "ALTER INDEX i RENAME TO j",
        "ALTER TYPE mood ADD VALUE 'new'",
        "LOCK TABLE a IN SHARE MODE",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
        "INSERT INTO a SELECT f(b) FROM c",
        "UPDATE a SET b = f(c)",
        "SELECT setval('s', (SELECT max(id) FROM a))",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "COMMENT ON TABLE a IS 'DROP TABLE a CASCADE'",
    ] {
        assert!(of(sql).is_nothing(), "{sql}: {:?}", of(sql));
    }
}

#[test]
fn what_the_text_does_not_tell_may_be_anything() {
    for sql in [
        "DROP TABLE a CASCADE",
        "TRUNCATE a CASCADE",
        "ALTER TABLE a DROP b CASCADE",
        "DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$",
        "CALL p()",
        "SELECT create_hypertable('a')",
        "ALTER EXTENSION x UPDATE",
        "REINDEX DATABASE x",
        "VACUUM FULL",
        "CLUSTER",
        "DROP OWNED BY x",
        "FROBNICATE a",
    ] {
        let found = of(sql);
        assert!(found.untold.is_some(), "{sql}");
        assert!(found.asked().is_empty() && !found.is_nothing(), "{sql}");
    }
}

#[test]
fn the_first_statement_that_can_not_be_told_is_named_and_tables_are_told_once() {
    let found = of("ALTER TABLE a ADD b int;\nALTER TABLE a DROP c;\nDO $$ $$;\nCALL p();");
    assert_eq!(found.tables, ["a"]);
    assert_eq!(found.unlinked, ["a"]);
    let untold = found.untold.unwrap();
    assert_eq!((untold.statement, untold.line), (2, 3));
}

#[test]
fn ddl_of_mysql_locks_its_table() {
    for (sql, expected) in [
        ("ALTER TABLE `a` ADD b int", "`a`"),
        ("CREATE UNIQUE INDEX i ON s.a (b)", "s.a"),
        ("DROP INDEX i ON a", "a"),
        ("DROP TABLE IF EXISTS a, b", "a b"),
        ("RENAME TABLE a TO b, c TO d", "a c"),
        ("TRUNCATE a", "a"),
        ("CREATE TABLE a (b int, INDEX (b))", ""),
        ("INSERT INTO a VALUES (1)", ""),
    ] {
        let found = split(Dialect::Mysql, sql).unwrap().exclusive();
        assert_eq!(
            (found.tables.join(" ").as_str(), found.untold),
            (expected, None),
            "{sql}"
        );
    }
}
