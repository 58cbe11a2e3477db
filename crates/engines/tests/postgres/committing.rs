//! Whether a COMMIT happened is never told by counting statements: session SQL counts as the server pleases.

use crate::bench::{Bench, applied, apply, failed, ready, wrapped};
use greylag_engines::{Attempt, Job, Session, Target};

/// Five statements more than entries: enough to pass for everything that stands behind the file.
const SEVERAL: &str = "SET TIME ZONE 'UTC'; SET work_mem = '8MB'; SET statement_timeout = '1h';\n\
     -- and so on\nSET a.b = '1; 2'; SET a.c = '3'; SET a.d = '4';";

const KEYS: &str = "CREATE TABLE parents (id int PRIMARY KEY); \
     CREATE TABLE children (id int REFERENCES parents DEFERRABLE INITIALLY DEFERRED)";

/// Fails at COMMIT and nowhere before.
const ORPHAN: &str = "CREATE TABLE made (id int); INSERT INTO children VALUES (1)";

/// Fails where Greylag writes its row.
const NO_ROW: &str = "CREATE TABLE made (id int); \
     ALTER TABLE greylag_schema_history ADD CONSTRAINT none CHECK (false) NOT VALID";

/// Fails with its last statement.
const LAST: &str = "CREATE TABLE made (id int); SELECT 1 / 0";

fn with(bench: &Bench, session: &[&str]) -> Target {
    Target {
        session_sql: session.iter().map(|sql| (*sql).to_owned()).collect(),
        ..bench.target()
    }
}

async fn nothing_stands(bench: &Bench, why: &str) {
    assert_eq!(bench.rows("2").await, "0", "{why}");
    let made = bench.value("SELECT to_regclass('made') IS NULL").await;
    assert_eq!(made, "t", "{why}");
}

async fn shared(session: &mut dyn Session, jobs: &[Job]) -> Attempt {
    session.apply(jobs, &|_| {}).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_several_statements_makes_nothing_applied_that_was_rolled_back() {
    for sql in [ORPHAN, NO_ROW, LAST] {
        let Some(bench) = Bench::start().await else {
            return;
        };
        let mut session = ready(&with(&bench, &[SEVERAL])).await;
        applied(session.as_mut(), &wrapped("V0", KEYS)).await;
        // After any failed try the session SQL stands before the file.
        for _ in 0..2 {
            failed(session.as_mut(), &wrapped("V2", "SELECT 1 / 0")).await;
        }
        failed(session.as_mut(), &wrapped("V2", sql)).await;
        nothing_stands(&bench, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_several_statements_makes_no_shared_transaction_applied_that_was_rolled_back() {
    for sql in [ORPHAN, NO_ROW, LAST] {
        let Some(bench) = Bench::start().await else {
            return;
        };
        let mut session = ready(&with(&bench, &[SEVERAL])).await;
        let jobs = [wrapped("V1", KEYS), wrapped("V2", sql)];
        let attempt = shared(session.as_mut(), &jobs).await;
        assert!(matches!(attempt, Attempt::Failed(_)), "{attempt:?}");
        assert_eq!(bench.rows("1").await, "0", "{sql}");
        nothing_stands(&bench, sql).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_retry_under_session_sql_of_several_statements_ends_truly() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = ready(&with(&bench, &[SEVERAL])).await;
    applied(session.as_mut(), &wrapped("V0", KEYS)).await;
    let reader = bench.other().await;
    reader
        .batch_execute("BEGIN; SELECT * FROM parents")
        .await
        .unwrap();
    let mut job = wrapped(
        "V2",
        "ALTER TABLE parents ADD total int; INSERT INTO children VALUES (1)",
    );
    job.limits.lock_timeout = std::time::Duration::from_millis(50);
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.code.as_deref(), Some("55P03"), "{failure:?}");
    reader.batch_execute("ROLLBACK").await.unwrap();
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.code.as_deref(), Some("23503"), "{failure:?}");
    assert_eq!(bench.rows("2").await, "0");
}

#[tokio::test]
async fn entries_that_say_nothing_make_nothing_failed_that_was_committed() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.owner("CREATE TABLE settings (id int)").await;
    let session_sql = [
        "",
        "-- only words\n",
        ";",
        "SELECT count(*) FROM settings;; ",
    ];
    let mut session = ready(&with(&bench, &session_sql)).await;
    failed(session.as_mut(), &wrapped("V1", "SELECT 1 / 0")).await;
    let away = wrapped("V1", "ALTER TABLE settings RENAME TO gone");
    let (done, _) = applied(session.as_mut(), &away).await;
    assert_eq!(bench.rows("1").await, "1");
    // What went wrong behind the COMMIT is told.
    let told = done
        .warnings
        .iter()
        .any(|text| text.contains("session SQL") && text.contains("SELECT count(*) FROM settings"));
    assert!(told, "{:?}", done.warnings);
}

#[tokio::test]
async fn session_sql_may_end_in_a_comment() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let session_sql = ["SET TIME ZONE 'UTC' -- all of ours are in UTC"];
    let mut session = ready(&with(&bench, &session_sql)).await;
    applied(session.as_mut(), &wrapped("V1", "CREATE TABLE t (id int)")).await;
    failed(session.as_mut(), &wrapped("V2", "SELECT 1 / 0")).await;
    let jobs = [wrapped("V2", "SELECT 1"), wrapped("V3", "SELECT 2")];
    let attempt = shared(session.as_mut(), &jobs).await;
    assert!(matches!(attempt, Attempt::Applied(_)), "{attempt:?}");
}

#[tokio::test]
async fn session_sql_that_fails_is_blamed_and_no_table_or_file_is() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.owner("CREATE TABLE settings (id int)").await;
    let session_sql = ["SET TIME ZONE 'UTC'; SELECT count(*) FROM settings"];
    let mut session = ready(&with(&bench, &session_sql)).await;
    for _ in 0..2 {
        // The first time the shard makes room to remember it; the second time leaves the session as it is.
        failed(session.as_mut(), &wrapped("V1", "SELECT 1 / 0")).await;
    }
    bench.owner("DROP TABLE settings").await;
    let failure = failed(session.as_mut(), &wrapped("V1", "SELECT 1")).await;
    assert_eq!(failure.code.as_deref(), Some("42P01"), "{failure:?}");
    let said = failure.message.clone();
    assert!(
        said.contains("session SQL `SELECT count(*) FROM settings`"),
        "{said}"
    );
    assert!(
        failure.place.is_none() && failure.hint.is_some(),
        "{failure:?}"
    );
    bench.owner("CREATE TABLE settings (id int)").await;
    // In a transaction that files share, too.
    let jobs = [
        wrapped("V1", "ALTER TABLE settings RENAME TO gone"),
        wrapped("V2", "SELECT 1"),
    ];
    let Attempt::Failed(failure) = shared(session.as_mut(), &jobs).await else {
        panic!("it can't be applied");
    };
    assert!(failure.message.contains("session SQL"), "{failure:?}");
    assert_eq!(bench.rows("1").await, "0");
}

