//! Statements that can't share a transaction: index builds, VACUUM, procedures that commit.

use crate::bench::{
    Bench, applied, apply, failed, lock, ready, stepwise, target, unknown, until, wrapped,
};
use greylag_core::outcome::{FailureClass, Left};
use greylag_engines::{HistoryChange, Note, Session, Settled};
use greylag_lab::Proxy;

const INDEXES: &str = "SELECT coalesce(string_agg(c.relname || CASE WHEN i.indisvalid THEN '' ELSE '!' END, ' ' ORDER BY c.relname), '') \
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 't'::regclass";

async fn table(bench: &Bench, session: &mut dyn Session) {
    let sql = "CREATE TABLE t (id int, n int); INSERT INTO t SELECT i, i % 10 FROM generate_series(1, 1000) i";
    applied(session, &wrapped("V1", sql)).await;
    assert_eq!(bench.value(INDEXES).await, "");
}

#[tokio::test]
async fn a_unique_index_that_fails_leaves_no_invalid_one_behind() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    table(&bench, session.as_mut()).await;
    let sql =
        "CREATE INDEX CONCURRENTLY a ON t (id);\nCREATE UNIQUE INDEX CONCURRENTLY u ON t (n);\n";
    let job = stepwise("V2", sql);
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.class, FailureClass::Data, "{failure:?}");
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
    assert_eq!(bench.value(INDEXES).await, "a");
    bench.owner("UPDATE t SET n = id").await;
    applied(session.as_mut(), &job).await;
    assert_eq!(bench.value(INDEXES).await, "a u");
}

#[tokio::test]
async fn an_invalid_index_of_the_same_name_is_dropped_and_built_anew() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    table(&bench, session.as_mut()).await;
    let other = bench.other().await;
    let left = other
        .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY u ON t (n)")
        .await;
    assert!(left.is_err());
    assert_eq!(bench.value(INDEXES).await, "u!");
    bench.owner("UPDATE t SET n = id").await;
    let job = stepwise(
        "V2",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS U ON t (n)",
    );
    let (_, notes) = applied(session.as_mut(), &job).await;
    assert_eq!(bench.value(INDEXES).await, "u");
    let told =
        |note: &Note| matches!(note, Note::Warning { text, .. } if text.contains("invalid index"));
    assert!(notes.iter().any(told), "{notes:?}");
}

/// The client vanishes while the build waits for an old transaction: the server gives it up and leaves it invalid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unnamed_index_whose_build_was_cut_off_is_there_once_in_the_end() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let proxy = Proxy::start(bench.server.port()).await.unwrap();
    let url = bench
        .server
        .url_through(proxy.port(), "greylag", &bench.database.name);
    let mut session = ready(&target(&url)).await;
    table(&bench, session.as_mut()).await;
    let mut other = bench.other().await;
    let old = other.transaction().await.unwrap();
    old.batch_execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
        .await
        .unwrap();
    let mut job = stepwise("V2", "CREATE INDEX CONCURRENTLY ON t (n)");
    job.limits.lock_timeout = std::time::Duration::from_secs(600);
    let again = job.clone();
    let building = tokio::spawn(async move { apply(session.as_mut(), &job).await });
    until("the build waits", async || {
        bench.value(INDEXES).await == "t_n_idx!"
    })
    .await;
    proxy.cut().await;
    assert!(
        matches!(building.await.unwrap(), greylag_engines::Attempt::Unknown(doubt) if !doubt.needs_person)
    );
    let mut session = bench.session().await;
    lock(session.as_mut()).await;
    old.rollback().await.unwrap();
    assert_eq!(session.settle(&again).await.unwrap(), Settled::Absent);
    applied(session.as_mut(), &again).await;
    assert_eq!(bench.value(INDEXES).await, "t_n_idx");
    assert_eq!(bench.rows("2").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unnamed_index_that_was_built_though_the_answer_was_lost_is_not_built_twice() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let proxy = Proxy::start(bench.server.port()).await.unwrap();
    let url = bench
        .server
        .url_through(proxy.port(), "greylag", &bench.database.name);
    let mut session = ready(&target(&url)).await;
    table(&bench, session.as_mut()).await;
    let job = stepwise(
        "V2",
        "CREATE INDEX CONCURRENTLY ON t (n); INSERT INTO t VALUES (0, 0)",
    );
    // The statement is forwarded, its answer is not.
    proxy.cut_when_client_sends(b"CREATE INDEX CONCURRENTLY");
    unknown(session.as_mut(), &job).await;
    drop(session);
    let mut session = bench.session().await;
    lock(session.as_mut()).await;
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    applied(session.as_mut(), &job).await;
    assert_eq!(bench.value(INDEXES).await, "t_n_idx");
    assert_eq!(
        bench.value("SELECT count(*) FROM t WHERE id = 0").await,
        "1"
    );
    assert_eq!(bench.rows("2").await, "1");
}

