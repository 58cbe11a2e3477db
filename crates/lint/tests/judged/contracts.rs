//! What a contract may drop, and what still uses it.

use super::{must_not_tell, must_tell, rules};
use greylag_core::engine::Engine::{Mysql, Postgres};

#[test]
fn a_contract_drops_what_its_change_replaced_and_nothing_else() {
    let rule = "contract-drops-others";
    let given = "CREATE TABLE orders (id bigint PRIMARY KEY, total bigint, note text, mood mood);\n\
        CREATE INDEX by_note ON orders (note);\nCREATE INDEX by_total ON orders (total);\n\
        CREATE TABLE users (id bigint PRIMARY KEY, name text, CONSTRAINT named CHECK (name <> ''));\n\
        CREATE INDEX by_name ON users (name);\n\
        CREATE VIEW totals AS SELECT id, total FROM orders;\n\
        CREATE VIEW names AS SELECT name FROM users;\n\
        CREATE TYPE mood AS ENUM ('a');\nCREATE TYPE other AS ENUM ('a');\n";
    let change = "-- greylag:phase expand\n-- greylag:change c\nALTER TABLE orders ADD COLUMN total_cents bigint;\n\
        UPDATE orders SET total_cents = total * 100 WHERE id = 1;\n";
    let told = |earlier: &str, sql: &str| -> Vec<String> {
        let contract = format!("-- greylag:phase contract\n-- greylag:change c\n{sql}");
        let all = super::history(Postgres, &[given, earlier], &contract);
        all.into_iter().map(|(rule, _)| rule).collect()
    };
    for foreign in [
        "DROP TABLE users;",
        "ALTER TABLE orders DROP COLUMN note;",
        "ALTER TABLE users DROP COLUMN name;",
        "ALTER TABLE users DROP CONSTRAINT named;",
        "DROP VIEW names;",
        "DROP INDEX by_name;",
        "DROP INDEX by_note;",
        "DROP TYPE other;",
        "DROP FUNCTION g();",
        "DROP SEQUENCE s;",
        "DROP TRIGGER t ON users;",
        "ALTER TABLE users DROP COLUMN id;\nALTER TABLE users DROP COLUMN name;",
        "ALTER TABLE users RENAME TO users_old;\nDROP TABLE users_old;",
    ] {
        let told = told(change, foreign);
        assert!(told.iter().any(|id| id == rule), "{foreign}: {told:?}");
    }
    for own in [
        "DROP TABLE orders;",
        "ALTER TABLE orders DROP COLUMN total;",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey;",
        "DROP VIEW totals;",
        "DROP INDEX by_total;",
        "DROP TYPE mood;",
        "DROP TRIGGER t ON orders;",
        "ALTER TABLE orders RENAME TO orders_old;\nDROP TABLE orders_old;",
        "CREATE TABLE people AS SELECT * FROM users;\nDROP TABLE users;",
    ] {
        let told = told(change, own);
        assert!(told.iter().all(|id| id != rule), "{own}: {told:?}");
    }
    // Copied from, by a backfill.
    let copied = "-- greylag:phase backfill\n-- greylag:change c\nINSERT INTO people SELECT * FROM users WHERE :batch;\n";
    let rules = told(copied, "DROP TABLE users;");
    assert!(rules.iter().all(|id| id != rule), "{rules:?}");
    // No earlier migration says what the change is about, and another rule says that.
    let alone = rules_of_contract(given, "DROP TABLE users;");
    assert!(alone.iter().all(|id| id != rule), "{alone:?}");
}

fn rules_of_contract(given: &str, sql: &str) -> Vec<String> {
    let contract = format!("-- greylag:phase contract\n-- greylag:change c\n{sql}");
    rules(Postgres, given, &contract)
}

#[test]
fn what_still_uses_a_column_is_found_in_views_and_other_tables() {
    let rule = "drop-column-in-use";
    let given = "CREATE TABLE users (id bigint PRIMARY KEY, email text, name text, code text UNIQUE);\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, user_code text REFERENCES users (code), user_id bigint REFERENCES users);\n\
        CREATE VIEW mails AS SELECT u.email FROM users u;\n\
        CREATE VIEW upper_mails AS SELECT upper(email) AS big FROM mails;\n\
        CREATE TABLE notes (id bigint, body text, lang text);\n\
        CREATE INDEX lower_body ON notes (lower(body));\n\
        CREATE VIEW everything AS SELECT * FROM notes;\n";
    let contract = "-- greylag:phase contract\n-- greylag:change x\n";
    let with = |sql: &str| format!("{contract}{sql}");
    must_tell(&[
        (
            Postgres,
            given,
            &with("ALTER TABLE users DROP COLUMN email;"),
            rule,
        ),
        (
            Postgres,
            given,
            &with("ALTER TABLE users DROP COLUMN code;"),
            rule,
        ),
        (
            Postgres,
            given,
            &with("ALTER TABLE notes DROP COLUMN lang;"),
            rule,
        ),
        (
            Postgres,
            given,
            &with("ALTER TABLE notes DROP COLUMN body;"),
            rule,
        ),
        (
            Postgres,
            given,
            &with("ALTER TABLE users DROP COLUMN email CASCADE;"),
            "unjudged",
        ),
        (
            Postgres,
            "",
            &with("ALTER TABLE users DROP COLUMN email CASCADE;"),
            "unjudged",
        ),
        (
            Postgres,
            "",
            &with("ALTER TABLE users DROP CONSTRAINT u CASCADE;"),
            "unjudged",
        ),
    ]);
    let key = format!("{contract}ALTER TABLE users DROP COLUMN id;");
    let told = super::titles(Postgres, given, &key);
    assert!(
        told.iter()
            .any(|title| title.contains("a foreign key of orders")),
        "{told:?}"
    );
    must_not_tell(&[
        (
            Postgres,
            given,
            &with("ALTER TABLE users DROP COLUMN name;"),
            rule,
        ),
        (
            Postgres,
            given,
            &with("ALTER TABLE users DROP COLUMN name;"),
            "unjudged",
        ),
        // There the word means nothing.
        (
            Mysql,
            "",
            &with("ALTER TABLE users DROP COLUMN name CASCADE;"),
            "unjudged",
        ),
    ]);
}
