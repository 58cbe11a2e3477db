//! Each rule's `bad.sql` and `good.sql` on the real engine: what the lint talks about is what servers take, and what it says
//! a server refuses is refused.

use greylag_core::engine::{Dialect, Engine};
use greylag_lab::Server;
use greylag_lint::{
    Group, Rule, Unit,
    rules::{self, example::Example},
    unit::Content,
};

#[tokio::test(flavor = "multi_thread")]
async fn examples_run_on_postgres() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::Postgres).await else {
        return;
    };
    run_all(Engine::Postgres, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_run_on_mysql() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::MySql).await else {
        return;
    };
    run_all(Engine::Mysql, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_run_on_mariadb() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::MariaDb).await else {
        return;
    };
    run_all(Engine::Mariadb, &server).await;
}

#[test]
fn examples_run_on_sqlite() {
    let mut wrong = Vec::new();
    for (rule, name, example) in examples(Engine::Sqlite) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection
            .execute_batch("PRAGMA foreign_keys = ON")
            .unwrap();
        for (unit, file) in example.units(Engine::Sqlite).iter().zip(&example.files) {
            let Ok(content) = &unit.content else {
                panic!("{}: {:?}", rule.id, unit.content)
            };
            let mut sql: Vec<String> = statements(content);
            if content.in_transaction() {
                sql.insert(0, "BEGIN".to_owned());
                sql.push("COMMIT".to_owned());
            }
            let answer = sql.iter().try_for_each(|sql| connection.execute_batch(sql));
            if answer.is_err() && !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK").unwrap();
            }
            if answer.is_ok() == file.refused {
                wrong.push(format!("{} {name} {}: {answer:?}", rule.id, file.script));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn run_all(engine: Engine, server: &Server) {
    let mut wrong = Vec::new();
    let mut ran = 0;
    for (rule, name, example) in examples(engine) {
        let database = server.database("lint").await.unwrap();
        for (unit, file) in example.units(engine).iter().zip(&example.files) {
            ran += 1;
            let answer = run(server, &database.name, unit).await;
            if answer.is_ok() == file.refused {
                wrong.push(format!("{} {name} {}: {answer:?}", rule.id, file.script));
            }
        }
        // What belongs to the server stays behind otherwise.
        let _ = server
            .execute(&database.name, "DROP ROLE greylag_lint_reader")
            .await;
    }
    assert!(ran > 20, "{ran}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As Greylag runs it: one transaction, or statement by statement.
async fn run(server: &Server, database: &str, unit: &Unit) -> Result<(), String> {
    let content = unit
        .content
        .as_ref()
        .map_err(|errors| format!("{errors:?}"))?;
    let whole = unit.engine.dialect() == Dialect::Postgres
        && (content.in_transaction() || content.script.controls_transactions());
    let mut sql = statements(content);
    if whole {
        let all = sql.join(";\n");
        let wrapped = if content.in_transaction() {
            format!("BEGIN;\n{all};\nCOMMIT")
        } else {
            all
        };
        sql = vec![wrapped];
    }
    for sql in sql {
        server
            .execute(database, &sql)
            .await
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// A backfill's one batch is the whole table here.
fn statements(content: &Content) -> Vec<String> {
    let script = &content.script;
    let statements = script.statements.iter();
    statements
        .map(|s| script.sql(s).replace(":batch", "1 = 1"))
        .collect()
}

fn examples(engine: Engine) -> Vec<(&'static Rule, &'static str, Example)> {
    let mut found = Vec::new();
    for rule in rules::all().iter().copied() {
        if rule.group == Group::Squawk || !rule.dialects.contains(&engine.dialect()) {
            continue;
        }
        for (name, text) in [("bad", rule.bad), ("good", rule.good)] {
            let example = Example::parse(text).unwrap();
            let for_all = rule.dialects.len() > 2 && engine != Engine::Postgres;
            let meant = if example.engines.is_empty() {
                !for_all
            } else {
                example.engines.contains(&engine)
            };
            if meant && !example.files.is_empty() {
                found.push((rule, name, example));
            }
        }
    }
    found
}
