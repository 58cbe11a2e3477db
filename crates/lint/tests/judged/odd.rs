//! Text that no person writes: it is read to its end, without taking the process along.

use super::rules;
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres, Sqlite};

const DEEP: usize = 20_000;

fn nested(inner: &str, depth: usize) -> String {
    format!("{}{inner}{}", "(".repeat(depth), ")".repeat(depth))
}

#[test]
fn conditions_may_stand_in_any_number_of_parentheses() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, a int);";
    for engine in [Postgres, Mysql, Sqlite] {
        for sql in [
            format!("DELETE FROM t WHERE {};", nested("id = 1", DEEP)),
            format!("DELETE FROM t WHERE a = 1 AND {};", nested("id = 1", DEEP)),
            format!("DELETE FROM t WHERE {};", nested("id = 1 AND a = 2", DEEP)),
            format!(
                "DELETE FROM t WHERE {}a = 1{};",
                "(a = 1 AND ".repeat(DEEP),
                ")".repeat(DEEP)
            ),
        ] {
            let told = rules(engine, given, &sql);
            assert!(
                told.iter().any(|rule| rule == "write-without-batch"),
                "{told:?}"
            );
        }
        let few = format!("DELETE FROM t WHERE {};", nested("id = 1", 40));
        let told = rules(engine, given, &few);
        assert!(
            told.iter().all(|rule| rule != "write-without-batch"),
            "{told:?}"
        );
    }
}

#[test]
fn conditions_may_be_long() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, a int);";
    let long = vec!["(a = 1)"; 15_000].join(" AND ");
    let told = rules(Postgres, given, &format!("DELETE FROM t WHERE {long};"));
    assert!(
        told.iter().any(|rule| rule == "write-without-batch"),
        "{told:?}"
    );
    let told = rules(
        Postgres,
        given,
        &format!("DELETE FROM t WHERE {long} AND (id = 1);"),
    );
    assert!(
        told.iter().all(|rule| rule != "write-without-batch"),
        "{told:?}"
    );
}

#[test]
fn queries_and_checks_may_be_nested_to_any_depth() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, a int);\nCREATE TABLE p (id bigint) PARTITION BY RANGE (id);";
    let query = format!(
        "{}SELECT 1{}",
        "SELECT * FROM (".repeat(DEEP),
        ") x".repeat(DEEP)
    );
    let table = format!(
        "{}SELECT a FROM t{}",
        "SELECT * FROM (".repeat(DEEP),
        ") x".repeat(DEEP)
    );
    let ands = format!("{}id > 1{}", "(id > 0 AND ".repeat(DEEP), ")".repeat(DEEP));
    for sql in [
        format!("INSERT INTO t (a) {query};"),
        format!("INSERT INTO t (a) {};", nested("SELECT 1", DEEP)),
        format!("INSERT INTO t (a) VALUES ({});", nested("1", DEEP)),
        format!("CREATE VIEW v AS {query};"),
        format!(
            "ALTER TABLE t ADD CONSTRAINT c CHECK ({});",
            nested("a > 1", DEEP)
        ),
        format!("ALTER TABLE t ADD CONSTRAINT c CHECK ({ands});"),
        format!(
            "ALTER TABLE t ALTER COLUMN a SET DEFAULT {};",
            nested("1", DEEP)
        ),
        format!(
            "CREATE TABLE q (id bigint NOT NULL, CHECK ({ands}), CHECK ({})); ALTER TABLE p ATTACH PARTITION q FOR VALUES FROM (1) TO (2);",
            nested("id >= 1", DEEP)
        ),
    ] {
        rules(Postgres, given, &sql);
    }
    // What lies too deep to be looked at may be anything.
    let told = rules(Postgres, given, &format!("INSERT INTO t (a) {table};"));
    assert!(
        told.iter().any(|rule| rule == "write-without-batch"),
        "{told:?}"
    );
}

/// Up to some depth squawk's parser, which calls itself, is asked on the thread that asks: the smallest there is must do.
#[test]
fn what_is_nested_a_little_is_judged_on_any_thread() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, a int);";
    for depth in [60, 150, 198] {
        for inner in [
            nested("1", depth),
            format!("{}1{}", "abs(".repeat(depth), ")".repeat(depth)),
            format!("{}1{}", "(1 + ".repeat(depth / 2), ")".repeat(depth / 2)),
            format!("{}1{}", "(SELECT ".repeat(depth / 2), ")".repeat(depth / 2)),
            format!(
                "{}1{}",
                "CASE WHEN true THEN ".repeat(depth / 4),
                " END".repeat(depth / 4)
            ),
            format!("{}true", "NOT ".repeat(depth)),
        ] {
            let sql = format!("CREATE VIEW v AS SELECT {inner};\nDROP TABLE t;");
            let thread = std::thread::Builder::new().stack_size(2 << 20);
            let told = thread.spawn(move || rules(Postgres, given, &sql)).unwrap();
            assert!(!told.join().unwrap().is_empty());
        }
    }
}

/// Each names the one before it twice: told apart, they would be 2^60 tables.
#[test]
fn queries_of_a_with_may_name_each_other_twice() {
    let given =
        "CREATE TABLE t (id bigint PRIMARY KEY, a int);\nCREATE TABLE o (id bigint PRIMARY KEY);";
    let mut with = String::from("WITH q0 AS (SELECT x.id FROM o x, o y)");
    for at in 1..60 {
        let before = at - 1;
        with += &format!(", q{at} AS (SELECT x.id FROM q{before} x, q{before} y)");
    }
    for engine in [Postgres, Mysql, Mariadb, Sqlite] {
        let sql = match engine {
            // There the query stands behind what it is inserted into.
            Mysql | Mariadb => format!("INSERT INTO t (a) {with} SELECT id FROM q59;"),
            _ => format!("{with} INSERT INTO t (a) SELECT id FROM q59;"),
        };
        let told = rules(engine, given, &sql);
        assert!(
            told.iter().any(|rule| rule == "write-without-batch"),
            "{engine}: {told:?}"
        );
    }
    rules(
        Postgres,
        given,
        &format!("{with} DELETE FROM t USING q59 WHERE t.id = q59.id;"),
    );
}

/// Thousands of writes in a WITH, each of the rows of thousands of tables.
#[test]
fn writes_of_a_with_may_all_read_what_reads_many() {
    let tables: Vec<String> = (0..10_000).map(|at| format!("t{at}")).collect();
    let writes = ", w AS (INSERT INTO x SELECT 1 FROM a RETURNING 1)".repeat(2_000);
    let sql = format!(
        "WITH a AS (SELECT 1 FROM {}){writes} SELECT 1;",
        tables.join(", ")
    );
    let told = rules(Postgres, "", &sql);
    assert!(told.iter().any(|rule| rule == "write-without-batch"));
}

/// The server numbers them, and so do we: each by looking at what is there once.
#[test]
fn keys_without_a_name_may_be_many() {
    const MANY: usize = 14_000;
    let same = |clause: &str| vec![clause; MANY].join(", ");
    let checks = format!("CREATE TABLE t (a int, {});", same("CHECK (a > 0)"));
    rules(Postgres, "", &checks);
    rules(
        Mysql,
        "",
        &format!("CREATE TABLE t (a int, {});", same("KEY (a)")),
    );
    let indexes = "CREATE INDEX ON t (a);\n".repeat(MANY);
    rules(Postgres, "CREATE TABLE t (a int);", &indexes);
}
