//! What harms is told, or said to be unjudged; nothing in between. Each line was silent once, or loud without a cause.

use greylag_core::engine::Engine::{self, Mariadb, Mysql, Postgres};
use greylag_lint::{Settings, Severity, Unit, lint};
use std::collections::BTreeMap;

/// Its rules, by id; `unjudged` among them.
fn rules(engine: Engine, given: &str, sql: &str) -> Vec<String> {
    let report = findings(engine, given, sql);
    report.into_iter().map(|(rule, _)| rule).collect()
}

fn findings(engine: Engine, given: &str, sql: &str) -> Vec<(String, Severity)> {
    let none = BTreeMap::new();
    let read = |script, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", given).earlier(),
        read("V2__judged.sql", sql),
    ];
    assert!(units[1].content.is_ok(), "{sql}: {:?}", units[1].content);
    let report = lint(&units, &Settings::default(), None);
    let unjudged = report.coverage.unjudged.len();
    let told = report.findings.iter().filter(|f| f.rule == "unjudged");
    assert_eq!(told.count(), unjudged, "{sql}");
    let findings = report.findings.into_iter();
    findings.map(|f| (f.rule, f.severity)).collect()
}

const TABLES: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, note text, total int);\n";
const NUMBERED: &str = "CREATE TABLE users (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, total int, note varchar(50));\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, note text, a int, KEY orders_a (a));\n\
    CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (100));\n";

/// Engine, what is given, the statement, and the rule that must speak.
fn must_tell(cases: &[(Engine, &str, &str, &str)]) {
    let mut silent = Vec::new();
    for (engine, given, sql, rule) in cases {
        let told = rules(*engine, given, sql);
        if !told.iter().any(|id| id == rule) {
            silent.push(format!("{engine}: {sql}: {rule} is silent; {told:?}"));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

fn must_not_tell(cases: &[(Engine, &str, &str, &str)]) {
    let mut loud = Vec::new();
    for (engine, given, sql, rule) in cases {
        let told = rules(*engine, given, sql);
        if told.iter().any(|id| id == rule) {
            loud.push(format!("{engine}: {sql}: {rule}; {told:?}"));
        }
    }
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

#[test]
fn a_table_that_is_replaced_is_lost() {
    let replace = "CREATE OR REPLACE TABLE users (id bigint PRIMARY KEY);";
    must_tell(&[
        (Mariadb, NUMBERED, replace, "empties-table"),
        (Mariadb, NUMBERED, replace, "expand-drops"),
        // It stays in use: what comes after it is no change of a new table.
        (
            Mariadb,
            NUMBERED,
            "CREATE OR REPLACE TABLE users (id int PRIMARY KEY);\nALTER TABLE users MODIFY id bigint;",
            "copies-table",
        ),
        (
            Mariadb,
            NUMBERED,
            "CREATE OR REPLACE DATABASE shop;",
            "expand-drops",
        ),
    ]);
    let unknown = findings(Mariadb, "", replace);
    let expected = ("empties-table".to_owned(), Severity::Warning);
    assert!(unknown.contains(&expected), "{unknown:?}");
    must_not_tell(&[
        (
            Mariadb,
            NUMBERED,
            "CREATE TABLE items (id int PRIMARY KEY);",
            "empties-table",
        ),
        (
            Mariadb,
            NUMBERED,
            "CREATE OR REPLACE TEMPORARY TABLE users (id int);",
            "empties-table",
        ),
    ]);
}

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
            "SET STATEMENT max_statement_time=5, sql_log_bin=0 FOR DROP TABLE users;",
            "binary-log-off",
        ),
        (
            Mariadb,
            NUMBERED,
            "SET STATEMENT sql_log_bin=0 FOR DROP TABLE users;",
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
fn what_an_alter_asks_for_itself_counts() {
    let copies = "copies-table";
    must_tell(&[
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE orders ADD COLUMN z int, ALGORITHM=COPY;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "DROP INDEX orders_a ON orders ALGORITHM=COPY;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE orders ADD INDEX x (a), LOCK=EXCLUSIVE;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "CREATE INDEX x ON orders (a) LOCK=SHARED;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE users MODIFY id int NOT NULL;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE users MODIFY id int NOT NULL;",
            "expand-restricts-writes",
        ),
        (
            Mariadb,
            NUMBERED,
            "ALTER TABLE users ADD COLUMN o bigint REFERENCES orders (id);",
            copies,
        ),
        (
            Mariadb,
            NUMBERED,
            "ALTER TABLE users ADD SYSTEM VERSIONING;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE orders ADD COLUMN z int, ALGORITHM=INPLACE;",
            "replayed-as-a-whole",
        ),
    ]);
    must_not_tell(&[
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE orders ADD COLUMN z int, ALGORITHM=INSTANT;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE orders ADD INDEX x (a), ALGORITHM=INPLACE, LOCK=NONE;",
            copies,
        ),
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE users MODIFY id int NOT NULL AUTO_INCREMENT;",
            copies,
        ),
        // Before 9.0 it is no foreign key.
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE users ADD COLUMN o bigint REFERENCES orders (id);",
            copies,
        ),
    ]);
}