#[tokio::test]
async fn session_sql_that_would_end_our_transactions_is_refused_at_the_door() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    for sql in [
        "COMMIT",
        "SET a.b = '1'; BEGIN",
        "DISCARD ALL",
        "SET a.b = 'x",
    ] {
        let error = match greylag_engines::open(&with(&bench, &[sql])).await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{sql} was taken"),
        };
        assert!(error.contains("session SQL"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_cant_be_read_is_blamed_though_the_tables_cant_be_made() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench
        .admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC; ALTER SCHEMA public OWNER TO postgres")
        .await;
    let mut session = crate::bench::open(&bench.target()).await;
    crate::bench::lock(session.as_mut()).await;
    session
        .prepare_with_jobs(&crate::bench::claim())
        .await
        .unwrap();
    let notes = std::sync::Mutex::new(Vec::new());
    let job = wrapped("V1", "SELEC 1");
    let attempt = session
        .apply(std::slice::from_ref(&job), &|note| {
            notes.lock().unwrap().push(note)
        })
        .await;
    let Attempt::Failed(failure) = attempt else {
        panic!("{attempt:?}");
    };
    assert_eq!(failure.code.as_deref(), Some("42601"), "{failure:?}");
    assert_eq!(failure.place.as_ref().map(|place| place.line), Some(1));
    let notes = format!("{:?}", notes.into_inner().unwrap());
    assert!(notes.contains("greylag's tables"), "{notes}");
}

#[tokio::test]
async fn a_file_that_waits_at_no_safe_snapshot_is_answered() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.owner("CREATE TABLE t (id int)").await;
    // A serializable writer, for which a deferrable snapshot would wait.
    let writer = bench.other().await;
    writer
        .batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    let mut session = bench.ready().await;
    let job = wrapped(
        "V1",
        "SET default_transaction_isolation = serializable; SET default_transaction_read_only = on; \
         SET default_transaction_deferrable = on",
    );
    let attempt = apply(session.as_mut(), &job);
    let attempt = tokio::time::timeout(std::time::Duration::from_secs(60), attempt).await;
    assert!(matches!(attempt, Ok(Attempt::Applied(_))), "{attempt:?}");
    writer.batch_execute("ROLLBACK").await.unwrap();
}
