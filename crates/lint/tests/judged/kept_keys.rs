//! Keys that come back: whether they say what they said.

use super::{findings, history, must_not_tell, must_tell};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres, Sqlite};
use greylag_lint::Severity;

const LIFTS: &str = "expand-lifts-guarantee";
const RESTRICTS: &str = "expand-restricts-writes";

#[test]
fn a_foreign_key_that_does_something_else_is_another() {
    let given = |acts: &str| {
        format!(
            "CREATE TABLE users (id bigint PRIMARY KEY);\n\
             CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) {acts});"
        )
    };
    let again = |acts: &str| {
        format!(
            "ALTER TABLE orders DROP CONSTRAINT fk, ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) {acts};"
        )
    };
    let beside = |acts: &str| {
        format!(
            "ALTER TABLE orders ADD CONSTRAINT other FOREIGN KEY (user_id) REFERENCES users (id) {acts};\nALTER TABLE orders DROP CONSTRAINT fk;"
        )
    };
    for engine in [Postgres, Mysql, Mariadb] {
        for (was, is, restricts, lifts) in [
            ("", "", false, false),
            ("ON DELETE CASCADE", "ON DELETE CASCADE", false, false),
            ("ON DELETE RESTRICT", "ON DELETE NO ACTION", false, false),
            ("ON DELETE CASCADE", "", true, false),
            ("ON UPDATE CASCADE", "ON UPDATE RESTRICT", true, false),
            ("", "ON DELETE CASCADE", false, true),
            ("ON DELETE SET NULL", "ON DELETE CASCADE", false, true),
            (
                "ON DELETE CASCADE ON UPDATE CASCADE",
                "ON DELETE CASCADE",
                true,
                false,
            ),
        ] {
            for sql in [again(is), beside(is)] {
                let told = history(engine, &[&given(was)], &sql);
                let has = |rule: &str| told.contains(&(rule.to_owned(), Severity::Warning));
                assert_eq!(
                    has(RESTRICTS),
                    restricts,
                    "{engine}: {was}: {sql}: {told:?}"
                );
                assert_eq!(has(LIFTS), lifts, "{engine}: {was}: {sql}: {told:?}");
            }
        }
    }
}

#[test]
fn a_key_that_takes_several_nulls_is_not_one_that_takes_none() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, code text, solid text NOT NULL, CONSTRAINT a UNIQUE (code), CONSTRAINT b UNIQUE (solid));";
    must_tell(&[
        (
            Postgres,
            given,
            "CREATE UNIQUE INDEX i ON t (code) NULLS NOT DISTINCT;",
            RESTRICTS,
        ),
        (
            Postgres,
            given,
            "ALTER TABLE t ADD CONSTRAINT i UNIQUE NULLS NOT DISTINCT (code);",
            RESTRICTS,
        ),
        (
            Postgres,
            given,
            "CREATE UNIQUE INDEX i ON t (solid COLLATE \"german_ci\");",
            RESTRICTS,
        ),
        (
            Sqlite,
            given,
            "CREATE UNIQUE INDEX i ON t (solid COLLATE NOCASE);",
            RESTRICTS,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            given,
            "CREATE UNIQUE INDEX i ON t (solid) NULLS NOT DISTINCT;",
            RESTRICTS,
        ),
        (
            Postgres,
            given,
            "CREATE UNIQUE INDEX i ON t (code);",
            RESTRICTS,
        ),
        (
            Postgres,
            given,
            "CREATE UNIQUE INDEX i ON t (solid COLLATE \"C\");",
            RESTRICTS,
        ),
        (
            Postgres,
            given,
            "ALTER TABLE t ALTER code SET NOT NULL, ADD CONSTRAINT i UNIQUE NULLS NOT DISTINCT (id);",
            "unjudged",
        ),
        (
            Sqlite,
            given,
            "CREATE UNIQUE INDEX i ON t (solid COLLATE BINARY);",
            RESTRICTS,
        ),
    ]);
}

#[test]
fn the_name_alone_makes_no_key_the_same() {
    let told = |sql: &str| {
        let told = findings(Postgres, "", sql).into_iter();
        let found = told.filter(|(rule, _)| rule == LIFTS);
        found.map(|(_, severity)| severity).max()
    };
    for (sql, is) in [
        (
            "ALTER TABLE users DROP CONSTRAINT users_email_key, ADD CONSTRAINT users_email_key UNIQUE (tenant_id, email);",
            Some(Severity::Warning),
        ),
        (
            "ALTER TABLE users DROP CONSTRAINT users_email_key, ADD CONSTRAINT users_email_key UNIQUE (email);",
            None,
        ),
        (
            "ALTER TABLE users DROP CONSTRAINT users_pkey, ADD CONSTRAINT users_pkey PRIMARY KEY (id);",
            None,
        ),
        (
            "ALTER TABLE users DROP CONSTRAINT mail, ADD CONSTRAINT mail CHECK (email <> '');",
            None,
        ),
        (
            "ALTER TABLE users DROP CONSTRAINT boss, ADD CONSTRAINT boss FOREIGN KEY (boss_id) REFERENCES users (id);",
            None,
        ),
        (
            "DROP INDEX i; CREATE INDEX i ON t (tenant, email);",
            Some(Severity::Note),
        ),
        (
            "DROP INDEX i; CREATE UNIQUE INDEX i ON t (tenant, email);",
            None,
        ),
    ] {
        assert_eq!(told(sql), is, "{sql}");
    }
}

