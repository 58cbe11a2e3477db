//! Files that run statement by statement: each statement once, and on from where it stopped.

use crate::{
    fixture::Fixture,
    shard::{Shard, applied, failed, look, settled},
};
use greylag_core::outcome::{FailureClass, Left};
use greylag_engines::{Note, Settled};

pub async fn statements_are_done_once_each_and_reported<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let sql = format!(
        "CREATE TABLE t (id integer); INSERT INTO t VALUES (1); {}; INSERT INTO t VALUES (2)",
        F::WORDS.alone
    );
    let job = shard.stepwise("V1", &sql);
    let notes = applied(session.as_mut(), &[job]).await;
    let done: Vec<_> = notes
        .iter()
        .filter_map(|note| match note {
            Note::Statement { done, total, .. } => Some((*done, *total)),
            _ => None,
        })
        .collect();
    assert_eq!(done, [(1, 4), (2, 4), (3, 4), (4, 4)]);
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 2);
    assert_eq!(shard.rows("1").await, 1);
}

const FIRST: &str = "CREATE TABLE t (id integer PRIMARY KEY);\nINSERT INTO t VALUES (1);\n";

pub async fn a_failed_file_resumes_after_its_unchanged_prefix<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let bad = shard.stepwise("V1", &format!("{FIRST}INSERT INTO t VALUES (1)"));
    let failure = failed(session.as_mut(), &bad).await;
    assert_eq!(
        failure.left,
        Left::Partial { done: 2, total: 3 },
        "{failure:?}"
    );
    let step = &look(session.as_mut()).await.steps[0];
    assert_eq!((step.statements_done, step.hashes.len()), (2, 2));
    drop(session);
    let mut session = shard.ready().await;
    let mended = shard.stepwise("V1", &format!("{FIRST}INSERT INTO t VALUES (2)"));
    assert!(
        matches!(
            settled(session.as_mut(), &mended).await,
            Settled::Absent | Settled::Failed(_)
        ),
        "it can go on"
    );
    applied(session.as_mut(), &[mended]).await;
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 2);
    assert_eq!(shard.rows("1").await, 1);
}

pub async fn a_changed_prefix_is_refused_with_its_statement<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let bad = shard.stepwise("V1", &format!("{FIRST}INSERT INTO t VALUES (1)"));
    failed(session.as_mut(), &bad).await;
    let changed = shard.stepwise(
        "V1",
        &format!("{}INSERT INTO t VALUES (2)", FIRST.replace("(1)", "(9)")),
    );
    let refused = failed(session.as_mut(), &changed).await;
    assert_eq!(refused.class, FailureClass::Refused, "{refused:?}");
    assert_eq!(refused.place.expect("a place").statement, 2);
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 1);
    assert_eq!(shard.rows("1").await, 0);
}

pub async fn settings_of_the_finished_prefix_hold_again_after_resuming<F: Fixture>(
    shard: &Shard<F>,
) {
    let mut session = shard.ready().await;
    let shown = F::WORDS.shown.trim_start_matches("SELECT ");
    let first = format!(
        "CREATE TABLE seen (what varchar(100) NOT NULL); {};\n",
        F::WORDS.set
    );
    let bad = shard.stepwise("V1", &format!("{first}INSERT INTO seen VALUES (NULL)"));
    failed(session.as_mut(), &bad).await;
    drop(session);
    let mut session = shard.ready().await;
    let mended = shard.stepwise("V1", &format!("{first}INSERT INTO seen SELECT {shown}"));
    applied(session.as_mut(), &[mended]).await;
    let seen = shard.fixture.value("SELECT what FROM seen").await;
    assert_eq!(seen.as_deref(), Some(F::WORDS.as_set));
}
