//! A migration that doesn't work: what is left, and what the message says.

use crate::{
    fixture::Fixture,
    shard::{Shard, applied, apply, failed, look},
};
use greylag_core::{
    engine::Ddl,
    outcome::{FailureClass, Left},
    survey::StepState,
};
use greylag_engines::Attempt;

const HALF: &str = "CREATE TABLE t (id integer PRIMARY KEY);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (1);\n";

pub async fn a_failed_migration_leaves_what_the_facts_say<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let job = match F::ENGINE.facts().ddl {
        Ddl::Transactional => shard.wrapped("V1", HALF),
        Ddl::PerStatement => shard.stepwise("V1", HALF),
    };
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.migration.as_ref(), Some(&job.migration));
    let place = failure.place.clone().expect("a place");
    assert_eq!((place.statement, place.line), (3, 3));
    assert_eq!(place.script, "V1__test.sql");
    assert_eq!(shard.rows("1").await, 0);
    match F::ENGINE.facts().ddl {
        Ddl::Transactional => {
            assert_eq!(failure.left, Left::Nothing);
            let again = shard.wrapped("V1", "CREATE TABLE t (id integer)");
            applied(session.as_mut(), &[again]).await;
        }
        Ddl::PerStatement => {
            assert_eq!(failure.left, Left::Partial { done: 2, total: 3 });
            assert_eq!(shard.count("SELECT count(*) FROM t").await, 1);
        }
    }
}

pub async fn a_failure_is_remembered_and_forgotten_by_the_success_after_it<F: Fixture>(
    shard: &Shard<F>,
) {
    let mut session = shard.ready().await;
    shard
        .fixture
        .execute("CREATE TABLE t (id integer PRIMARY KEY)")
        .await;
    let bad = shard.wrapped("V1", "INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)");
    let failure = failed(session.as_mut(), &bad).await;
    let steps = look(session.as_mut()).await.steps;
    assert_eq!(steps.len(), 1);
    assert_eq!(
        (steps[0].state, &steps[0].migration),
        (StepState::Failed, &bad.migration)
    );
    assert_eq!(
        steps[0].failure.as_ref().map(|f| &f.message),
        Some(&failure.message)
    );
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 0);
    applied(
        session.as_mut(),
        &[shard.wrapped("V1", "INSERT INTO t VALUES (1)")],
    )
    .await;
    assert_eq!(look(session.as_mut()).await.steps, []);
}

pub async fn a_syntax_error_points_at_line_and_column<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let sql = format!(
        "-- ä\nSELECT 'ü';\n/* ö */ {};\nSELECT 1",
        F::WORDS.nonsense
    );
    for job in [shard.wrapped("V1", &sql), shard.stepwise("V2", &sql)] {
        let failure = failed(session.as_mut(), &job).await;
        assert_eq!(failure.class, FailureClass::Syntax, "{failure:?}");
        let place = failure.place.expect("a place");
        assert_eq!((place.statement, place.line), (2, 3), "{place:?}");
        if F::WORDS.column > 0 {
            assert_eq!(place.column, Some(8 + F::WORDS.column), "{place:?}");
        }
        assert!(
            place.excerpt.starts_with(&F::WORDS.nonsense[..8]),
            "{place:?}"
        );
    }
}

pub async fn a_violated_constraint_is_a_failure_of_the_data<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let failure = failed(session.as_mut(), &shard.wrapped("V1", HALF)).await;
    assert_eq!(failure.class, FailureClass::Data, "{failure:?}");
    assert!(failure.code.is_some());
}

pub async fn a_table_that_is_there_already_is_a_conflict<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    shard.fixture.execute("CREATE TABLE t (id integer)").await;
    let job = shard.wrapped("V1", "CREATE TABLE t (id integer)");
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.class, FailureClass::Conflict, "{failure:?}");
    assert!(failure.hint.is_some());
}

pub async fn one_failing_job_of_several_takes_the_others_with_it<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    shard
        .fixture
        .execute("CREATE TABLE t (id integer PRIMARY KEY)")
        .await;
    let jobs = [
        shard.wrapped("V1", "INSERT INTO t VALUES (1)"),
        shard.wrapped("V2", "INSERT INTO t VALUES (1)"),
    ];
    let Attempt::Failed(failure) = session.apply(&jobs, &|_| {}).await else {
        panic!("the second job can't work");
    };
    assert_eq!(failure.migration, Some(jobs[1].migration.clone()));
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 0);
    assert_eq!(shard.rows("1").await, 0);
    assert!(matches!(
        apply(session.as_mut(), &jobs[0]).await,
        Attempt::Applied(_)
    ));
}
