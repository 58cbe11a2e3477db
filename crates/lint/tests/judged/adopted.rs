//! Databases that were there before their first migration: what nobody knows is said, and never taken for safe.

use super::{NUMBERED, must_not_tell, must_tell};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres};

#[test]
fn what_mysql_makes_of_an_unknown_column_is_not_judged() {
    let unjudged = "unjudged";
    for engine in [Mysql, Mariadb] {
        must_tell(&[
            (
                engine,
                "",
                "ALTER TABLE orders MODIFY total BIGINT NOT NULL;",
                unjudged,
            ),
            (
                engine,
                "",
                "ALTER TABLE orders CHANGE total sum BIGINT;",
                unjudged,
            ),
            (
                engine,
                "",
                "ALTER TABLE orders MODIFY total BIGINT, ALGORITHM=INPLACE;",
                unjudged,
            ),
            (
                engine,
                NUMBERED,
                "ALTER TABLE users MODIFY nope int;",
                unjudged,
            ),
            (
                engine,
                "",
                "ALTER TABLE orders ADD COLUMN a int, MODIFY total BIGINT;",
                unjudged,
            ),
            (
                engine,
                "CREATE TABLE t (a int, b int AS (a + 1) STORED);",
                "ALTER TABLE t MODIFY b int AS (a + 2) STORED;",
                unjudged,
            ),
            // What is worked out by now, or no more, is copied.
            (
                engine,
                "CREATE TABLE t (a int, b int AS (a + 1) STORED);",
                "ALTER TABLE t MODIFY b int;",
                "copies-table",
            ),
            (
                engine,
                "CREATE TABLE t (a varchar(20) CHARACTER SET latin1);",
                "ALTER TABLE t MODIFY a varchar(20);",
                "unjudged",
            ),
            (
                engine,
                "",
                "ALTER TABLE t DROP CONSTRAINT `PRIMARY`;",
                "copies-table",
            ),
        ]);
        must_not_tell(&[
            (
                engine,
                "",
                "ALTER TABLE orders MODIFY total BIGINT, ALGORITHM=INSTANT;",
                unjudged,
            ),
            (
                engine,
                "",
                "ALTER TABLE orders DROP CONSTRAINT c;",
                unjudged,
            ),
            (
                engine,
                "",
                "ALTER TABLE orders DROP CONSTRAINT c;",
                "copies-table",
            ),
            (
                engine,
                NUMBERED,
                "ALTER TABLE users MODIFY total bigint;",
                unjudged,
            ),
            // It says all of the column: what comes after it is known.
            (
                engine,
                "ALTER TABLE orders MODIFY total INT;",
                "ALTER TABLE orders MODIFY total BIGINT;",
                unjudged,
            ),
            (
                engine,
                "",
                "-- greylag:online pt-online-schema-change\nALTER TABLE orders MODIFY total BIGINT;",
                unjudged,
            ),
        ]);
    }
}

#[test]
fn a_primary_key_over_an_index_that_nobody_knows_may_read_for_nulls() {
    let rule = "primary-key-scans-for-nulls";
    let add = "ALTER TABLE orders ADD CONSTRAINT k PRIMARY KEY USING INDEX i;";
    must_tell(&[
        (Postgres, "", add, rule),
        (Postgres, "CREATE UNIQUE INDEX i ON orders (id);", add, rule),
        (
            Postgres,
            "CREATE TABLE orders (id bigint NOT NULL, at date);\nCREATE UNIQUE INDEX i ON orders (id, at);",
            add,
            rule,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            "CREATE TABLE orders (id bigint NOT NULL);\nCREATE UNIQUE INDEX i ON orders (id);",
            add,
            rule,
        ),
        (
            Postgres,
            "ALTER TABLE orders ADD CONSTRAINT there CHECK (id IS NOT NULL);\nCREATE UNIQUE INDEX i ON orders (id);",
            add,
            rule,
        ),
    ]);
}

