//! Answers that were lost, and servers that went away.

use crate::bench::{Bench, applied, apply, lock, open, ready, stepwise, target, unknown, wrapped};
use greylag_core::outcome::FailureClass;
use greylag_engines::{Attempt, Settled};
use greylag_lab::{Options, Proxy, Server};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_as_the_commit_is_sent_is_settled_by_the_history_row() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let proxy = Proxy::start(bench.server.port()).await.unwrap();
    let url = bench
        .server
        .url_through(proxy.port(), "greylag", &bench.database.name);
    let mut session = ready(&target(&url)).await;
    let job = wrapped("V1", "CREATE TABLE t (id int)");
    proxy.cut_when_client_sends(b"COMMIT");
    let doubt = unknown(session.as_mut(), &job).await;
    assert!(!doubt.needs_person);
    drop(session);
    let mut session = bench.session().await;
    lock(session.as_mut()).await;
    match session.settle(&job).await.unwrap() {
        Settled::Applied => {}
        Settled::Absent => {
            applied(session.as_mut(), &job).await;
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.rows("1").await, "1");
}

/// A file with transactions of its own: the step row is in each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_at_any_commit_of_the_files_own_transactions_is_resumed_exactly() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let file = "CREATE TABLE t (id int);\nBEGIN;\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nCOMMIT;\n\
         BEGIN; INSERT INTO t VALUES (9); ROLLBACK;\nBEGIN;\nINSERT INTO t VALUES (3);\nCOMMIT;";
    let job = stepwise("V1", file);
    for after in [1, 3, 5, 7, 9, 11, 13, 15, 20] {
        bench
            .owner(&format!(
                "DROP TABLE IF EXISTS t, greylag_step, greylag_shard, {}",
                crate::bench::HISTORY
            ))
            .await;
        let proxy = Proxy::start(bench.server.port()).await.unwrap();
        let url = bench
            .server
            .url_through(proxy.port(), "greylag", &bench.database.name);
        let mut session = ready(&target(&url)).await;
        proxy.cut_after_bytes(after * 60, greylag_lab::Direction::ToClient);
        let first = apply(session.as_mut(), &job).await;
        drop(session);
        let mut session = bench.session().await;
        lock(session.as_mut()).await;
        if !matches!(first, Attempt::Applied(_))
            && session.settle(&job).await.unwrap() != Settled::Applied
        {
            applied(session.as_mut(), &job).await;
        }
        let seen = bench
            .value("SELECT string_agg(id::text, ',' ORDER BY id) FROM t")
            .await;
        assert_eq!(seen, "1,2,3", "cut after {} bytes", after * 60);
        assert_eq!(bench.rows("1").await, "1");
    }
}

#[tokio::test]
async fn an_error_after_the_files_own_commit_resumes_after_it() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let file = "CREATE TABLE t (id int NOT NULL);\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nBEGIN;\nINSERT INTO t VALUES (2);\n";
    let bad = stepwise(
        "V1",
        &format!("{file}INSERT INTO t VALUES (NULL);\nCOMMIT;"),
    );
    let failure = crate::bench::failed(session.as_mut(), &bad).await;
    assert_eq!(
        failure.left,
        greylag_core::outcome::Left::Partial { done: 4, total: 8 }
    );
    assert_eq!(failure.place.as_ref().unwrap().line, 7, "{failure:?}");
    assert_eq!(bench.value("SELECT count(*) FROM t").await, "1");
    applied(session.as_mut(), &stepwise("V1", &format!("{file}COMMIT;"))).await;
    assert_eq!(bench.value("SELECT count(*) FROM t").await, "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_is_unknown_and_then_absent() {
    if !greylag_lab::available(greylag_lab::Engine::Postgres) {
        return;
    }
    let server = Server::start(greylag_lab::Engine::Postgres, Options::default())
        .await
        .unwrap();
    let bench = Bench::on(Arc::new(server)).await;
    let mut session = bench.ready().await;
    let job = wrapped("V1", "CREATE TABLE t (id int); SELECT pg_sleep(60)");
    let running = tokio::spawn(async move { apply(session.as_mut(), &job).await });
    crate::bench::until("it sleeps", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        bench.value(sql).await == "1"
    })
    .await;
    bench.server.kill();
    assert!(matches!(running.await.unwrap(), Attempt::Unknown(_)));
    bench.server.restart().await.unwrap();
    let mut session = open(&bench.target()).await;
    lock(session.as_mut()).await;
    let job = wrapped("V1", "CREATE TABLE t (id int)");
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    applied(session.as_mut(), &job).await;
}

#[tokio::test]
async fn a_session_whose_server_ended_it_says_so_before_anything_is_sent() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    bench
        .admin(&format!(
            "SELECT pg_terminate_backend({}, 5000)",
            session.pid()
        ))
        .await;
    // The first verb may find out; the second must.
    let _ = session.ask("SELECT 1").await;
    let failure = crate::bench::failed(session.as_mut(), &wrapped("V1", "SELECT 1")).await;
    assert_eq!(failure.class, FailureClass::Connection, "{failure:?}");
}