#[test]
fn an_index_of_the_same_name_takes_no_name_from_a_constraint() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, n int, CONSTRAINT c CHECK (n > 0));\n\
        CREATE TABLE u (id bigint PRIMARY KEY, m int);\nCREATE UNIQUE INDEX c ON u (m);\nALTER INDEX c RENAME TO d;";
    let told = |sql: &str| findings(Postgres, given, sql);
    let check = told("ALTER TABLE t DROP CONSTRAINT c;");
    assert!(
        check.contains(&(LIFTS.to_owned(), Severity::Warning)),
        "{check:?}"
    );
    let index = told("DROP INDEX d;");
    assert!(
        index.contains(&(LIFTS.to_owned(), Severity::Error)),
        "{index:?}"
    );
    // And the numbers that a column gives itself are known.
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, old int);";
    let add = "ALTER TABLE t ADD COLUMN n bigint;\nALTER TABLE t ALTER n SET NOT NULL, ALTER n ADD GENERATED BY DEFAULT AS IDENTITY;";
    must_not_tell(&[(Postgres, given, add, RESTRICTS)]);
}

#[test]
fn what_is_made_like_another_has_its_keys_where_the_server_copies_them() {
    let given = |like: &str| {
        format!(
            "CREATE TABLE a (id bigint PRIMARY KEY, x int UNIQUE, n int);\nCREATE TABLE b {like};"
        )
    };
    let few = |engine, like: &str, sql: &str| {
        let told = history(engine, &[&given(like)], sql);
        told.iter().all(|(rule, _)| rule != "write-without-batch")
    };
    let (by_id, by_x) = (
        "UPDATE b SET n = 1 WHERE id = 5;",
        "UPDATE b SET n = 1 WHERE x = 5;",
    );
    assert!(!few(Postgres, "(LIKE a)", by_x) && !few(Postgres, "(LIKE a)", by_id));
    assert!(!few(Postgres, "(LIKE a INCLUDING DEFAULTS)", by_x));
    for like in [
        "(LIKE a INCLUDING ALL)",
        "(LIKE a INCLUDING DEFAULTS INCLUDING INDEXES)",
    ] {
        assert!(
            few(Postgres, like, by_id) && few(Postgres, like, by_x),
            "{like}"
        );
    }
    for engine in [Mysql, Mariadb] {
        for like in ["LIKE a", "(LIKE a)"] {
            assert!(
                few(engine, like, by_id) && few(engine, like, by_x),
                "{engine} {like}"
            );
        }
    }
    let keyless = "CREATE TABLE a (id bigint PRIMARY KEY);\nCREATE TABLE b (LIKE a);";
    must_tell(&[(
        Postgres,
        keyless,
        "ALTER TABLE b ADD PRIMARY KEY (id);",
        RESTRICTS,
    )]);
}

#[test]
fn a_primary_key_over_an_index_fails_on_the_shard_that_has_a_null() {
    let head = "-- engine postgres\n-- lint default-class = \"sharded\"\n-- lint shard-key = [\"id\"]\n-- given\n";
    let add = "-- migration contract x\nALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX i;";
    let rule = "may-fail-on-some-shard";
    let nullable = "CREATE TABLE t (id bigint, n int);\nCREATE UNIQUE INDEX i ON t (id);\n";
    let solid = "CREATE TABLE t (id bigint NOT NULL, n int);\nCREATE UNIQUE INDEX i ON t (id);\n";
    super::speaks(rule, head, &[&format!("{nullable}{add}")]);
    super::is_silent(rule, head, &[&format!("{solid}{add}")]);
}

#[test]
fn columns_of_mysql_take_each_others_names_at_once() {
    let given = "CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE, b varchar(20));";
    for engine in [Mysql, Mariadb] {
        for swap in [
            "ALTER TABLE t CHANGE a b int, CHANGE b a varchar(20);",
            "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a;",
        ] {
            let given = format!("{given}\n{swap}");
            let told = |sql: &str| {
                let told = history(engine, &[&given], sql);
                told.iter().any(|(rule, _)| rule == "write-without-batch")
            };
            assert!(
                !told("UPDATE t SET a = 'x' WHERE b = 5;"),
                "{engine} {swap}"
            );
            assert!(told("UPDATE t SET b = 1 WHERE a = 'x';"), "{engine} {swap}");
            must_not_tell(&[(engine, &given, "ALTER TABLE t MODIFY b bigint;", RESTRICTS)]);
            must_tell(&[(
                engine,
                &given,
                "ALTER TABLE t MODIFY a varchar(10);",
                RESTRICTS,
            )]);
        }
    }
}

#[test]
fn mysql_before_9_makes_no_key_of_a_columns_own_reference() {
    let project = |version: &str| {
        format!(
            "-- engine mysql\n-- lint versions.mysql = {{ oldest = \"{version}\", newest = \"{version}\" }}\n-- given\nCREATE TABLE users (id int PRIMARY KEY);\n\
             CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users (id), buyer int, FOREIGN KEY (buyer) REFERENCES users (id));\n\
             -- migration contract x\n"
        )
    };
    let drop = |key: &str| format!("ALTER TABLE orders {key}DROP COLUMN user_id;");
    let rule = "drop-column-in-use";
    super::is_silent(rule, &project("8.4.0"), &[&drop("")]);
    super::speaks(rule, &project("9.7.0"), &[&drop("")]);
    let named = |number| {
        format!("ALTER TABLE orders DROP FOREIGN KEY orders_ibfk_{number}, DROP COLUMN buyer;")
    };
    super::is_silent(rule, &project("8.4.0"), &[&named(1)]);
    super::is_silent(rule, &project("9.7.0"), &[&named(2)]);
}
