//! Statements that were passed over.

use super::{NUMBERED, TABLES, findings, must_not_tell, must_tell};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres};
use greylag_lint::Severity;

#[test]
fn what_set_statement_stands_before_is_read() {
    must_tell(&[
        (
            Mariadb,
            NUMBERED,
            "SET STATEMENT lock_wait_timeout=5 FOR ALTER TABLE users MODIFY total bigint;",
            "copies-table",
        ),
        (
            Mariadb,
            NUMBERED,
            "SET STATEMENT max_statement_time=5, sql_require_primary_key=0 FOR CREATE TABLE x (a int);",
            "primary-key-guard-lifted",
        ),
        (
            Mariadb,
            NUMBERED,
            "SET STATEMENT max_statement_time=5 FOR DROP TABLE users;",
            "expand-drops",
        ),
        (
            Mariadb,
            NUMBERED,
            "SET STATEMENT max_statement_time=5 FOR FROBNICATE users;",
            "unjudged",
        ),
    ]);
}

#[test]
fn what_is_done_to_the_server_is_told() {
    for sql in [
        "RESET MASTER;",
        "RESET BINARY LOGS AND GTIDS;",
        "RESET REPLICA ALL;",
        "RESET SLAVE;",
        "STOP REPLICA;",
        "PURGE BINARY LOGS TO 'x';",
        "CHANGE MASTER TO MASTER_HOST='x';",
    ] {
        for engine in [Mysql, Mariadb] {
            let told = findings(engine, NUMBERED, sql);
            let expected = ("cluster-wide-statement".to_owned(), Severity::Error);
            assert!(told.contains(&expected), "{engine}: {sql}: {told:?}");
        }
    }
    let wide = "cluster-wide-statement";
    must_tell(&[
        (Mysql, "", "SET GLOBAL max_connections = 5;", wide),
        (Mysql, "", "SET PERSIST max_connections = 5;", wide),
        (Mysql, "", "SET PERSIST_ONLY max_connections = 5;", wide),
        (Mysql, "", "SET @@GLOBAL.max_connections = 5;", wide),
        (Mysql, "", "SET @@persist.max_connections = 5;", wide),
        (Mysql, "", "SET @a = 1, @@global.max_connections = 5;", wide),
        (Mysql, "", "RESET PERSIST max_connections;", wide),
        (Mysql, "", "FLUSH BINARY LOGS;", "unjudged"),
    ]);
    must_not_tell(&[
        (Mysql, "", "SET SESSION sql_mode = 'ANSI';", wide),
        (
            Mysql,
            "",
            "SET @@session.sql_mode = 'ANSI', @global = 1;",
            wide,
        ),
        (Mysql, "", "START TRANSACTION; COMMIT;", wide),
        (Mysql, "", "FLUSH PRIVILEGES;", "unjudged"),
        (Postgres, "", "RESET search_path;", wide),
    ]);
}

#[test]
fn a_function_that_is_not_the_servers_own_is_not_judged() {
    for sql in [
        "SELECT touch('users');",
        "SELECT app.now();",
        "SELECT pg_drop_replication_slot('x');",
        "SELECT pg_promote();",
        "SELECT create_distributed_table('users', 'id');",
        "UPDATE users SET name = app.touch(name) WHERE id = 1;",
        "INSERT INTO users (id, name) SELECT id, touch(note) FROM orders;",
        "CREATE TABLE copy AS SELECT touch(name) FROM users;",
        "WITH x (a) AS (SELECT touch('users')) SELECT a FROM x;",
        "VALUES (touch('users'));",
        "DECLARE c CURSOR FOR SELECT touch('users');",
    ] {
        must_tell(&[(Postgres, TABLES, sql, "unjudged")]);
    }
    must_tell(&[
        (Mysql, NUMBERED, "SELECT touch('users');", "unjudged"),
        (
            Mysql,
            NUMBERED,
            "UPDATE users SET total = shop.touch(total) WHERE id = 1;",
            "unjudged",
        ),
    ]);
    let fixed = format!(
        "{TABLES}CREATE FUNCTION app.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';\n"
    );
    for sql in [
        "SELECT pg_catalog.setval('users_id_seq', max(id)) FROM users;",
        "SELECT pg_catalog.set_config('search_path', 'sales', false);",
        "INSERT INTO users (id, name) VALUES (1, lower('X')) ON CONFLICT (id) DO NOTHING;",
        "INSERT INTO public.users (id) SELECT a.b FROM unnest(ARRAY[1]) a (b);",
        "WITH x (a, b) AS (SELECT 1, 2), y (c) AS (VALUES (3)) SELECT x.a FROM x JOIN y ON true;",
        "UPDATE users SET name = CAST(id AS varchar(10)) || (id::numeric(10, 2))::text WHERE id IN (1);",
        "SELECT * FROM json_to_record('{}') AS x (a int, b text);",
        "SELECT count(*) FILTER (WHERE id > 1), row_number() OVER (PARTITION BY name ORDER BY id) FROM users;",
        "UPDATE users SET name = app.slug(name) WHERE id = 1;",
        "SELECT coalesce(max(id), 0), gen_random_uuid(), now() FROM users;",
    ] {
        must_not_tell(&[(Postgres, &fixed, sql, "unjudged")]);
    }
    must_not_tell(&[
        (
            Mysql,
            NUMBERED,
            "INSERT INTO users (id, total) VALUES (1, IFNULL(2, 3)) ON DUPLICATE KEY UPDATE total = VALUES(total);",
            "unjudged",
        ),
        (
            Mysql,
            NUMBERED,
            "INSERT IGNORE users (id) SELECT CONVERT(note, UNSIGNED) FROM orders;",
            "unjudged",
        ),
    ]);
}