#[test]
fn rows_that_go_by_another_road_are_told() {
    let merge =
        |when: &str, on: &str| format!("MERGE INTO users USING orders ON {on} WHEN {when};");
    let joined = "orders.user_id = users.id";
    let batch = "write-without-batch";
    must_tell(&[
        (
            Postgres,
            TABLES,
            &merge("MATCHED THEN DELETE", joined),
            batch,
        ),
        (
            Postgres,
            TABLES,
            &merge("MATCHED THEN UPDATE SET name = 'x'", joined),
            batch,
        ),
        (
            Postgres,
            TABLES,
            &merge("MATCHED THEN DELETE", "true"),
            "empties-table",
        ),
        (
            Mysql,
            NUMBERED,
            "ALTER TABLE part TRUNCATE PARTITION ALL;",
            "empties-table",
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            TABLES,
            &merge("MATCHED THEN DO NOTHING", joined),
            batch,
        ),
        (
            Postgres,
            TABLES,
            &merge("MATCHED THEN DELETE", joined),
            "empties-table",
        ),
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

#[test]
fn an_index_of_a_partitioned_table_is_made_the_way_that_is_told() {
    let given = "CREATE TABLE events (id bigint, at date) PARTITION BY RANGE (at);\n\
        CREATE INDEX events_at ON ONLY events (at);\n";
    let refused = "concurrently-on-partitioned";
    let off = |sql: &str| format!("-- greylag:transaction off\n{sql}");
    must_tell(&[
        (
            Postgres,
            given,
            &off("CREATE INDEX CONCURRENTLY i ON events (id);"),
            refused,
        ),
        (
            Postgres,
            given,
            &off("DROP INDEX CONCURRENTLY events_at;"),
            refused,
        ),
        (
            Postgres,
            given,
            "CREATE INDEX i ON events (id);",
            "add-index-blocking",
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            given,
            "CREATE INDEX i ON ONLY events (id);",
            "add-index-blocking",
        ),
        (
            Postgres,
            TABLES,
            &off("CREATE INDEX CONCURRENTLY i ON users (id);"),
            refused,
        ),
    ]);
}

#[test]
fn not_null_is_proven_only_by_what_must_hold() {
    let rule = "set-not-null-scan";
    let with = |check: &str| {
        format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, total int, a text, CONSTRAINT c CHECK ({check}));"
        )
    };
    let set = "ALTER TABLE t ALTER a SET NOT NULL;";
    must_tell(&[
        (
            Postgres,
            &with("id = 1 OR total > 0 AND a IS NOT NULL"),
            set,
            rule,
        ),
        (Postgres, &with("NOT (a IS NOT NULL)"), set, rule),
        // A name that the server made up is dropped here.
        (
            Postgres,
            "CREATE TABLE t (id bigint PRIMARY KEY, a text CHECK (a IS NOT NULL)); ALTER TABLE t DROP CONSTRAINT t_a_check;",
            set,
            rule,
        ),
    ]);
    must_not_tell(&[
        (Postgres, &with("a IS NOT NULL"), set, rule),
        (
            Postgres,
            &with("(total > 0) AND (a IS NOT NULL)"),
            set,
            rule,
        ),
        (
            Postgres,
            "CREATE TABLE t (id bigint PRIMARY KEY, a text CHECK (a IS NOT NULL));",
            set,
            rule,
        ),
    ]);
}

#[test]
fn a_wider_type_is_a_moment_only_where_nothing_is_worked_out_of_the_column() {
    let rule = "change-type-rewriting";
    let with = |more: &str| {
        format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, a varchar(50), b varchar(50) CHECK (b <> ''));\n{more}"
        )
    };
    let wider = "ALTER TABLE t ALTER a TYPE varchar(100);";
    must_tell(&[
        (
            Postgres,
            &with("CREATE UNIQUE INDEX i ON t (lower(a));"),
            wider,
            rule,
        ),
        (
            Postgres,
            &with("CREATE INDEX i ON t (id) WHERE a <> '';"),
            wider,
            rule,
        ),
        (
            Postgres,
            &with("CREATE INDEX i ON t (a) WHERE id > 7;"),
            wider,
            rule,
        ),
        (
            Postgres,
            &with("ALTER TABLE t ADD CHECK (length(a) > 2);"),
            wider,
            rule,
        ),
        (
            Postgres,
            &with(""),
            "ALTER TABLE t ALTER b TYPE text;",
            rule,
        ),
        (
            Postgres,
            &with("ALTER TABLE t RENAME b TO c;"),
            "ALTER TABLE t ALTER c TYPE text;",
            rule,
        ),
    ]);
    must_not_tell(&[
        (Postgres, &with("CREATE INDEX i ON t (a);"), wider, rule),
        (
            Postgres,
            &with("CREATE INDEX i ON t (lower(b)) WHERE id > 7;"),
            wider,
            rule,
        ),
    ]);
}

