//! Keys, indexes and constraints that are gone, or are called otherwise by now.

use super::{findings, history, must_not_tell, must_tell};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres};
use greylag_lint::Severity;

const GIVEN: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE, CONSTRAINT users_email UNIQUE (email));\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users, code text, CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id));\n";

#[test]
fn a_column_whose_keys_are_dropped_with_it_is_not_in_use() {
    let rule = "drop-column-in-use";
    let mysql = "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(20), UNIQUE KEY k (email));\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, FOREIGN KEY (user_id) REFERENCES users (id));\n";
    must_not_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DROP CONSTRAINT fk, DROP CONSTRAINT orders_user_id_fkey, DROP COLUMN user_id;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE users DROP CONSTRAINT users_email, DROP CONSTRAINT users_email_key, DROP COLUMN email;",
            rule,
        ),
        (
            Mysql,
            mysql,
            "ALTER TABLE orders DROP FOREIGN KEY orders_ibfk_1, DROP COLUMN user_id;",
            rule,
        ),
        (
            Mysql,
            mysql,
            "ALTER TABLE users DROP KEY k, DROP COLUMN email;",
            rule,
        ),
        (
            Mysql,
            mysql,
            "DROP INDEX k ON users;\nALTER TABLE users DROP COLUMN email;",
            rule,
        ),
    ]);
    must_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DROP CONSTRAINT fk, DROP COLUMN user_id;",
            rule,
        ),
        (
            Mysql,
            mysql,
            "DROP INDEX k ON orders;\nALTER TABLE users DROP COLUMN email;",
            rule,
        ),
    ]);
}

#[test]
fn a_key_without_a_name_goes_by_the_one_that_the_server_made_up() {
    let told = |given: &[&str], sql: &str| {
        let told = history(Postgres, given, sql);
        told.iter().any(|(id, _)| id == "drop-column-in-use")
    };
    let gone = "ALTER TABLE orders DROP CONSTRAINT fk;\nALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey;\n\
        ALTER TABLE users DROP CONSTRAINT users_email_key;\nALTER TABLE users DROP CONSTRAINT users_email;";
    assert!(!told(
        &[GIVEN, gone],
        "ALTER TABLE orders DROP COLUMN user_id;"
    ));
    assert!(!told(
        &[GIVEN, gone],
        "ALTER TABLE users DROP COLUMN email;"
    ));
    // The name stays with the key when its table, or its column, is called otherwise.
    let renamed = "ALTER TABLE orders RENAME TO sales;\nALTER TABLE sales RENAME COLUMN user_id TO buyer;\n\
        ALTER TABLE sales DROP CONSTRAINT fk;\nALTER TABLE sales DROP CONSTRAINT orders_user_id_fkey;";
    assert!(!told(
        &[GIVEN, renamed],
        "ALTER TABLE sales DROP COLUMN buyer;"
    ));
}

#[test]
fn keys_go_with_their_column() {
    let of_orders = |given: &[&str], sql: &str| {
        let report = super::report(Postgres, given, sql);
        let mut titles = report.findings.into_iter().map(|finding| finding.title);
        titles.any(|title| title.contains("a foreign key of orders"))
    };
    let id = "ALTER TABLE users DROP COLUMN id;";
    assert!(of_orders(&[GIVEN], id));
    assert!(!of_orders(
        &[GIVEN, "ALTER TABLE orders DROP COLUMN user_id;"],
        id
    ));
    assert!(!of_orders(
        &[
            GIVEN,
            "DROP TABLE users CASCADE;\nCREATE TABLE users (id bigint PRIMARY KEY);"
        ],
        id
    ));
    assert!(!of_orders(
        &[
            GIVEN,
            "ALTER TABLE users DROP COLUMN id CASCADE;\nALTER TABLE users ADD COLUMN id bigint PRIMARY KEY;"
        ],
        id
    ));
    // Of MySQL's keys the rest stays.
    let given = "CREATE TABLE t (id int PRIMARY KEY, a int, b int, UNIQUE KEY k (a, b));";
    let gone = "ALTER TABLE t DROP COLUMN b;";
    let few = |engine, given: &[&str]| {
        let told = history(engine, given, "UPDATE t SET id = 1 WHERE a = 5;");
        told.iter().all(|(id, _)| id != "write-without-batch")
    };
    assert!(few(Mysql, &[given, gone]));
    let plain = given.replace("UNIQUE KEY k", "CONSTRAINT k UNIQUE");
    assert!(!few(Postgres, &[&plain, gone]));
}

#[test]
fn an_index_of_mysql_is_its_tables_own() {
    let given = "CREATE TABLE a (id int PRIMARY KEY, x int, y int, UNIQUE KEY k (x));\n\
        CREATE TABLE b (id int PRIMARY KEY, x int, y int, UNIQUE KEY k (x));\n";
    let wrote = |given: &[&str], sql: &str| {
        let told = history(Mysql, given, sql);
        told.iter().any(|(id, _)| id == "write-without-batch")
    };
    let gone = "DROP INDEX k ON a;";
    assert!(wrote(&[given, gone], "UPDATE a SET y = 1 WHERE x = 5;"));
    assert!(!wrote(&[given, gone], "UPDATE b SET y = 1 WHERE x = 5;"));
}

