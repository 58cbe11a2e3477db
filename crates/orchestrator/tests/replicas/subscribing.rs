//! A logical subscriber gets what expands before its publisher, so that its apply worker never meets a column it lacks.

use crate::fleet::Replicated;
use greylag_lab::{Engine, Options as Installed, Server};
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_has_the_column_before_the_first_row_that_carries_it() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 0).await else {
        return;
    };
    let (port, there) = {
        let publisher = fleet.clusters[0].primary();
        let there = fleet.databases[0].name.clone();
        let make =
            "CREATE TABLE one (id int PRIMARY KEY); CREATE PUBLICATION everything FOR ALL TABLES";
        publisher.execute(&there, make).await.unwrap();
        publisher
            .execute(&there, "ALTER TABLE one OWNER TO greylag")
            .await
            .unwrap();
        (publisher.port(), there)
    };
    let installation = fleet.clusters[0].primary().installation().clone();
    let subscriber = Server::start(Engine::Postgres, Installed::default().on(installation))
        .await
        .unwrap();
    let here = subscriber.database("sub").await.unwrap();
    let make = "CREATE TABLE one (id int PRIMARY KEY); ALTER TABLE one OWNER TO greylag";
    subscriber.execute(&here.name, make).await.unwrap();
    let at = format!("host=127.0.0.1 port={port} user=postgres password=greylag dbname={there}");
    subscriber
        .execute(
            &here.name,
            &format!("CREATE SUBSCRIPTION mirror CONNECTION '{at}' PUBLICATION everything"),
        )
        .await
        .unwrap();
    let name = here.name.clone();
    fleet.subscribers.push((0, subscriber, here));
    fleet.files = vec![("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;")];
    // Its tables are there already.
    fleet.claim = Some(1);
    let (run, _) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");

    // A subscriber without the column would stop at this row.
    let insert = "INSERT INTO one VALUES (1, 2)";
    fleet.clusters[0]
        .primary()
        .execute(&there, insert)
        .await
        .unwrap();
    let subscriber = &fleet.subscribers[0].1;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let rows = "SELECT string_agg(id || ':' || two, ' ' ORDER BY id) FROM one";
        let found = subscriber.value(&name, rows).await.unwrap();
        let own = subscriber
            .value(
                &name,
                "SELECT string_agg(version, ' ') FROM greylag_schema_history",
            )
            .await
            .unwrap();
        if found.as_deref() == Some("1:2") && own.as_deref() == Some("1") {
            break;
        }
        assert!(Instant::now() < deadline, "{found:?} {own:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