#[test]
fn only_a_check_that_says_what_the_bounds_say_spares_a_partition() {
    let rule = "attach-partition-scan";
    let with = |check: &str| {
        format!(
            "CREATE TABLE events (id bigint, at date NOT NULL) PARTITION BY RANGE (at);\n\
             CREATE TABLE old (id bigint, at date NOT NULL, CONSTRAINT c CHECK ({check}));"
        )
    };
    let attach =
        "ALTER TABLE events ATTACH PARTITION old FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');";
    for check in [
        "id > 0",
        "at >= '2020-01-01'",
        "at >= '2020-01-01' AND at < '2022-01-01'",
        "at > '2020-01-01' AND at < '2021-01-01'",
        "at >= '2020-01-01' OR at < '2021-01-01'",
        "NOT (at >= '2020-01-01' AND at < '2021-01-01')",
        "id >= '2020-01-01' AND id < '2021-01-01'",
    ] {
        must_tell(&[(Postgres, &with(check), attach, rule)]);
    }
    for check in [
        "at >= '2020-01-01' AND at < '2021-01-01'",
        "(id > 5) AND ((at < '2021-01-01'::date) AND (at >= date '2020-01-01'))",
    ] {
        must_not_tell(&[(Postgres, &with(check), attach, rule)]);
    }
    let nullable = with("at >= '2020-01-01' AND at < '2021-01-01'")
        .replace("at date NOT NULL, CON", "at date, CON");
    let lists = "CREATE TABLE events (id bigint, kind text NOT NULL) PARTITION BY LIST (kind);\n\
        CREATE TABLE old (id bigint, kind text NOT NULL, CHECK (kind IN ('a', 'b')));";
    must_tell(&[
        (Postgres, &nullable, attach, rule),
        (Postgres, "", attach, rule),
        (
            Postgres,
            lists,
            "ALTER TABLE events ATTACH PARTITION old FOR VALUES IN ('a');",
            rule,
        ),
        (
            Postgres,
            lists,
            "ALTER TABLE events ATTACH PARTITION old DEFAULT;",
            rule,
        ),
    ]);
    must_not_tell(&[(
        Postgres,
        lists,
        "ALTER TABLE events ATTACH PARTITION old FOR VALUES IN ('a', 'b', 'c');",
        rule,
    )]);
}

#[test]
fn the_default_partition_is_read_for_every_new_one() {
    let rule = "attach-partition-scan";
    let with = |check: &str| {
        format!(
            "CREATE TABLE events (id bigint, at date) PARTITION BY RANGE (at);\n\
             CREATE TABLE rest PARTITION OF events DEFAULT;\n\
             ALTER TABLE rest ADD CONSTRAINT c CHECK ({check});"
        )
    };
    let values = "FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')";
    let attach =
        format!("CREATE TABLE a (LIKE events);\nALTER TABLE events ATTACH PARTITION a {values};");
    let create = format!("CREATE TABLE a PARTITION OF events {values};");
    for sql in [&attach, &create] {
        for check in [
            "id > 0",
            "at < '2020-01-01'  AND id > 0 OR at >= '2021-01-01'",
            "at < '2020-06-01' OR at >= '2021-01-01'",
        ] {
            must_tell(&[(Postgres, &with(check), sql, rule)]);
        }
        for check in [
            "at < '2020-01-01' OR at >= '2021-01-01'",
            "NOT (at >= '2020-01-01' AND at < '2021-01-01')",
            "at < '2020-01-01'",
        ] {
            must_not_tell(&[(Postgres, &with(check), sql, rule)]);
        }
        let lists = sql.replace(values, "FOR VALUES IN ('a', 'b')");
        let given = |check: &str| with(check).replace("RANGE (at)", "LIST (at)");
        must_tell(&[(Postgres, &given("at NOT IN ('a')"), &lists, rule)]);
        must_not_tell(&[(
            Postgres,
            &given("at NOT IN ('a') AND at <> 'b'"),
            &lists,
            rule,
        )]);
    }
    let none = "CREATE TABLE events (id bigint, at date) PARTITION BY RANGE (at);";
    must_not_tell(&[
        (Postgres, none, &attach, rule),
        (Postgres, none, &create, rule),
    ]);
}
