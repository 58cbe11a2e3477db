//! What is dropped, and what takes its place.

use super::{findings, must_not_tell, must_tell, titles};
use greylag_core::engine::Engine::{Mysql, Postgres, Sqlite};
use greylag_lint::Severity;

const RULE: &str = "expand-drops";
const GIVEN: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n\
    CREATE TABLE filled (id bigint PRIMARY KEY, name text);\n\
    CREATE SEQUENCE numbers;\n\
    CREATE TABLE orders (id bigint PRIMARY KEY);\n\
    CREATE VIEW names AS SELECT name FROM users;\n\
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';\n\
    CREATE TRIGGER sync_total BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();\n\
    CREATE TRIGGER sync_count BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();\n";
const ANEW: &str = "CREATE TABLE users (id bigint PRIMARY KEY);\n";

#[test]
fn a_table_that_is_made_anew_without_its_rows_is_lost() {
    for (given, sql, severity) in [
        (GIVEN, format!("DROP TABLE users;\n{ANEW}"), Severity::Error),
        (
            GIVEN,
            "CREATE TABLE next (id bigint);\nDROP TABLE users;\nALTER TABLE next RENAME TO users;"
                .to_owned(),
            Severity::Error,
        ),
        // What is read afterwards is empty.
        (
            GIVEN,
            format!("DROP TABLE users;\n{ANEW}INSERT INTO orders (id) SELECT id FROM users;"),
            Severity::Error,
        ),
        (
            GIVEN,
            "DROP TABLE users;\nCREATE VIEW users AS SELECT id FROM orders;".to_owned(),
            Severity::Error,
        ),
        (
            GIVEN,
            "DROP SEQUENCE numbers;\nCREATE SEQUENCE numbers;".to_owned(),
            Severity::Error,
        ),
        (
            GIVEN,
            "DROP SCHEMA s CASCADE;\nCREATE SCHEMA s;".to_owned(),
            Severity::Error,
        ),
        // It may not be there at all.
        (
            "",
            format!("DROP TABLE IF EXISTS users;\n{ANEW}"),
            Severity::Warning,
        ),
    ] {
        let told = findings(Postgres, given, &sql);
        assert!(
            told.contains(&(RULE.to_owned(), severity)),
            "{sql}: {told:?}"
        );
    }
}

#[test]
fn a_table_whose_rows_stay_is_replaced() {
    let rebuild = "CREATE TABLE next (id bigint PRIMARY KEY, name text);\nINSERT INTO next SELECT id, name FROM users;\n\
        DROP TABLE users;\nALTER TABLE next RENAME TO users;";
    let aside = "ALTER TABLE users RENAME TO old;\nCREATE TABLE users (id bigint PRIMARY KEY, name text);\n\
        INSERT INTO users SELECT id, name FROM old;\nDROP TABLE old;";
    let kept = "CREATE TEMPORARY TABLE kept AS SELECT * FROM users;\nDROP TABLE users;\n\
        CREATE TABLE users (id bigint PRIMARY KEY, name text);\nINSERT INTO users SELECT id, name FROM kept;";
    let filled = "DROP TABLE users;\nALTER TABLE filled RENAME TO users;";
    let view = "CREATE TABLE people AS SELECT * FROM users;\nDROP TABLE users;\nCREATE VIEW users AS SELECT id, name FROM people;";
    let swap = "RENAME TABLE users TO old, filled TO users;\nDROP TABLE old;";
    let sqlite = GIVEN.split("CREATE SEQUENCE").next().unwrap();
    must_not_tell(&[
        (Postgres, GIVEN, rebuild, RULE),
        (Sqlite, sqlite, rebuild, RULE),
        (Postgres, GIVEN, aside, RULE),
        (Postgres, GIVEN, kept, RULE),
        (Postgres, GIVEN, filled, RULE),
        (Postgres, GIVEN, view, RULE),
        (Mysql, sqlite, swap, RULE),
        (
            Postgres,
            GIVEN,
            "DROP VIEW names;\nCREATE TABLE names (name text);",
            RULE,
        ),
    ]);
}

#[test]
fn columns_that_the_new_table_lacks_are_dropped() {
    let sqlite = GIVEN.split("CREATE SEQUENCE").next().unwrap();
    let narrow = "CREATE TABLE next (id bigint PRIMARY KEY);\nINSERT INTO next SELECT id FROM users;\n\
        DROP TABLE users;\nALTER TABLE next RENAME TO users;";
    let later = "CREATE TABLE next (id bigint PRIMARY KEY);\nALTER TABLE next ADD COLUMN name text;\n\
        INSERT INTO next SELECT id, name FROM users;\nDROP TABLE users;\nALTER TABLE next RENAME TO users;";
    for engine in [Postgres, Sqlite] {
        let told = titles(engine, sqlite, narrow);
        let lost = "users.name is dropped while the old app may use it";
        assert!(told.iter().any(|title| title == lost), "{told:?}");
    }
    let aside = "CREATE TABLE next (id bigint PRIMARY KEY);\nINSERT INTO next SELECT id FROM users;\n\
        ALTER TABLE users RENAME TO old;\nALTER TABLE next RENAME TO users;";
    must_tell(&[(Postgres, GIVEN, aside, "expand-renames")]);
    must_not_tell(&[
        (Postgres, GIVEN, later, RULE),
        (Sqlite, sqlite, later, RULE),
    ]);
}

