//! Files in one transaction with their history rows.

use crate::bench::*;
use greylag_core::outcome::{FailureClass, Left};
use greylag_engines::{Attempt, Note};

#[tokio::test]
async fn a_migration_and_its_history_row_are_there_together() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let notes = apply_ok(
        &mut session,
        &[wrapped(
            "V1.2",
            "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);",
        )],
    )
    .await;
    assert!(
        matches!(notes.last(), Some(Note::Applied { migration, .. }) if migration.to_string() == "V1.2"),
        "{notes:?}"
    );
    let survey = session.survey().await.unwrap();
    let row = &survey.history[0];
    assert_eq!(row.installed_rank, 1);
    assert_eq!(row.version.as_deref(), Some("1.2"));
    assert_eq!(
        (row.kind.as_str(), row.checksum, row.success),
        ("SQL", Some(4711), true)
    );
    assert_eq!(row.installed_by, "tester");
    // Flyway's format: 2026-01-31 12:00:00.123
    assert_eq!(row.installed_on.len(), 23, "{}", row.installed_on);
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM a"), 1);
    assert!(survey.steps.is_empty());
}

#[tokio::test]
async fn a_group_shares_one_transaction_and_a_failure_undoes_all_of_it() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let first = wrapped("V1", "CREATE TABLE a (x)");
    let second = wrapped("V2", "CREATE TABLE b (x);\n\nCREATE TABEL c (x)");
    let failure = apply_fails(&mut session, &[first.clone(), second]).await;
    assert_eq!(failure.class, FailureClass::Syntax);
    assert_eq!(failure.left, Left::Nothing);
    assert_eq!(failure.migration.unwrap().to_string(), "V2");
    let place = failure.place.unwrap();
    assert_eq!((place.statement, place.line, place.column), (2, 3, Some(8)));
    assert_eq!(bench.history("a.db"), 0);
    assert_eq!(
        bench.count(
            "a.db",
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')"
        ),
        0
    );

    let notes = apply_ok(&mut session, &[first, wrapped("V2", "CREATE TABLE b (x)")]).await;
    let applied = notes
        .iter()
        .filter(|note| matches!(note, Note::Applied { .. }))
        .count();
    assert_eq!(applied, 2, "{notes:?}");
    assert_eq!(bench.history("a.db"), 2);
}