#[test]
fn a_lock_timeout_is_seen_to_go_by_any_road() {
    let rule = "lock-timeout-taken-away";
    must_tell(&[
        (
            Postgres,
            "",
            "SELECT set_config('lock_timeout', '0', false);",
            rule,
        ),
        (
            Postgres,
            "",
            "SELECT pg_catalog.set_config('lock_timeout', '0ms', true), 1;",
            rule,
        ),
        (Postgres, "", "RESET ALL;", rule),
        (Postgres, "", "SET lock_timeout = '0 min';", rule),
    ]);
    must_not_tell(&[
        (
            Postgres,
            "",
            "SELECT set_config('lock_timeout', '500ms', false);",
            rule,
        ),
        (Postgres, "", "SET lock_timeout = '5s';", rule),
        (Postgres, "", "RESET statement_timeout;", rule),
    ]);
}

#[test]
fn what_explain_analyze_runs_is_judged() {
    let empties = "empties-table";
    must_tell(&[
        (
            Postgres,
            TABLES,
            "EXPLAIN (ANALYZE) DELETE FROM users;",
            empties,
        ),
        (
            Postgres,
            TABLES,
            "EXPLAIN (COSTS off, ANALYZE true) DELETE FROM users;",
            empties,
        ),
        (
            Postgres,
            TABLES,
            "EXPLAIN ANALYZE VERBOSE DELETE FROM users;",
            empties,
        ),
        (Postgres, TABLES, "EXPLAIN ANALYZE EXECUTE x;", "unjudged"),
        (Mariadb, NUMBERED, "ANALYZE DELETE FROM users;", empties),
        (
            Mariadb,
            NUMBERED,
            "ANALYZE FORMAT=JSON UPDATE users SET total = 1;",
            "write-without-batch",
        ),
        (
            Mysql,
            NUMBERED,
            "EXPLAIN ANALYZE DELETE FROM users;",
            empties,
        ),
    ]);
    must_not_tell(&[
        (Postgres, TABLES, "EXPLAIN DELETE FROM users;", empties),
        (
            Postgres,
            TABLES,
            "EXPLAIN (ANALYZE false) DELETE FROM users;",
            empties,
        ),
        (
            Postgres,
            TABLES,
            "EXPLAIN (ANALYZE 0, VERBOSE) DELETE FROM users;",
            empties,
        ),
        (Mariadb, NUMBERED, "ANALYZE TABLE users;", "unjudged"),
    ]);
}

#[test]
fn an_alter_that_is_not_known_to_be_harmless_is_not_judged() {
    for sql in [
        "ALTER DOMAIN d SET NOT NULL;",
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0);",
        "ALTER DOMAIN d VALIDATE CONSTRAINT c;",
        "ALTER TYPE t ALTER ATTRIBUTE a TYPE text CASCADE;",
        "ALTER TYPE t DROP ATTRIBUTE a CASCADE;",
        "ALTER INDEX i SET TABLESPACE fast;",
        "ALTER MATERIALIZED VIEW mv SET TABLESPACE fast;",
        "ALTER EXTENSION postgis UPDATE;",
        "ALTER FOREIGN TABLE far ADD COLUMN a int;",
        "DROP OWNED BY app;",
        "REASSIGN OWNED BY app TO other;",
        "DROP COLLATION c CASCADE;",
    ] {
        must_tell(&[(Postgres, TABLES, sql, "unjudged")]);
    }
    for sql in [
        "ALTER DOMAIN d SET DEFAULT 1;",
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;",
        "ALTER INDEX i ATTACH PARTITION j;",
        "ALTER INDEX i RENAME TO j;",
        "ALTER SEQUENCE s OWNED BY users.id;",
        "ALTER FUNCTION f(int) OWNER TO app;",
        "ALTER FUNCTION f(int) STABLE;",
        "ALTER TYPE mood ADD VALUE 'ok';",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app;",
        "ALTER SYSTEM SET work_mem = '1MB';",
        "ALTER VIEW v SET (security_barrier = true);",
    ] {
        must_not_tell(&[(Postgres, TABLES, sql, "unjudged")]);
    }
}
