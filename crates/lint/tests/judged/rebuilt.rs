//! A table that takes the place of another: what it keeps, and what it asks.

use super::{must_not_tell, must_tell, titles};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres, Sqlite};

const DROPS: &str = "expand-drops";
const LIFTS: &str = "expand-lifts-guarantee";
const RESTRICTS: &str = "expand-restricts-writes";
const GIVEN: &str = "CREATE TABLE orgs (id integer PRIMARY KEY);\n\
    CREATE TABLE users (id integer PRIMARY KEY, email varchar(99) UNIQUE, status varchar(9) NOT NULL DEFAULT 'new', age integer, org integer, \
    CONSTRAINT old_enough CHECK (age > 17), CONSTRAINT of_org FOREIGN KEY (org) REFERENCES orgs (id));\n";
const COLUMNS: &str = "id integer PRIMARY KEY, email varchar(99) UNIQUE, status varchar(9) NOT NULL DEFAULT 'new', age integer CHECK (age > 17), \
    org integer, FOREIGN KEY (org) REFERENCES orgs (id)";

/// The same rebuild by every road there is.
fn roads(columns: &str) -> [String; 3] {
    let made = format!("CREATE TABLE users_new ({columns});\n");
    let copied = "INSERT INTO users_new SELECT * FROM users;\n";
    [
        format!("{made}{copied}DROP TABLE users;\nALTER TABLE users_new RENAME TO users;"),
        format!(
            "{made}{copied}ALTER TABLE users RENAME TO users_old;\nALTER TABLE users_new RENAME TO users;\nDROP TABLE users_old;"
        ),
        format!(
            "ALTER TABLE users RENAME TO users_old;\nCREATE TABLE users ({columns});\nINSERT INTO users SELECT * FROM users_old;\nDROP TABLE users_old;"
        ),
    ]
}

#[test]
fn a_rebuild_that_keeps_everything_is_silent() {
    let more =
        "extra integer, other varchar(9) NOT NULL DEFAULT 'x', CHECK (extra > 0), UNIQUE (extra)";
    for columns in [
        COLUMNS.to_owned(),
        format!(
            "{}, {more}",
            COLUMNS.replace(", FOREIGN KEY (org) REFERENCES orgs (id)", "")
        ),
    ] {
        for road in roads(&columns) {
            for engine in [Postgres, Sqlite, Mysql, Mariadb] {
                let keeps = columns == COLUMNS;
                for rule in [DROPS, LIFTS, RESTRICTS] {
                    if keeps || rule != LIFTS {
                        must_not_tell(&[(engine, GIVEN, &road, rule)]);
                    }
                }
            }
        }
    }
    // A wider CHECK belongs into an expand.
    let [wider, ..] = roads(&COLUMNS.replace("age > 17", "age > 10"));
    for rule in [LIFTS, RESTRICTS] {
        must_not_tell(&[
            (Sqlite, GIVEN, &wider, rule),
            (Postgres, GIVEN, &wider, rule),
        ]);
    }
    // The key comes back as an index, once the table has its name.
    let plain = COLUMNS.replace(" UNIQUE", "");
    let [road, ..] = roads(&plain);
    let again = format!("{road}\nCREATE UNIQUE INDEX users_email ON users (email);");
    must_not_tell(&[
        (Sqlite, GIVEN, &again, LIFTS),
        (Sqlite, GIVEN, &again, RESTRICTS),
    ]);
    must_tell(&[(Sqlite, GIVEN, &road, LIFTS)]);
}

#[test]
fn what_the_new_table_keeps_no_more_is_told_as_of_alter() {
    for (from, to, rule, title) in [
        (" UNIQUE", "", LIFTS, "the unique key"),
        (
            "integer PRIMARY KEY",
            "integer NOT NULL",
            LIFTS,
            "the unique key",
        ),
        (" CHECK (age > 17)", "", LIFTS, "the CHECK old_enough"),
        (
            ", FOREIGN KEY (org) REFERENCES orgs (id)",
            "",
            LIFTS,
            "the foreign key of_org",
        ),
        (
            "REFERENCES orgs (id)",
            "REFERENCES orgs (id) ON DELETE CASCADE",
            LIFTS,
            "comes back",
        ),
        (
            " NOT NULL DEFAULT 'new'",
            " DEFAULT 'new'",
            LIFTS,
            "NOT NULL of users.status",
        ),
        (
            " NOT NULL DEFAULT 'new'",
            " NOT NULL",
            DROPS,
            "the default of users.status",
        ),
    ] {
        let columns = COLUMNS.replace(from, to);
        assert_ne!(columns, COLUMNS);
        for engine in [Postgres, Sqlite, Mysql, Mariadb] {
            for road in roads(&columns) {
                must_tell(&[(engine, GIVEN, &road, rule)]);
                let told = titles(engine, GIVEN, &road);
                assert!(
                    told.iter().any(|own| own.contains(title)),
                    "{engine}: {road}: {told:?}"
                );
            }
        }
    }
}

