//! Rows are written while a tool is at work: every write that was answered is there afterwards, on the primary and on the replica.

use crate::{
    fleet::assert_done,
    table::{column, given, lines, remains},
};
use greylag_core::online::{GH_OST, PT_OSC};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::Options;
use std::collections::BTreeMap;

type Rows = BTreeMap<i64, String>;

async fn rows(server: &Server, database: &str) -> Rows {
    let found = server
        .rows(database, "SELECT id, b FROM big WHERE a < 2147483648")
        .await;
    let text = |row: &[(String, Option<String>)], at: usize| row[at].1.clone().unwrap();
    found
        .unwrap()
        .iter()
        .map(|row| (text(row, 0).parse().unwrap(), text(row, 1)))
        .collect()
}

/// One write, by turns of each kind; what it makes of the rows is kept where the server has taken it.
async fn write(server: &Server, database: &str, turn: i64, rows: &mut Rows) {
    // Anywhere in the table: before and behind what has been copied.
    let at = (turn as usize).wrapping_mul(7919) % rows.len();
    let id = *rows.keys().nth(at).unwrap();
    let (sql, id, row) = match turn % 4 {
        0 => {
            let id = 1_000_000 + turn;
            let sql = format!("INSERT INTO big (id, a, b) VALUES ({id}, {turn}, 'new {turn}')");
            (sql, id, Some(format!("new {turn}")))
        }
        1 => (format!("DELETE FROM big WHERE id = {id}"), id, None),
        _ => {
            let sql = format!("UPDATE big SET b = 'turn {turn}' WHERE id = {id}");
            (sql, id, Some(format!("turn {turn}")))
        }
    };
    match server.execute(database, &sql).await {
        Ok(()) => match row {
            Some(row) => drop(rows.insert(id, row)),
            None => drop(rows.remove(&id)),
        },
        // The server took it back; a client would say it again.
        Err(error) if error.message.contains("Deadlock") || error.message.contains("Lock wait") => {
        }
        Err(error) => panic!("{sql}: {error:?}"),
    }
}

async fn loses_nothing(engine: Engine, tool: &'static str) {
    let arguments: &[&str] = match tool {
        GH_OST => &["--chunk-size=50", "--nice-ratio=20"],
        _ => &["--chunk-size=50", "--chunk-time=0", "--sleep=0.1"],
    };
    let Some(fleet) = given(engine, tool, 2000, arguments).await else {
        return;
    };
    let (primary, database) = (fleet.clusters[0].primary(), &fleet.databases[0].name);
    let mut expected = rows(primary, database).await;
    let (run, told) = fleet.run(Options::default()).await;
    let (mut turn, mut during) = (0, 0);
    while !run.is_finished() {
        write(primary, database, turn, &mut expected).await;
        turn += 1;
        let said = lines(&told);
        let copies = |line: &String| {
            line.contains("Copying approximately") || line.contains("State: migrating")
        };
        during += i32::from(said.iter().any(copies) && !run.is_finished());
    }
    let summary = run.await.unwrap();
    assert_done(&summary, &told);
    assert!(
        during > 10,
        "only {during} of {turn} writes fell into the copy"
    );
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(remains(&fleet).await, None);
    assert_eq!(rows(primary, database).await, expected);
    fleet.clusters[0].wait_replayed().await.unwrap();
    assert_eq!(rows(fleet.clusters[0].replica(0), database).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_written_beside_gh_ost_is_lost() {
    loses_nothing(Engine::MySql, GH_OST).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_written_beside_percona_s_tool_is_lost_on_mysql() {
    loses_nothing(Engine::MySql, PT_OSC).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_written_beside_percona_s_tool_is_lost_on_mariadb() {
    loses_nothing(Engine::MariaDb, PT_OSC).await;
}
