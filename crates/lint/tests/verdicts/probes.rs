//! The query that counts what stands against a change: it runs on the server, counts what is there, and the change is refused for it.

use greylag_core::engine::Engine::{self, Mariadb, Mysql, Postgres, Sqlite};
use greylag_lint::{Settings, TableClass, Unit, lint};
use std::collections::BTreeMap;

const GIVEN: &str = "CREATE TABLE users (id bigint PRIMARY KEY);\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total bigint, email varchar(50));\n\
    INSERT INTO users (id) VALUES (1);\n\
    INSERT INTO orders (id, user_id, total, email) VALUES (1, 1, 5, 'a'), (2, 9, -5, 'a'), (3, NULL, 5000000000, 'b'), (4, 1, NULL, 'longer'), (5, 1, 7, NULL), (6, 1, 8, NULL);";

const SERVERS: &[Engine] = &[Postgres, Mysql, Mariadb];
const MYSQLS: &[Engine] = &[Mysql, Mariadb];

/// Where, what, and how many it counts.
const CASES: &[(&[Engine], &str, &str)] = &[
    (
        &[Postgres],
        "ALTER TABLE orders ALTER COLUMN total SET NOT NULL;",
        "1",
    ),
    (
        &[Postgres],
        "ALTER TABLE \"orders\" ALTER COLUMN \"total\" SET NOT NULL;",
        "1",
    ),
    (
        SERVERS,
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0 AND total < 100);",
        "2",
    ),
    (SERVERS, "ALTER TABLE orders ADD UNIQUE (email);", "1"),
    (
        SERVERS,
        "ALTER TABLE orders ADD CONSTRAINT known FOREIGN KEY (user_id) REFERENCES users (id);",
        "1",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users;",
        "1",
    ),
    (
        SERVERS,
        "ALTER TABLE orders ADD CONSTRAINT own FOREIGN KEY (user_id) REFERENCES orders (id);",
        "1",
    ),
    (
        &[Postgres, Mysql, Mariadb, Sqlite],
        "CREATE UNIQUE INDEX one ON orders (email, user_id);",
        "0",
    ),
    (
        &[Postgres, Mysql, Mariadb, Sqlite],
        "CREATE UNIQUE INDEX one ON orders (email);",
        "1",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ALTER COLUMN total TYPE int;",
        "1",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ALTER COLUMN email TYPE varchar(3);",
        "1",
    ),
    (MYSQLS, "ALTER TABLE `orders` MODIFY `total` int;", "1"),
    (
        MYSQLS,
        "ALTER TABLE orders MODIFY total bigint unsigned NOT NULL;",
        "1",
    ),
    (MYSQLS, "ALTER TABLE orders MODIFY total int unsigned;", "2"),
    (
        MYSQLS,
        "ALTER TABLE orders CHANGE email address varchar(3);",
        "1",
    ),
    (
        MYSQLS,
        "ALTER TABLE orders MODIFY total bigint NOT NULL;",
        "1",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_violators_counts_them_on_postgres() {
    on(greylag_lab::Engine::Postgres, Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_violators_counts_them_on_mysql() {
    on(greylag_lab::Engine::MySql, Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_violators_counts_them_on_mariadb() {
    on(greylag_lab::Engine::MariaDb, Mariadb).await;
}

#[test]
fn what_counts_violators_counts_them_on_sqlite() {
    for (sql, count) in of(Sqlite) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch(GIVEN).unwrap();
        let query = query(Sqlite, sql).unwrap_or_else(|| panic!("no query: {sql}"));
        let found: i64 = connection
            .query_row(&query, [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(found.to_string(), count, "{query}");
        assert_eq!(connection.execute_batch(sql).is_err(), found > 0, "{sql}");
    }
}

async fn on(server: greylag_lab::Engine, engine: Engine) {
    let Some(server) = greylag_lab::require(server).await else {
        return;
    };
    for (sql, count) in of(engine) {
        let Some(query) = query(engine, sql) else {
            assert_eq!(count, "", "no query: {sql}");
            continue;
        };
        if count.is_empty() {
            continue;
        }
        let database = server.database("probe").await.unwrap();
        server.execute(&database.name, GIVEN).await.unwrap();
        let found = server.value(&database.name, &query).await;
        let found = found.unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(found.as_deref(), Some(count), "{query}");
        let refused = server.execute(&database.name, sql).await.is_err();
        assert_eq!(refused, count != "0", "{sql}");
    }
}

fn of(engine: Engine) -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = CASES.iter().filter(move |case| case.0.contains(&engine));
    own.map(|(_, sql, count)| (*sql, *count))
}

/// As the finding has it.
fn query(engine: Engine, sql: &str) -> Option<String> {
    let settings = Settings {
        default_class: Some(TableClass::Sharded),
        ..Settings::default()
    };
    let read =
        |name: &str, text: &str| Unit::read(engine, name, text.as_bytes(), None, &BTreeMap::new());
    let units = [
        read("V1__given.sql", GIVEN).earlier(),
        read("V2__change.sql", sql),
    ];
    let report = lint(&units, &settings, None);
    let told = report
        .findings
        .iter()
        .find(|f| f.rule == "may-fail-on-some-shard");
    let told = told.unwrap_or_else(|| panic!("not told: {sql}"));
    // MySQL quotes names with the same sign: the query ends where the sentence goes on.
    let instead = told.message.instead.as_deref().unwrap();
    let (query, _) = instead
        .split_once(": `")?
        .1
        .split_once("`. In a migration")?;
    Some(query.to_owned())
}
