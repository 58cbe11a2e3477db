//! What the catalog can't tell, a person settles: with the command that was printed, both ways.

use crate::{
    ground::Ground,
    run::{Ran, eventually},
};
use greylag_lab::Engine;

/// Procedures that end transactions: of what they did no catalog tells. Before or after it, the one of PostgreSQL waits for
/// a gate, as long as somebody else has it closed.
const POSTGRES: &str = "CREATE TABLE effect (step varchar(10) NOT NULL);\nCREATE TABLE gate (id int);\n\
    CREATE PROCEDURE fill_first() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO effect VALUES ('2'); COMMIT; LOCK TABLE gate; END $$;\n\
    CREATE PROCEDURE wait_first() LANGUAGE plpgsql AS $$ BEGIN COMMIT; LOCK TABLE gate; INSERT INTO effect VALUES ('2'); COMMIT; END $$;\n";
const MYSQL: &str = "CREATE TABLE effect (step varchar(10) NOT NULL);\n\
    DELIMITER //\nCREATE PROCEDURE fill() BEGIN INSERT INTO effect VALUES ('2'); COMMIT; CREATE TABLE extra (id int); END//\nDELIMITER ;\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_postgres_that_lost_its_answer_is_settled_as_applied() {
    let Some(ground) = ready(Engine::Postgres, POSTGRES, "fill_first").await else {
        return;
    };
    let (run, closed) = cut_off_at_the_gate(&ground).await;
    assert_eq!(ground.count(0, EFFECTS).await, Some(1), "it did its work");
    closed.abort();
    settle(&ground, &run, "--applied").await;
    assert_eq!(
        ground.count(0, EFFECTS).await,
        Some(1),
        "it is not run again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_postgres_that_did_nothing_is_settled_as_absent() {
    let Some(ground) = ready(Engine::Postgres, POSTGRES, "wait_first").await else {
        return;
    };
    let (run, closed) = cut_off_at_the_gate(&ground).await;
    assert_eq!(
        ground.count(0, EFFECTS).await,
        Some(0),
        "it did not come so far"
    );
    closed.abort();
    settle(&ground, &run, "--absent").await;
    assert_eq!(ground.count(0, EFFECTS).await, Some(1), "it is run now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_mysql_that_lost_its_answer_is_settled_as_applied() {
    settled_as_applied(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_mariadb_that_lost_its_answer_is_settled_as_applied() {
    settled_as_applied(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_mysql_that_never_arrived_is_settled_as_absent() {
    settled_as_absent(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_mariadb_that_never_arrived_is_settled_as_absent() {
    settled_as_absent(Engine::MariaDb).await;
}

const EFFECTS: &str = "SELECT count(*) FROM effect";

async fn settled_as_applied(engine: Engine) {
    let Some(ground) = ready(engine, MYSQL, "fill").await else {
        return;
    };
    ground.proxy().cut_when_client_sends(b"CALL fill()");
    let run = doubtful(&ground, ground.run(&["apply", "--yes"]).await).await;
    assert_eq!(ground.count(0, EFFECTS).await, Some(1), "it did its work");
    settle(&ground, &run, "--applied").await;
    assert_eq!(
        ground.count(0, EFFECTS).await,
        Some(1),
        "it is not run again"
    );
}

async fn settled_as_absent(engine: Engine) {
    let Some(ground) = ready(engine, MYSQL, "fill").await else {
        return;
    };
    ground.proxy().cut_before_client_sends(b"CALL fill()");
    let run = doubtful(&ground, ground.run(&["apply", "--yes"]).await).await;
    assert_eq!(ground.count(0, EFFECTS).await, Some(0), "it never arrived");
    settle(&ground, &run, "--absent").await;
    assert_eq!(ground.count(0, EFFECTS).await, Some(1), "it is run now");
}

async fn ready(engine: Engine, first: &str, procedure: &str) -> Option<Ground> {
    let ground = Ground::on(engine, 2).await?;
    ground.project("");
    ground.migration("V1__effect.sql", first);
    ground.run(&["apply", "--yes"]).await.ends(0);
    let call =
        format!("-- greylag:transaction off\n-- greylag:lock-timeout 10m\nCALL {procedure}();\n");
    ground.migration("V2__call.sql", &call);
    ground.migration("V3__last.sql", "CREATE TABLE last (id int);\n");
    Some(ground)
}

/// An apply whose connections are cut while its CALL waits at the gate; the gate stays closed until aborted.
async fn cut_off_at_the_gate(ground: &Ground) -> (Ran, tokio::task::JoinHandle<()>) {
    let closed = ground.somebody(0, "BEGIN; LOCK TABLE gate; SELECT pg_sleep(3600)");
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'gate'::regclass AND granted";
    eventually("the gate is closed", async || {
        ground.count(0, locks).await == Some(1)
    })
    .await;
    let run = ground.start(&["apply", "--yes"]);
    let waits = "SELECT count(*) FROM pg_locks WHERE relation = 'gate'::regclass AND NOT granted";
    eventually("the call waits", async || {
        ground.count(0, waits).await == Some(1)
    })
    .await;
    ground.proxy().cut().await;
    let run = doubtful(ground, run.end().await).await;
    let open = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'gate'::regclass AND granted";
    ground.execute(0, open).await;
    (run, closed)
}

/// The run says that it can't know, and so does the next.
async fn doubtful(ground: &Ground, run: Ran) -> Ran {
    let run = run
        .ends(3)
        .says("the fate of a migration is not known")
        .says("at migrations/V2__call.sql:3")
        .says("| CALL ");
    assert_eq!(ground.versions(0).await, "1", "{}", run.said);
    assert_eq!(ground.versions(1).await, "1", "{}", run.said);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("greylag rollout settle s00 V2")
}

/// Runs the printed command as it was printed, in a shell.
async fn settle(ground: &Ground, run: &Ran, how: &str) {
    let command = run.command(&format!("greylag rollout settle s00 V2 {how}"));
    assert!(command.ends_with(" && greylag apply"), "{command}");
    let (word, go_on) = command.split_once(" && ").expect("two commands");
    // Somebody is half-way through the next file, and what is to be settled is none of it.
    ground.migration("V9__half.sql", "-- greylag:phse expand\nALTER TAB");
    ground.shell(word).await.ends(0).says("settled");
    std::fs::remove_file(ground.file("migrations/V9__half.sql")).expect("the file");
    // No terminal asks there: the person would confirm.
    ground.shell(&format!("{go_on} --yes")).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2 3", "s{shard:02}");
    }
}