#[tokio::test]
async fn a_failure_is_remembered_on_the_shard_until_the_success_that_follows() {
    let bench = Bench::new();
    bench.shard(
        "a.db",
        "CREATE TABLE a (x UNIQUE); INSERT INTO a VALUES (1)",
    );
    let mut session = bench.ready("a.db").await;
    let failure = apply_fails(&mut session, &[wrapped("V1", "INSERT INTO a VALUES (1)")]).await;
    assert_eq!(failure.class, FailureClass::Data);
    assert_eq!(failure.code.as_deref(), Some("2067"));
    let survey = session.survey().await.unwrap();
    assert_eq!(survey.steps[0].failure.as_ref(), Some(&failure));
    assert!(survey.history.is_empty());

    apply_ok(&mut session, &[wrapped("V1", "INSERT INTO a VALUES (2)")]).await;
    assert!(session.survey().await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn a_table_rebuild_keeps_the_children_that_cascade() {
    let bench = Bench::new();
    bench.shard("a.db", CASCADE);
    let mut session = bench.ready("a.db").await;
    apply_ok(&mut session, &[wrapped("V1", REBUILD)]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM child"), 2);
    assert_eq!(
        bench.count("a.db", "SELECT count(*) FROM parent WHERE total = 0"),
        2
    );
}

#[tokio::test]
async fn a_rebuild_without_a_pragma_keeps_them_too() {
    let bench = Bench::new();
    bench.shard("a.db", CASCADE);
    let mut session = bench.ready("a.db").await;
    let plain: String = REBUILD
        .lines()
        .filter(|line| !line.starts_with("PRAGMA"))
        .map(|line| format!("{line}\n"))
        .collect();
    apply_ok(&mut session, &[wrapped("V1", &plain)]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM child"), 2);
}

#[tokio::test]
async fn a_rebuild_that_loses_parents_is_refused_and_undone() {
    let bench = Bench::new();
    bench.shard("a.db", CASCADE);
    let mut session = bench.ready("a.db").await;
    let lossy = REBUILD.replace(
        "SELECT id, 0 FROM parent",
        "SELECT id, 0 FROM parent WHERE id = 1",
    );
    let failure = apply_fails(&mut session, &[wrapped("V1", &lossy)]).await;
    assert_eq!(failure.class, FailureClass::Data);
    assert!(failure.message.contains("1 of `child`"), "{failure:?}");
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM parent"), 2);
    assert_eq!(bench.history("a.db"), 0);
}

#[tokio::test]
async fn references_broken_before_are_not_held_against_a_rebuild() {
    let bench = Bench::new();
    bench.shard(
        "a.db",
        &format!("{CASCADE} INSERT INTO child VALUES (9, 99);"),
    );
    let mut session = bench.ready("a.db").await;
    apply_ok(&mut session, &[wrapped("V1", REBUILD)]).await;
}

#[tokio::test]
async fn a_file_that_asks_for_foreign_keys_gets_them_for_itself_alone() {
    let bench = Bench::new();
    bench.shard("a.db", CASCADE);
    let mut session = bench.ready("a.db").await;
    let on = "PRAGMA foreign_keys = ON;\nDELETE FROM parent WHERE id = 1;";
    apply_ok(&mut session, &[wrapped("V1", on)]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM child"), 1);
    apply_ok(&mut session, &[wrapped("V2", "DELETE FROM parent")]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM child"), 1);
}

#[tokio::test]
async fn a_file_that_needs_foreign_keys_on_and_off_is_refused_with_the_directive() {
    let bench = Bench::new();
    bench.shard("a.db", CASCADE);
    let mut session = bench.ready("a.db").await;
    let both = "DROP TABLE child;\nPRAGMA foreign_keys = ON;\nDELETE FROM parent;";
    let failure = apply_fails(&mut session, &[wrapped("V1", both)]).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(failure.place.unwrap().line, 3);
    assert!(failure.hint.unwrap().contains("greylag:transaction off"));
}

#[tokio::test]
async fn insert_or_rollback_cannot_leave_a_history_row_without_its_migration() {
    let bench = Bench::new();
    bench.shard(
        "a.db",
        "CREATE TABLE a (x UNIQUE); INSERT INTO a VALUES (1)",
    );
    let mut session = bench.ready("a.db").await;
    let sql = "CREATE TABLE b (x);\nINSERT OR ROLLBACK INTO a VALUES (1);\nCREATE TABLE c (x);";
    let failure = apply_fails(&mut session, &[wrapped("V1", sql)]).await;
    assert_eq!(failure.left, Left::Nothing);
    assert_eq!(failure.place.unwrap().statement, 2);
    assert_eq!(bench.history("a.db"), 0);
    assert_eq!(
        bench.count(
            "a.db",
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('b', 'c')"
        ),
        0
    );
    apply_ok(&mut session, &[wrapped("V1", "CREATE TABLE b (x)")]).await;
}

#[tokio::test]
async fn a_commit_of_the_files_own_is_refused_before_anything_runs() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    for control in ["COMMIT", "ROLLBACK", "END TRANSACTION", "BEGIN"] {
        let sql = format!("CREATE TABLE b (x);\n{control};\nCREATE TABLE c (x);");
        let failure = apply_fails(&mut session, &[wrapped("V1", &sql)]).await;
        assert_eq!(failure.class, FailureClass::Refused, "{control}");
        assert_eq!(failure.place.unwrap().line, 2, "{control}");
        assert!(failure.hint.unwrap().contains("greylag:transaction off"));
    }
    assert_eq!(
        bench.count(
            "a.db",
            "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"
        ),
        0
    );
}

#[tokio::test]
async fn a_commit_that_nobody_saw_coming_rolls_back_instead() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let mut job = wrapped("V1", "CREATE TABLE b (x);\nCOMMIT;\nCREATE TABLE c (x);");
    // As a splitter that overlooked it would have it.
    let mut script = (*job.script).clone();
    script.statements[1].tx = greylag_core::script::Tx::Can;
    job.script = script.into();
    let failure = apply_fails(&mut session, &[job]).await;
    assert_eq!(failure.left, Left::Nothing);
    assert!(failure.message.contains("ended"), "{failure:?}");
    assert_eq!(failure.place.unwrap().statement, 2);
    assert_eq!(
        bench.count(
            "a.db",
            "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"
        ),
        0
    );
    assert_eq!(bench.history("a.db"), 0);
}

#[tokio::test]
async fn savepoints_are_harmless_inside() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let sql = "SAVEPOINT s;\nCREATE TABLE b (x);\nROLLBACK TO s;\nRELEASE s;\nCREATE TABLE c (x);";
    apply_ok(&mut session, &[wrapped("V1", sql)]).await;
    assert_eq!(
        bench.count(
            "a.db",
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('b', 'c')"
        ),
        1
    );
}

#[tokio::test]
async fn vacuum_inside_a_transaction_is_refused_with_its_line_and_the_directive() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let failure = apply_fails(
        &mut session,
        &[wrapped("V1", "CREATE TABLE b (x);\nVACUUM;")],
    )
    .await;
    assert_eq!(failure.place.unwrap().line, 2);
    assert!(failure.hint.unwrap().contains("greylag:transaction off"));
    assert_eq!(failure.left, Left::Nothing);
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_and_says_so() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let pages = bench.count("a.db", "PRAGMA page_count");
    let mut target = bench.target("a.db");
    target.session_sql = std::sync::Arc::new([format!("PRAGMA max_page_count = {}", pages + 2)]);
    session.unlock().await.unwrap();
    let mut session = greylag_engines::open(&target).await.unwrap();
    session.try_lock().await.unwrap();
    let failure = apply_fails(
        &mut session,
        &[wrapped(
            "V1",
            "CREATE TABLE b (x);\nINSERT INTO a VALUES (zeroblob(100000));",
        )],
    )
    .await;
    assert_eq!(failure.code.as_deref(), Some("13"));
    assert!(failure.hint.unwrap().contains("full"));
    assert_eq!(failure.left, Left::Nothing);
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM a"), 0);
    assert_eq!(bench.history("a.db"), 0);
}

#[tokio::test]
async fn a_migration_that_another_program_applied_meanwhile_is_not_applied_twice() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let job = wrapped("V1", "INSERT INTO a VALUES (1)");
    apply_ok(&mut session, std::slice::from_ref(&job)).await;
    let failure = apply_fails(&mut session, std::slice::from_ref(&job)).await;
    assert_eq!(failure.class, FailureClass::Conflict);
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM a"), 1);
    assert_eq!(
        session.settle(&job).await.unwrap(),
        greylag_engines::Settled::Applied
    );
}

#[tokio::test]
async fn a_writer_in_the_way_is_a_matter_of_locks_and_passes() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let other = bench.raw("a.db");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let job = wrapped("V1", "INSERT INTO a VALUES (1)");
    let failure = apply_fails(&mut session, std::slice::from_ref(&job)).await;
    assert_eq!(failure.class, FailureClass::Lock);
    assert!(failure.hint.is_some());
    other.execute_batch("ROLLBACK").unwrap();
    apply_ok(&mut session, &[job]).await;
}

