//! MySQL and MariaDB: how the server carries out each case of `mysql.sql` is what the lint says.

use super::{cases, servers};
use greylag_core::{engine::Engine, script::tokens};
use greylag_lab::Server;
use greylag_lint::{Settings, Unit, Versions, lint};
use std::collections::{BTreeMap, BTreeSet};

const CASES: &str = include_str!("mysql.sql");

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_odd_alters_is_what_mysql_does() {
    all(Engine::Mysql, greylag_lab::Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_odd_alters_is_what_mariadb_does() {
    all(Engine::Mariadb, greylag_lab::Engine::MariaDb).await;
}

async fn all(engine: Engine, lab: greylag_lab::Engine) {
    let mut wrong = Vec::new();
    for server in servers::of(lab).await {
        wrong.extend(compare(engine, &server).await);
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// How a change is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Only the dictionary changes.
    Quick,
    /// In place, building or writing anew.
    Long,
    Copy,
    Refused,
}

async fn compare(engine: Engine, server: &Server) -> Vec<String> {
    let (given, cases) = cases(CASES);
    let version = &server.installation().version;
    let mut wrong = Vec::new();
    for (name, sql) in &cases {
        let Some(said) = said(engine, version, &given, sql) else {
            println!("not judged: {engine} {name}");
            continue;
        };
        let database = server.database("odd").await.unwrap().name;
        server.execute(&database, &given).await.unwrap();
        let seen = seen(engine, server, &database, sql.trim()).await;
        if seen.as_ref() != Ok(&said) {
            wrong.push(format!(
                "{engine} {version} {name}: {sql}    said {said:?}, is {seen:?}"
            ));
        }
        server
            .execute("mysql", &format!("DROP DATABASE {database}"))
            .await
            .unwrap();
    }
    assert!(cases.len() > 45);
    wrong
}

/// None where the lint says that it can't judge.
fn said(engine: Engine, version: &str, given: &str, sql: &str) -> Option<Way> {
    let none = BTreeMap::new();
    let read = |script, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", given).earlier(),
        read("V2__case.sql", sql),
    ];
    let version = version.parse().unwrap();
    let mut settings = Settings::default();
    settings.versions.insert(
        engine,
        Versions {
            oldest: version,
            newest: version,
        },
    );
    let report = lint(&units, &settings, None);
    assert!(units[1].content.is_ok(), "{sql}");
    if !report.coverage.unjudged.is_empty() {
        return None;
    }
    let speaks = |rule: &str| report.findings.iter().any(|f| f.rule == rule);
    let mut findings = report.findings.iter();
    let copied = findings.any(|f| f.rule == "copies-table" && f.title.contains("copied"));
    Some(if speaks("add-column-refused") {
        Way::Refused
    } else if copied {
        Way::Copy
    } else if speaks("replayed-as-a-whole") || speaks("copies-table") {
        Way::Long
    } else {
        Way::Quick
    })
}

async fn seen(engine: Engine, server: &Server, database: &str, sql: &str) -> Result<Way, String> {
    // Behind ALTER TABLE t.
    let behind = tokens(engine.dialect(), sql).nth(2).unwrap().span.end;
    let with = |options: &str| {
        let rest = sql[behind..].trim_end_matches(';');
        format!("{} {options}, {rest}", &sql[..behind])
    };
    let before = stored(engine, server, database).await;
    for (options, instant) in [
        ("ALGORITHM=INSTANT", true),
        ("ALGORITHM=INPLACE, LOCK=NONE", false),
        ("ALGORITHM=INPLACE, LOCK=SHARED", false),
    ] {
        if server.execute(database, &with(options)).await.is_err() {
            continue;
        }
        let after = stored(engine, server, database).await;
        let anew = !before.0.is_subset(&after.0);
        let built = !after.1.is_subset(&before.1);
        return Ok(match (instant, anew, built) {
            (true, true, _) => Way::Copy,
            (_, true, _) | (_, _, true) => Way::Long,
            _ => Way::Quick,
        });
    }
    let copied = server.execute(database, &with("ALGORITHM=COPY")).await;
    match copied {
        Ok(()) => Ok(Way::Copy),
        // What MySQL can't log as a statement.
        Err(error) if error.to_string().contains("1674") => Ok(Way::Refused),
        Err(error) => Err(error.to_string()),
    }
}

/// The numbers that InnoDB has for the database's tables, and for their indexes.
async fn stored(
    engine: Engine,
    server: &Server,
    database: &str,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let sys = if engine == Engine::Mariadb {
        "INNODB_SYS"
    } else {
        "INNODB"
    };
    // Fulltext indexes have tables of their own.
    let of = format!("t.NAME LIKE '{database}/%' AND t.NAME NOT LIKE '%/fts%'");
    let tables = format!("SELECT TABLE_ID FROM information_schema.{sys}_TABLES t WHERE {of}");
    let indexes = format!(
        "SELECT INDEX_ID FROM information_schema.{sys}_INDEXES i JOIN information_schema.{sys}_TABLES t USING (TABLE_ID) WHERE {of}"
    );
    let mut found = Vec::new();
    for sql in [tables, indexes] {
        let rows = server.rows("mysql", &sql).await.unwrap().into_iter();
        found.push(rows.filter_map(|mut row| row.pop()?.1).collect());
    }
    let indexes = found.pop().unwrap();
    (found.pop().unwrap(), indexes)
}
