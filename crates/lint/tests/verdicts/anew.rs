//! What a file takes away and makes anew: whether the old app misses it on a real server is what the lint says.

use super::servers;
use greylag_core::engine::Engine::{self, Mariadb, Mysql, Postgres, Sqlite};
use greylag_lint::{Settings, Unit, lint};
use rusqlite::Connection;
use std::collections::BTreeMap;

const GIVEN: &str = "CREATE TABLE users (id int PRIMARY KEY, email varchar(50));\n\
    INSERT INTO users (id, email) VALUES (1, 'a'), (2, 'b');\n\
    CREATE TABLE orders (id int PRIMARY KEY, user_id int, CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
    INSERT INTO orders (id, user_id) VALUES (7, 1);\n\
    CREATE VIEW mails AS SELECT id, email FROM users;\n";
const ON_POSTGRES: &str = "CREATE SCHEMA archive;\n\
    CREATE FUNCTION total(id int) RETURNS int LANGUAGE sql AS 'select 1';\n\
    CREATE FUNCTION sync() RETURNS trigger LANGUAGE plpgsql AS 'begin new.id := 99; return new; end';\n\
    CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION sync();\n";
const ON_MYSQL: &str = "CREATE TABLE events (id int) PARTITION BY HASH (id) PARTITIONS 1;\n\
    INSERT INTO events (id) VALUES (1);\nCREATE TABLE other (id int);\n";

/// A file, and what the old app asks afterwards: a one where it finds what it knows.
struct Case {
    engines: &'static [Engine],
    sql: &'static str,
    asks: &'static str,
    rule: &'static str,
}

const ALL: &[Engine] = &[Postgres, Mysql, Mariadb, Sqlite];
const HAS_ROWS: &str =
    "SELECT CASE WHEN count(*) = 2 THEN 1 ELSE 0 END FROM users WHERE email IN ('a', 'b')";