#[tokio::test]
async fn a_reader_that_keeps_the_commit_waiting_is_a_matter_of_locks() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x); INSERT INTO a VALUES (1)");
    let mut session = bench.ready("a.db").await;
    let other = bench.raw("a.db");
    other.execute_batch("BEGIN; SELECT * FROM a").unwrap_or(());
    other.query_row("SELECT x FROM a", [], |_| Ok(())).unwrap();
    let failure = apply_fails(&mut session, &[wrapped("V1", "INSERT INTO a VALUES (2)")]).await;
    assert_eq!(
        (failure.class, failure.left),
        (FailureClass::Lock, Left::Nothing)
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM a"), 1);
}

#[tokio::test]
async fn in_wal_mode_nobody_can_write_between_a_files_read_and_its_write() {
    let bench = Bench::new();
    bench.shard("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let other = bench.raw("a.db");
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    let sql = format!("SELECT count(*) FROM a;\n{ENDLESS};\nINSERT INTO a VALUES (1);");
    let refused = tried_at_first_note(&mut session, wrapped("V1", &sql), other).await;
    assert!(
        refused,
        "a deferred BEGIN would let the other write, and then fail as stale"
    );
}

#[tokio::test]
async fn a_cancel_stops_a_long_statement_and_leaves_nothing() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let canceller = session.canceller();
    let endless = "INSERT INTO a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n";
    let job = wrapped("V1", &format!("CREATE TABLE b (x);\n{endless};"));
    let started = std::sync::Arc::new(tokio::sync::Notify::new());
    let told = started.clone();
    let cancel = tokio::spawn(async move {
        started.notified().await;
        canceller.cancel().await.unwrap();
    });
    let attempt = session
        .apply(&[job], &move |note| {
            if matches!(note, Note::Statement { done: 1, .. }) {
                told.notify_one();
            }
        })
        .await;
    cancel.await.unwrap();
    let Attempt::Failed(failure) = attempt else {
        panic!("{attempt:?}")
    };
    assert_eq!(
        (failure.class, failure.left),
        (FailureClass::Cancelled, Left::Nothing)
    );
    assert_eq!(
        bench.count(
            "a.db",
            "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"
        ),
        0
    );
    assert!(session.survey().await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn a_statement_over_its_time_is_stopped() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let mut job = wrapped(
        "V1",
        "INSERT INTO a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n",
    );
    job.limits.statement_timeout = Some(std::time::Duration::from_millis(50));
    let failure = apply_fails(&mut session, &[job]).await;
    assert_eq!(failure.class, FailureClass::Cancelled);
    assert!(failure.message.contains("50ms"), "{failure:?}");
}

#[tokio::test]
async fn what_a_file_leaves_on_the_connection_does_not_meet_the_next_one() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x); INSERT INTO a VALUES ('A')");
    let mut session = bench.ready("a.db").await;
    let first = "PRAGMA case_sensitive_like = ON;\nCREATE TEMP TABLE a AS SELECT 'hidden' AS x;";
    apply_ok(&mut session, &[wrapped("V1", first)]).await;
    apply_ok(
        &mut session,
        &[wrapped(
            "V2",
            "CREATE TABLE b AS SELECT x FROM a WHERE x LIKE 'a'",
        )],
    )
    .await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM b"), 1);
}