const COMMITS: &str = "CREATE TABLE log (n int); CREATE PROCEDURE work() LANGUAGE plpgsql AS $$ \
     BEGIN FOR i IN 1..3 LOOP INSERT INTO log VALUES (i); COMMIT; END LOOP; END $$;";

#[tokio::test]
async fn a_procedure_that_commits_runs_outside_of_a_transaction_and_one_that_does_not_within() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    bench.owner(COMMITS).await;
    bench
        .owner("CREATE PROCEDURE calm() LANGUAGE sql AS 'INSERT INTO log VALUES (9)'")
        .await;
    applied(
        session.as_mut(),
        &stepwise("V1", "CALL work(); CALL calm()"),
    )
    .await;
    assert_eq!(
        bench
            .value("SELECT string_agg(n::text, ',') FROM log")
            .await,
        "1,2,3,9"
    );
    let failure = failed(session.as_mut(), &wrapped("V2", "SELECT 1;\nCALL work()")).await;
    assert_eq!(failure.code.as_deref(), Some("2D000"));
    assert_eq!(failure.place.unwrap().line, 2);
    assert!(failure.hint.unwrap().contains("-- greylag:transaction off"));
}

#[tokio::test]
async fn a_procedure_that_failed_half_way_is_left_to_a_person_and_goes_on_as_settled() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    bench
        .owner(&COMMITS.replace("COMMIT;", "COMMIT; PERFORM 1 / (2 - i);"))
        .await;
    let job = stepwise("V1", "CALL work(); INSERT INTO log VALUES (7)");
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.code.as_deref(), Some("22012"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("settle"));
    assert!(unknown(session.as_mut(), &job).await.needs_person);
    let settled = session.settle(&job).await.unwrap();
    assert!(matches!(settled, Settled::Unknown(doubt) if doubt.needs_person));
    let hashes = greylag_engines::step::hash_all(&job.script);
    let change = HistoryChange::SettleStep {
        migration: job.migration.clone(),
        statements_done: 1,
        hashes: hashes[..1].to_vec(),
    };
    session.change_history(&[change]).await.unwrap();
    applied(session.as_mut(), &job).await;
    assert_eq!(
        bench
            .value("SELECT string_agg(n::text, ',') FROM log")
            .await,
        "1,2,7"
    );
}

#[tokio::test]
async fn vacuum_and_reindex_run_alone_and_a_statement_that_refuses_a_transaction_is_found_out() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    table(&bench, session.as_mut()).await;
    let sql = "CREATE INDEX i ON t (id); VACUUM (ANALYZE) t; REINDEX INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY i";
    applied(session.as_mut(), &stepwise("V2", sql)).await;
    assert_eq!(bench.value(INDEXES).await, "");
    let mut hidden = stepwise("V3", "VACUUM t");
    let script = std::sync::Arc::make_mut(&mut hidden.script);
    script.statements[0].tx = greylag_core::script::Tx::Can;
    applied(session.as_mut(), &hidden).await;
    let failure = failed(session.as_mut(), &wrapped("V4", "SELECT 1;\n\nVACUUM t")).await;
    assert_eq!(failure.code.as_deref(), Some("25001"));
    assert_eq!(failure.place.unwrap().line, 3);
    assert!(failure.hint.unwrap().contains("-- greylag:transaction off"));
}
