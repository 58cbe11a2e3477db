//! PostgreSQL: the locks that a transaction holds after a case of `postgres.sql`, and the tables that it wrote anew, are what
//! the lint says of it, table by table.

use super::{cases, servers};
use greylag_core::engine::Engine;
use greylag_lab::Server;
use greylag_lint::{Claim, Settings, Unit, claims, effects::Rewrite, lint};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

const CASES: &str = include_str!("postgres.sql");

/// From the weakest, as readers and writers feel it. ACCESS SHARE keeps nobody out but those who keep out everybody.
const LOCKS: [(&str, &str); 7] = [
    ("RowShareLock", "ROW SHARE"),
    ("ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"),
    ("RowExclusiveLock", "ROW EXCLUSIVE"),
    ("ShareLock", "SHARE"),
    ("ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"),
    ("ExclusiveLock", "EXCLUSIVE"),
    ("AccessExclusiveLock", "ACCESS EXCLUSIVE"),
];

const QUIET: &str = "SHARE UPDATE EXCLUSIVE";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_odd_migrations_is_what_postgres_does() {
    let mut wrong = Vec::new();
    for server in servers::of(greylag_lab::Engine::Postgres).await {
        wrong.extend(compare(&server).await);
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn compare(server: &Server) -> Vec<String> {
    let version = &server.installation().version;
    let (given, cases) = cases(CASES);
    let template = server.database("given").await.unwrap().name;
    server.execute(&template, &given).await.unwrap();
    let mut wrong = Vec::new();
    for (number, (name, sql)) in cases.iter().enumerate() {
        let since = name.strip_prefix('[').and_then(|name| name.split_once(']'));
        if since.is_some_and(|(since, _)| server.installation().major() < since.parse().unwrap()) {
            continue;
        }
        let database = format!("verdict_{number}");
        let copy = format!("CREATE DATABASE {database} TEMPLATE {template}");
        server.execute("postgres", &copy).await.unwrap();
        let seen = run(server, &database, sql).await;
        let drop = format!("DROP DATABASE {database} WITH (FORCE)");
        server.execute("postgres", &drop).await.unwrap();
        let (tables, seen) = match seen {
            Ok(seen) => seen,
            Err(error) => {
                wrong.push(format!("{version} {name}: {sql}    {error}"));
                continue;
            }
        };
        let said = said(name, &given, sql, &tables);
        // What keeps out neither reads nor writes need not be told.
        let mut seen = seen;
        if let Some(said) = &said {
            seen.retain(|table, (lock, written)| {
                said.contains_key(table) || *written || strength(*lock) > strength(Some(QUIET))
            });
        }
        if let Some(said) = said
            && said != seen
        {
            wrong.push(format!(
                "{version} {name}: {sql}    said {said:?}\n    is   {seen:?}"
            ));
        }
    }
    println!("PostgreSQL {version}: {} cases", cases.len());
    assert!(cases.len() > 140);
    wrong
}

/// Of a table: the strongest lock, and whether it was written anew.
type Verdict = BTreeMap<String, (Option<&'static str>, bool)>;

/// None where the lint says that it can't judge.
fn said(name: &str, given: &str, sql: &str, tables: &BTreeSet<String>) -> Option<Verdict> {
    let none = BTreeMap::new();
    let read =
        |script, text: &str| Unit::read(Engine::Postgres, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", given).earlier(),
        read("V2__case.sql", sql),
    ];
    assert!(units[1].content.is_ok(), "{name}: {:?}", units[1].content);
    let report = lint(&units, &Settings::default(), None);
    if let Some(unjudged) = report.coverage.unjudged.first() {
        println!("not judged: {name}: {}", unjudged.why);
        return None;
    }
    let mut verdict = Verdict::new();
    for Claim {
        table,
        lock,
        rewrite,
        ..
    } in claims(&units)
    {
        // What the case itself made is nobody else's yet.
        let plain = table.trim_start_matches("public.");
        if !tables.contains(plain) {
            continue;
        }
        let entry = verdict.entry(plain.to_owned()).or_default();
        if strength(lock) > strength(entry.0) {
            entry.0 = lock;
        }
        entry.1 |= rewrite == Rewrite::Table && lock == Some("ACCESS EXCLUSIVE");
    }
    verdict.retain(|_, (lock, written)| lock.is_some() || *written);
    Some(verdict)
}

fn strength(lock: Option<&str>) -> usize {
    let at = LOCKS.iter().position(|(_, name)| Some(*name) == lock);
    at.map_or(0, |at| at + 1)
}

/// The tables that there were before, and what became of them.
async fn run(
    server: &Server,
    database: &str,
    sql: &str,
) -> Result<(BTreeSet<String>, Verdict), String> {
    let url = server.superuser_url(database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let before = files(&client).await;
    client.batch_execute("BEGIN").await.unwrap();
    client
        .batch_execute(sql)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let held = rows(&client, "SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL AND granted").await;
    let after = files(&client).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    let mut verdict = Verdict::new();
    for row in held {
        let (Some((relation, _)), Some((_, lock))) = (
            before.get(&row[0]),
            LOCKS.iter().find(|(mode, _)| *mode == row[1]),
        ) else {
            continue;
        };
        let entry = verdict.entry(relation.clone()).or_default();
        if strength(Some(lock)) > strength(entry.0) {
            entry.0 = Some(lock);
        }
    }
    for (oid, (relation, file)) in &before {
        if after.get(oid).is_some_and(|(_, now)| now != file) {
            verdict.entry(relation.clone()).or_default().1 = true;
        }
    }
    let tables = before.into_values().map(|(name, _)| name).collect();
    Ok((tables, verdict))
}

/// Tables and views that are there, by number: their names and files.
async fn files(client: &Client) -> BTreeMap<String, (String, String)> {
    let sql = "SELECT c.oid, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || relname, coalesce(pg_relation_filenode(c.oid)::text, '') \
               FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
               WHERE relkind IN ('r', 'p', 'm', 'v') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    let found = rows(client, sql).await.into_iter();
    found
        .map(|mut row| {
            let file = row.pop().unwrap();
            let name = row.pop().unwrap();
            (row.pop().unwrap(), (name, file))
        })
        .collect()
}

async fn rows(client: &Client, sql: &str) -> Vec<Vec<String>> {
    let messages = client
        .simple_query(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|at| row.get(at).unwrap_or_default().to_owned())
                .collect(),
        ),
        _ => None,
    });
    rows.collect()
}