#[test]
fn a_file_with_a_setting_of_its_own_shares_no_transaction() {
    assert!(wrapped("V1", "CREATE TABLE a (x)").may_share());
    assert!(!wrapped("V1", REBUILD).may_share());
    assert!(!stepwise("V1", "CREATE TABLE a (x)").may_share());
}

#[tokio::test]
async fn in_a_group_the_file_that_broke_references_is_the_one_that_failed() {
    let bench = Bench::new();
    bench.shard("a.db", CASCADE);
    let mut session = bench.ready("a.db").await;
    let lossy = REBUILD.replace(
        "SELECT id, 0 FROM parent",
        "SELECT id, 0 FROM parent WHERE id = 1",
    );
    let jobs = [
        wrapped("V1", "CREATE TABLE a (x)"),
        wrapped("V2", &lossy),
        wrapped("V3", "CREATE TABLE b (x)"),
    ];
    let failure = apply_fails(&mut session, &jobs).await;
    assert_eq!(failure.migration.unwrap().to_string(), "V2");
    let step = session.survey().await.unwrap().steps.remove(0);
    assert_eq!(step.migration.to_string(), "V2");
    assert_eq!(bench.history("a.db"), 0);
}

const ENDLESS: &str = "INSERT INTO a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n";

const CASCADE: &str = "
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent (id) ON DELETE CASCADE);
    INSERT INTO parent VALUES (1), (2);
    INSERT INTO child VALUES (1, 1), (2, 2);";

const REBUILD: &str = "PRAGMA foreign_keys = OFF;
CREATE TABLE new_parent (id INTEGER PRIMARY KEY, total INT NOT NULL);
INSERT INTO new_parent SELECT id, 0 FROM parent;
DROP TABLE parent;
ALTER TABLE new_parent RENAME TO parent;
PRAGMA foreign_keys = ON;
";