#[test]
fn one_trigger_takes_the_place_of_one() {
    let new = |name: &str| {
        format!(
            "CREATE TRIGGER {name} BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();\n"
        )
    };
    let both = "DROP TRIGGER sync_total ON orders;\nDROP TRIGGER sync_count ON orders;\n";
    let (one, two) = (new("other"), new("another"));
    let (same, again) = (new("sync_total"), new("sync_count"));
    must_tell(&[
        (Postgres, GIVEN, &format!("{both}{one}"), RULE),
        (Postgres, GIVEN, &format!("{both}{same}"), RULE),
    ]);
    must_not_tell(&[
        (Postgres, GIVEN, &format!("{both}{one}{two}"), RULE),
        (Postgres, GIVEN, &format!("{both}{one}{again}"), RULE),
        (Postgres, GIVEN, &format!("{both}{same}{again}"), RULE),
    ]);
}

#[test]
fn a_table_that_takes_the_place_of_another_is_no_rename() {
    let rule = "expand-renames";
    let given = GIVEN.split("CREATE SEQUENCE").next().unwrap();
    must_not_tell(&[
        (
            Mysql,
            given,
            "RENAME TABLE users TO old, filled TO users;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE users RENAME TO old;\nALTER TABLE filled RENAME TO users;",
            rule,
        ),
    ]);
    must_tell(&[
        (
            Mysql,
            given,
            "RENAME TABLE users TO old, filled TO other;",
            rule,
        ),
        (
            Mysql,
            given,
            "RENAME TABLE users TO old, old TO older;",
            rule,
        ),
        // Nobody has filled it.
        (
            Postgres,
            GIVEN,
            "ALTER TABLE users RENAME TO old;\nCREATE TABLE users (id bigint);",
            rule,
        ),
    ]);
}

#[test]
fn what_is_switched_off_is_as_good_as_dropped() {
    must_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE TRIGGER ALL;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE TRIGGER sync_total;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders ENABLE REPLICA TRIGGER sync_total;",
            RULE,
        ),
        (Postgres, GIVEN, "ALTER TABLE orders DISABLE RULE r;", RULE),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders ENABLE TRIGGER USER, DISABLE TRIGGER USER;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE TRIGGER ALL;\nALTER TABLE orders ENABLE TRIGGER USER;",
            RULE,
        ),
        (
            Mysql,
            "",
            "ALTER TABLE events EXCHANGE PARTITION p0 WITH TABLE archive;",
            RULE,
        ),
        (
            Postgres,
            "",
            "ALTER TABLE orders ALTER total SET EXPRESSION AS (a + b);",
            RULE,
        ),
        // Another trigger is back; or there is a moment when none is.
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE TRIGGER sync_total;\nALTER TABLE orders ENABLE TRIGGER sync_count;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "-- greylag:transaction off\nALTER TABLE orders DISABLE TRIGGER USER;\nALTER TABLE orders ENABLE TRIGGER USER;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "CREATE RULE r AS ON DELETE TO orders DO INSTEAD NOTHING;",
            "expand-restricts-writes",
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE ROW LEVEL SECURITY;",
            "expand-lifts-guarantee",
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders ENABLE ALWAYS TRIGGER sync_total;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE TRIGGER USER;\nUPDATE orders SET id = id WHERE id = 1;\nALTER TABLE orders ENABLE TRIGGER USER;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE TRIGGER sync_total;\nUPDATE orders SET id = id WHERE id = 1;\nALTER TABLE orders ENABLE TRIGGER ALL;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders DISABLE TRIGGER USER, ENABLE TRIGGER ALL;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE orders ADD COLUMN n bigint GENERATED ALWAYS AS (id + 1) STORED;\nALTER TABLE orders ALTER n SET EXPRESSION AS (id + 2);",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "-- greylag:phase contract\n-- greylag:change x\nALTER TABLE orders DISABLE TRIGGER ALL;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "CREATE RULE r AS ON DELETE TO orders DO ALSO NOTHING;",
            "expand-restricts-writes",
        ),
        // It is what makes a view take writes.
        (
            Postgres,
            GIVEN,
            "CREATE RULE r AS ON DELETE TO names DO INSTEAD DELETE FROM users WHERE name = old.name;",
            "expand-restricts-writes",
        ),
    ]);
}