#[test]
fn a_default_is_looked_for_where_the_domain_has_it() {
    let rule = "add-column-rewriting";
    let given = format!(
        "{TABLES}CREATE DOMAIN pos AS int CHECK (VALUE > 0);\nCREATE DOMAIN outer_pos AS pos;\n\
         CREATE DOMAIN did AS uuid DEFAULT gen_random_uuid();\nCREATE DOMAIN plain AS int DEFAULT 1;\n\
         CREATE DOMAIN later AS int;\nALTER DOMAIN later ADD CHECK (VALUE > 0);\n"
    );
    must_tell(&[
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g did;",
            rule,
        ),
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g outer_pos;",
            rule,
        ),
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g later;",
            rule,
        ),
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g timestamptz DEFAULT app.now();",
            rule,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g pos[] DEFAULT '{}';",
            rule,
        ),
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g plain;",
            rule,
        ),
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g did DEFAULT NULL;",
            rule,
        ),
        (
            Postgres,
            &given,
            "ALTER TABLE users ADD COLUMN g timestamptz DEFAULT pg_catalog.now();",
            rule,
        ),
    ]);
}

#[test]
fn a_name_without_its_schema_is_as_large_as_the_largest_of_that_name() {
    let of = |sql: &str| {
        let none = BTreeMap::new();
        let unit = Unit::read(Postgres, "V1__a.sql", sql.as_bytes(), None, &none);
        let fleet = serde_json::json!({ "shards": 2, "tables": {
            "orders": { "rows": 0, "largest_shard": "eu-1" },
            "public.orders": { "rows": 0, "largest_shard": "eu-1" },
            "sales.orders": { "rows": 1_200_000, "largest_shard": "eu-2" },
        } });
        let fleet = serde_json::from_value(fleet).unwrap();
        let report = lint(&[unit], &Settings::default(), Some(&fleet));
        let mut findings = report.findings.into_iter();
        let found = findings.find(|f| f.rule == "add-index-blocking").unwrap();
        (found.severity, found.message.why)
    };
    let (severity, why) = of("SET search_path TO sales;\nCREATE INDEX i ON orders (note);");
    assert_eq!(severity, Severity::Error);
    assert!(
        why.contains("(eu-2) has 1200000 rows of sales.orders"),
        "{why}"
    );
    assert_eq!(
        of("CREATE INDEX i ON public.orders (note);").0,
        Severity::Note
    );
    // Nobody has seen it: it isn't the one that public has.
    let (severity, why) = of("CREATE INDEX i ON archive.orders (note);");
    assert_eq!(severity, Severity::Error);
    assert!(!why.contains("rows"), "{why}");
}