#[test]
fn each_pair_of_a_rename_is_a_rename() {
    let given = "CREATE TABLE orders (id int PRIMARY KEY, a int);\nCREATE TABLE next (id int PRIMARY KEY, a int, b int UNIQUE);\n";
    let swapped = "RENAME TABLE orders TO old, next TO orders;";
    let wrote = |sql: &str| {
        let told = history(Mysql, &[given, swapped], sql);
        told.iter().any(|(id, _)| id == "write-without-batch")
    };
    assert!(
        !wrote("UPDATE orders SET a = 1 WHERE b = 5;"),
        "the new one has a key"
    );
    assert!(wrote("UPDATE old SET a = 1 WHERE a = 5;"));
    let told = super::titles(Mysql, given, "RENAME TABLE orders TO x, next TO y;");
    for renamed in ["orders is renamed to x", "next is renamed to y"] {
        assert!(told.iter().any(|title| title.contains(renamed)), "{told:?}");
    }
}

#[test]
fn a_renamed_key_is_still_a_key() {
    let rule = "expand-lifts-guarantee";
    let error = |given: &[&str], sql: &str| {
        let told = history(Postgres, given, sql);
        assert!(
            told.contains(&(rule.to_owned(), Severity::Error)),
            "{sql}: {told:?}"
        );
    };
    let constraint = "ALTER TABLE users RENAME CONSTRAINT users_email_key TO mail;\nALTER TABLE users DROP CONSTRAINT users_email;";
    error(
        &[GIVEN, constraint],
        "ALTER TABLE users DROP CONSTRAINT mail;",
    );
    let index = "CREATE UNIQUE INDEX i ON orders (code);\nALTER INDEX i RENAME TO j;";
    error(&[GIVEN, index], "DROP INDEX j;");
    let using = "CREATE UNIQUE INDEX i ON orders (code);\nALTER TABLE orders ADD CONSTRAINT k UNIQUE USING INDEX i;";
    error(&[GIVEN, using], "ALTER TABLE orders DROP CONSTRAINT k;");
    let mysql = "CREATE TABLE t (id int PRIMARY KEY, a int, UNIQUE KEY k (a));\nALTER TABLE t RENAME INDEX k TO m;";
    let told = findings(Mysql, mysql, "ALTER TABLE t DROP INDEX m;");
    assert!(
        told.contains(&(rule.to_owned(), Severity::Error)),
        "{told:?}"
    );
    // Another key that says the same keeps it.
    let told = history(Postgres, &[GIVEN], "ALTER TABLE orders DROP CONSTRAINT fk;");
    assert!(told.iter().all(|(id, _)| id != rule), "{told:?}");
}

#[test]
fn the_name_of_a_key_is_kept_while_an_app_may_say_it() {
    let rule = "expand-renames";
    must_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE users RENAME CONSTRAINT users_email TO mail;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE users RENAME CONSTRAINT users_pkey TO users_key;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER INDEX users_email_key RENAME TO mail;",
            rule,
        ),
        (
            Postgres,
            "",
            "ALTER TABLE users RENAME CONSTRAINT x TO y;",
            rule,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders RENAME CONSTRAINT fk TO of_user;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders ADD CONSTRAINT u UNIQUE (code);\nALTER TABLE orders RENAME CONSTRAINT u TO v;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "CREATE UNIQUE INDEX i ON orders (code);\nALTER INDEX i RENAME TO j;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "-- greylag:phase contract\n-- greylag:change x\nALTER TABLE users RENAME CONSTRAINT users_email TO mail;",
            rule,
        ),
    ]);
}

#[test]
fn a_key_is_no_other_key_of_the_same_name() {
    let rule = "expand-lifts-guarantee";
    let sql = |name: &str, new: &str| {
        format!("ALTER TABLE users DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {new};")
    };
    must_tell(&[
        (
            Postgres,
            "",
            &sql("users_email_key", "UNIQUE (tenant_id, email)"),
            rule,
        ),
        (Postgres, "", &sql("one", "UNIQUE (email)"), rule),
        (
            Postgres,
            "",
            &sql("one", "EXCLUDE USING gist (email WITH =)"),
            rule,
        ),
        (Mariadb, "", &sql("one", "UNIQUE (email)"), rule),
        (
            Postgres,
            "",
            "DROP INDEX i;\nCREATE INDEX i ON users (tenant_id, email);",
            rule,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            "",
            &sql("users_email_key", "UNIQUE (email)"),
            rule,
        ),
        (Postgres, "", &sql("users_pkey", "PRIMARY KEY (id)"), rule),
        (Postgres, "", &sql("c", "CHECK (email <> '')"), rule),
        (
            Postgres,
            "",
            &sql("fk", "FOREIGN KEY (a) REFERENCES b (id)"),
            rule,
        ),
        (
            Postgres,
            "",
            "DROP INDEX IF EXISTS i;\nCREATE INDEX i ON users (email);",
            rule,
        ),
        (
            Postgres,
            "",
            "DROP INDEX i;\nCREATE UNIQUE INDEX i ON users (email);",
            rule,
        ),
    ]);
}
