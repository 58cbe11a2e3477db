//! An app that leaves a column out: whether it can, once the default is dropped, is what the lint says.

use super::servers;
use greylag_core::engine::Engine;
use greylag_lab::Server;
use greylag_lint::{Settings, Unit, lint};
use std::collections::BTreeMap;

const COLUMNS: [&str; 5] = [
    "int",
    "int DEFAULT 5",
    "int DEFAULT NULL",
    "int NOT NULL DEFAULT 5",
    "int NOT NULL",
];
const DROP: &str = "ALTER TABLE t ALTER n DROP DEFAULT;";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_dropped_default_is_what_servers_do() {
    for (engine, lab) in [
        (Engine::Postgres, greylag_lab::Engine::Postgres),
        (Engine::Mysql, greylag_lab::Engine::MySql),
        (Engine::Mariadb, greylag_lab::Engine::MariaDb),
    ] {
        for server in servers::of(lab).await {
            for column in COLUMNS {
                let (before, mut after) = left_out(&server, column).await;
                // MariaDB 11.4.5 refuses what 10.11.19 and 11.8.6 take as null: what one may refuse, is told for all.
                if engine == Engine::Mariadb {
                    after = after.filter(|value| value != "null");
                }
                let there = format!("CREATE TABLE t (id int PRIMARY KEY, n {column});");
                assert_eq!(
                    is_told(engine, Some(&there), DROP),
                    before != after,
                    "{engine} {}: {there} {before:?}, {after:?}",
                    server.installation().version
                );
                // An app that doesn't know the column has no use for another value in it.
                let added = format!("ALTER TABLE t ADD COLUMN n {column};\n{DROP}");
                assert_eq!(
                    is_told(engine, Some("CREATE TABLE t (id int PRIMARY KEY);"), &added),
                    before.is_some() && after.is_none(),
                    "{engine} {}: {added} {before:?}, {after:?}",
                    server.installation().version
                );
            }
        }
    }
}

/// What stands in the column for whoever leaves it out, before and after; none where that is refused.
async fn left_out(server: &Server, column: &str) -> (Option<String>, Option<String>) {
    let database = server.database("defaults").await.unwrap().name;
    let table = format!("CREATE TABLE t (id int PRIMARY KEY, n {column})");
    server.execute(&database, &table).await.unwrap();
    let before = inserted(server, &database, 1).await;
    let drop = DROP.trim_end_matches(';');
    server.execute(&database, drop).await.unwrap();
    (before, inserted(server, &database, 2).await)
}

async fn inserted(server: &Server, database: &str, id: u32) -> Option<String> {
    let insert = format!("INSERT INTO t (id) VALUES ({id})");
    server.execute(database, &insert).await.ok()?;
    let value = format!("SELECT coalesce(cast(n AS char(9)), 'null') FROM t WHERE id = {id}");
    server.value(database, &value).await.unwrap()
}

fn is_told(engine: Engine, given: Option<&str>, sql: &str) -> bool {
    let none = BTreeMap::new();
    let read = |script: &str, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let earlier = given.map(|text| read("V1__given.sql", text).earlier());
    let units: Vec<Unit> = earlier
        .into_iter()
        .chain([read("V2__drop.sql", sql)])
        .collect();
    let report = lint(&units, &Settings::default(), None);
    let mut findings = report.findings.iter();
    findings.any(|finding| finding.rule == "expand-drops")
}