#[test]
fn what_the_new_table_asks_is_told_as_of_alter() {
    for (from, to) in [
        ("email varchar(99)", "email varchar(99) NOT NULL"),
        ("age > 17", "age > 20"),
        ("status varchar(9)", "status varchar(9) UNIQUE"),
        (
            "status varchar(9)",
            "status varchar(9) CHECK (status <> 'x')",
        ),
        ("age integer", "age integer REFERENCES orgs (id)"),
        ("age integer", "needed integer NOT NULL, age integer"),
        (
            "id integer PRIMARY KEY,",
            "id integer NOT NULL, PRIMARY KEY (age),",
        ),
    ] {
        let columns = COLUMNS.replace(from, to);
        assert_ne!(columns, COLUMNS);
        for engine in [Postgres, Sqlite, Mariadb] {
            for road in roads(&columns) {
                must_tell(&[(engine, GIVEN, &road, RESTRICTS)]);
            }
        }
    }
    // A number that SQLite gives by itself, and an index that is made later.
    let given = "CREATE TABLE users (email varchar(99), age integer);";
    let [road, ..] = roads("id integer PRIMARY KEY, email varchar(99), age integer");
    must_not_tell(&[(Sqlite, given, &road, RESTRICTS)]);
    let index = format!("{road}\nCREATE UNIQUE INDEX ages ON users (age);");
    must_tell(&[
        (Sqlite, given, &index, RESTRICTS),
        (Postgres, given, &road, RESTRICTS),
    ]);
}

#[test]
fn a_table_that_a_query_makes_keeps_nothing() {
    let swap = "DROP TABLE users;\nALTER TABLE users_new RENAME TO users;";
    let copy = "CREATE TABLE users_new AS SELECT * FROM users;\n";
    for engine in [Postgres, Sqlite, Mysql, Mariadb] {
        let told = titles(engine, GIVEN, &format!("{copy}{swap}"));
        let has = |what: &str| told.iter().any(|own| own.contains(what));
        for lost in [
            "the unique key",
            "the CHECK old_enough",
            "the foreign key of_org",
        ] {
            assert!(has(lost), "{engine}: {lost}: {told:?}");
        }
        let copies = matches!(engine, Mysql | Mariadb);
        assert_eq!(
            has("the default of users.status"),
            !copies,
            "{engine}: {told:?}"
        );
        assert_eq!(
            has("NOT NULL of users.status"),
            !copies,
            "{engine}: {told:?}"
        );
    }
    let mended = "ALTER TABLE users_new ADD PRIMARY KEY (id), ADD UNIQUE (email), ALTER status SET NOT NULL, ALTER status SET DEFAULT 'new', \
        ADD CHECK (age > 17), ADD FOREIGN KEY (org) REFERENCES orgs (id);\n";
    let mended = format!("{copy}{mended}{swap}");
    for rule in [DROPS, LIFTS, RESTRICTS] {
        must_not_tell(&[(Postgres, GIVEN, &mended, rule)]);
    }
}

#[test]
fn of_a_table_that_no_migration_made_a_note_says_so() {
    for engine in [Postgres, Sqlite, Mysql, Mariadb] {
        let [road, ..] = roads("id integer PRIMARY KEY, email varchar(99) UNIQUE");
        let told = titles(engine, "", &road);
        let note = told.iter().filter(|own| own.contains("can't be told"));
        assert_eq!(note.count(), 1, "{engine}: {told:?}");
        must_not_tell(&[(engine, "", &road, RESTRICTS)]);
    }
}

#[test]
fn a_column_that_only_the_rebuild_knows_is_nobodys_matter() {
    let added = "ALTER TABLE users ADD COLUMN net integer REFERENCES orgs (id);\n";
    let plain = COLUMNS.replace("org integer,", "org integer, net integer CHECK (net > 0),");
    let [road, ..] = roads(&plain);
    let road = format!("{added}{road}");
    for rule in [DROPS, LIFTS, RESTRICTS] {
        must_not_tell(&[(Sqlite, GIVEN, &road, rule), (Postgres, GIVEN, &road, rule)]);
    }
    let required = road.replace("net integer CHECK (net > 0)", "net integer NOT NULL");
    must_tell(&[(Sqlite, GIVEN, &required, RESTRICTS)]);
}
