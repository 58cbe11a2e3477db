//! What follows a table or a column that gets another name.

use super::{must_not_tell, must_tell, titles};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres, Sqlite};
use greylag_lint::{Unit, claims};

const GIVEN: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(50));\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n";

#[test]
fn foreign_keys_follow_the_table_that_they_reference() {
    let given = format!("{GIVEN}ALTER TABLE users RENAME TO people;\n");
    for engine in [Postgres, Mysql, Mariadb, Sqlite] {
        let told = titles(engine, &given, "DELETE FROM people WHERE id = 5;");
        assert!(
            told.iter().any(|title| title.contains("orders")),
            "{told:?}"
        );
        // Another table that gets the name later has none.
        let other = format!("{given}CREATE TABLE users (id bigint PRIMARY KEY);\n");
        let told = titles(engine, &other, "DELETE FROM users WHERE id = 5;");
        assert!(
            !told.iter().any(|title| title.contains("orders")),
            "{told:?}"
        );
    }
    let swapped = format!(
        "{GIVEN}CREATE TABLE filled (id bigint PRIMARY KEY);\nRENAME TABLE users TO old, filled TO users;\n"
    );
    let rule = "drop-column-in-use";
    must_tell(&[(Mysql, &swapped, "ALTER TABLE old DROP COLUMN id;", rule)]);
    let told = titles(Mysql, &swapped, "ALTER TABLE users DROP COLUMN id;");
    assert!(
        !told.iter().any(|title| title.contains("orders")),
        "{told:?}"
    );
}

#[test]
fn foreign_keys_and_views_follow_a_column() {
    let given = format!(
        "{GIVEN}CREATE VIEW mails AS SELECT email FROM users;\n\
        ALTER TABLE users RENAME COLUMN id TO nr;\nALTER TABLE users RENAME COLUMN email TO mail;\n"
    );
    let told = titles(Postgres, &given, "ALTER TABLE users DROP COLUMN nr;");
    assert!(
        told.iter()
            .any(|title| title.contains("a foreign key of orders")),
        "{told:?}"
    );
    let told = titles(Postgres, &given, "ALTER TABLE users DROP COLUMN mail;");
    assert!(
        told.iter().any(|title| title.contains("the view mails")),
        "{told:?}"
    );
}

#[test]
fn partitions_and_views_follow_their_table() {
    let given = "CREATE TABLE events (id bigint, at date) PARTITION BY RANGE (at);\n\
        CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n\
        CREATE VIEW recent AS SELECT at FROM events;\nALTER TABLE events RENAME TO log;\n";
    let check = "ALTER TABLE log ADD CONSTRAINT c CHECK (id > 0);";
    let tables = locked(given, check);
    assert!(tables.contains(&"events_1".to_owned()), "{tables:?}");
    let told = titles(Postgres, given, "ALTER TABLE log DROP COLUMN at;");
    assert!(
        told.iter().any(|title| title.contains("the view recent")),
        "{told:?}"
    );
    // The word in a CHECK is quoted as it must be.
    let odd = "CREATE TABLE t (a int, b int, CONSTRAINT c CHECK (a > 0 AND b IS NOT NULL));\nALTER TABLE t RENAME COLUMN a TO \"we\"\"ird\";\n";
    must_not_tell(&[(
        Postgres,
        odd,
        "ALTER TABLE t ALTER b SET NOT NULL;",
        "set-not-null-scan",
    )]);
}

#[test]
fn triggers_that_nobody_knows_may_be_on_partitions_too() {
    let attach = "ALTER TABLE events ATTACH PARTITION events_1 FOR VALUES IN (1);";
    let switch = "ALTER TABLE events DISABLE TRIGGER ALL;";
    let tables = locked(attach, switch);
    assert!(tables.contains(&"events_1".to_owned()), "{tables:?}");
    let made = format!("CREATE TABLE events (id int) PARTITION BY LIST (id);\n{attach}");
    let tables = locked(&made, switch);
    assert!(
        !tables.contains(&"events_1".to_owned()),
        "there is none: {tables:?}"
    );
}

/// The tables that a statement of PostgreSQL is said to lock.
fn locked(given: &str, sql: &str) -> Vec<String> {
    let none = std::collections::BTreeMap::new();
    let units =
        [given, sql].map(|text| Unit::read(Postgres, "V1__a.sql", text.as_bytes(), None, &none));
    let claims = claims(&units).into_iter();
    claims.map(|claim| claim.table).collect()
}
