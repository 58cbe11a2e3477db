//! Changes of tables and of their rows.

use super::{NUMBERED, TABLES, findings, must_not_tell, must_tell};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres};
use greylag_lint::{Settings, Severity, Unit, lint};
use std::collections::BTreeMap;

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