const CASES: &[Case] = &[
    Case {
        engines: &[Postgres],
        sql: "CREATE TABLE archive.users AS SELECT * FROM users;\nDELETE FROM users;",
        asks: HAS_ROWS,
        rule: "empties-table",
    },
    Case {
        engines: &[Postgres],
        sql: "SET search_path TO archive;\nCREATE TABLE users AS SELECT * FROM public.users;\nDELETE FROM public.users;",
        asks: HAS_ROWS,
        rule: "empties-table",
    },
    Case {
        engines: &[Postgres],
        sql: "SET search_path TO archive;\nCREATE TABLE users AS SELECT * FROM public.users;\nDELETE FROM users;",
        asks: HAS_ROWS,
        rule: "empties-table",
    },
    // A temporary table hides the real one.
    Case {
        engines: ALL,
        sql: "CREATE TEMPORARY TABLE users AS SELECT 5 AS id;\nDELETE FROM users;",
        asks: HAS_ROWS,
        rule: "empties-table",
    },
    Case {
        engines: ALL,
        sql: "CREATE TEMPORARY TABLE orders AS SELECT 5 AS id;\nDROP TABLE orders;",
        asks: "SELECT count(*) FROM orders",
        rule: "expand-drops",
    },
    Case {
        engines: ALL,
        sql: "CREATE TEMPORARY TABLE orders AS SELECT 5 AS id;\nDROP TABLE orders;\nDROP TABLE orders;",
        asks: "SELECT count(*) FROM orders",
        rule: "expand-drops",
    },
    Case {
        engines: &[Postgres],
        sql: "CREATE TEMPORARY TABLE users AS SELECT 5 AS id;\nDELETE FROM public.users;",
        asks: HAS_ROWS,
        rule: "empties-table",
    },
    Case {
        engines: &[Mysql, Mariadb],
        sql: "DROP TEMPORARY TABLE IF EXISTS orders;\nCREATE TEMPORARY TABLE orders AS SELECT 5 AS id;",
        asks: "SELECT count(*) FROM orders",
        rule: "expand-drops",
    },
    // Who looks into a table has not copied it.
    Case {
        engines: ALL,
        sql: "CREATE TABLE audit (n int);\nINSERT INTO audit (n) SELECT count(*) FROM orders WHERE user_id IN (SELECT id FROM users);\n\
            DROP TABLE orders;\nDROP VIEW mails;\nDROP TABLE users;\nCREATE TABLE users (id int PRIMARY KEY, email varchar(50));",
        asks: HAS_ROWS,
        rule: "expand-drops",
    },
    Case {
        engines: &[Postgres],
        sql: "ALTER TABLE orders DROP CONSTRAINT fk;\nDROP VIEW mails;\nALTER TABLE users DROP CONSTRAINT users_pkey;\nALTER TABLE users RENAME TO users_1;\n\
            CREATE TABLE users (id int, email varchar(50)) PARTITION BY RANGE (id);\n\
            ALTER TABLE users ATTACH PARTITION users_1 FOR VALUES FROM (0) TO (10);",
        asks: HAS_ROWS,
        rule: "expand-renames",
    },
    // What CASCADE takes along.
    Case {
        engines: &[Postgres],
        sql: "DROP FUNCTION sync() CASCADE;\nCREATE FUNCTION sync() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';",
        asks: "SELECT count(*) FROM pg_trigger WHERE tgname = 't'",
        rule: "expand-drops",
    },
    Case {
        engines: &[Postgres],
        sql: "CREATE TABLE next AS SELECT * FROM users;\nDROP TABLE users CASCADE;\nALTER TABLE next RENAME TO users;",
        asks: "SELECT count(*) FROM pg_constraint WHERE conname = 'fk'",
        rule: "expand-drops",
    },
    // What comes back otherwise.
    Case {
        engines: &[Postgres],
        sql: "DROP FUNCTION total(int);\nCREATE FUNCTION total(int, boolean) RETURNS int LANGUAGE sql AS 'select 1';",
        asks: "SELECT total(1)",
        rule: "expand-drops",
    },
    Case {
        engines: &[Postgres],
        sql: "DROP FUNCTION total(integer);\nCREATE FUNCTION total(n int4, boolean DEFAULT false) RETURNS int LANGUAGE sql AS 'select 1';",
        asks: "SELECT total(1)",
        rule: "expand-drops",
    },
    Case {
        engines: &[Postgres],
        sql: "DROP FUNCTION total(int);\nCREATE FUNCTION total(int) RETURNS text LANGUAGE sql AS 'select null::text';",
        asks: "SELECT coalesce(total(1), '0')",
        rule: "expand-drops",
    },
    Case {
        engines: ALL,
        sql: "DROP VIEW mails;\nCREATE VIEW mails AS SELECT id FROM users;",
        asks: "SELECT CASE WHEN count(email) = 2 THEN 1 ELSE 0 END FROM mails",
        rule: "expand-drops",
    },
    Case {
        engines: ALL,
        sql: "DROP VIEW mails;\nCREATE VIEW mails AS SELECT email, id, 1 AS one FROM users;",
        asks: "SELECT CASE WHEN count(email) = 2 THEN 1 ELSE 0 END FROM mails",
        rule: "expand-drops",
    },
    // Foreign keys go with a table that gets another name.
    Case {
        engines: ALL,
        sql: "ALTER TABLE users RENAME TO people;\nDELETE FROM people WHERE id = 1;",
        asks: "SELECT count(*) FROM orders",
        rule: "write-without-batch",
    },
    Case {
        engines: &[Postgres],
        sql: "ALTER TABLE orders DISABLE TRIGGER t;\nALTER TABLE orders ENABLE TRIGGER ALL;",
        asks: "SELECT count(*) FROM pg_trigger WHERE tgname = 't' AND tgenabled = 'O'",
        rule: "expand-drops",
    },
    Case {
        engines: &[Postgres],
        sql: "ALTER TABLE orders DISABLE TRIGGER ALL;\nALTER TABLE orders ENABLE TRIGGER USER;",
        asks: "SELECT CASE WHEN count(*) = 0 THEN 1 ELSE 0 END FROM pg_trigger WHERE tgenabled = 'D'",
        rule: "expand-drops",
    },
    Case {
        engines: &[Mysql, Mariadb],
        sql: "ALTER TABLE events EXCHANGE PARTITION p0 WITH TABLE other;",
        asks: "SELECT count(*) FROM events",
        rule: "expand-drops",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_app_misses_is_told() {
    let mut wrong = Vec::new();
    for (engine, lab) in [
        (Postgres, greylag_lab::Engine::Postgres),
        (Mysql, greylag_lab::Engine::MySql),
        (Mariadb, greylag_lab::Engine::MariaDb),
    ] {
        for server in servers::of(lab).await {
            for case in CASES.iter().filter(|case| case.engines.contains(&engine)) {
                let database = server.database("anew").await.unwrap().name;
                server.execute(&database, &given(engine)).await.unwrap();
                let sql = case.sql;
                let ran = server.execute(&database, sql).await;
                ran.unwrap_or_else(|error| panic!("{engine} {sql}: {error}"));
                let found = server.value(&database, case.asks).await.ok().flatten();
                wrong.extend(compare(engine, case, found.as_deref()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_old_app_misses_on_sqlite_is_told() {
    let mut wrong = Vec::new();
    let cases = CASES.iter().filter(|case| case.engines.contains(&Sqlite));
    for (at, case) in cases.enumerate() {
        let path = format!("file:anew{at}?mode=memory&cache=shared");
        let keeps = Connection::open(&path).unwrap();
        keeps.execute_batch(&given(Sqlite)).unwrap();
        let session = Connection::open(&path).unwrap();
        session.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        session.execute_batch(case.sql).unwrap();
        let found = keeps.query_row(case.asks, [], |row| row.get::<_, i64>(0));
        let found = found.ok().map(|found| found.to_string());
        wrong.extend(compare(Sqlite, case, found.as_deref()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn given(engine: Engine) -> String {
    match engine {
        Postgres => format!("{GIVEN}{ON_POSTGRES}"),
        Mysql | Mariadb => format!("{GIVEN}{ON_MYSQL}"),
        Sqlite => GIVEN.to_owned(),
    }
}

/// What is said of the file, where that isn't what came of it.
fn compare(engine: Engine, case: &Case, found: Option<&str>) -> Option<String> {
    let none = BTreeMap::new();
    let read = |script: &str, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", &given(engine)).earlier(),
        read("V2__anew.sql", case.sql),
    ];
    let report = lint(&units, &Settings::default(), None);
    let rules: Vec<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    let told = rules.contains(&case.rule);
    let missed = found != Some("1");
    (told != missed).then(|| format!("{engine}: {}: {found:?}, {rules:?}", case.sql))
}
