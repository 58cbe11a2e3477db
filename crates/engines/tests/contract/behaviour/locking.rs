//! One writer per shard.

use crate::{
    fixture::Fixture,
    shard::{Shard, applied, lock, look, session},
};
use greylag_engines::{LockAttempt, Target};
use std::sync::Arc;

pub async fn the_lock_keeps_a_second_session_out_and_names_the_holder<F: Fixture>(
    shard: &Shard<F>,
) {
    let mut first = shard.session().await;
    assert_eq!(first.try_lock().await.unwrap(), LockAttempt::Held);
    let mut second = shard.session().await;
    let LockAttempt::Busy { holder } = second.try_lock().await.unwrap() else {
        panic!("two sessions hold the lock");
    };
    assert_eq!(holder.pid, first.pid());
    assert_eq!(holder.application.as_deref(), Some("greylag/r-1/eu-1"));
}

pub async fn the_lock_dies_with_its_connection<F: Fixture>(shard: &Shard<F>) {
    let mut first = shard.session().await;
    assert_eq!(first.try_lock().await.unwrap(), LockAttempt::Held);
    drop(first);
    lock(shard.session().await.as_mut()).await;
    let mut third = shard.session().await;
    lock(third.as_mut()).await;
    third.close().await;
    lock(shard.session().await.as_mut()).await;
}

pub async fn a_lock_that_was_let_go_can_be_had<F: Fixture>(shard: &Shard<F>) {
    let mut first = shard.session().await;
    lock(first.as_mut()).await;
    first.unlock().await.unwrap();
    let mut second = shard.session().await;
    assert_eq!(second.try_lock().await.unwrap(), LockAttempt::Held);
    assert!(matches!(
        first.try_lock().await.unwrap(),
        LockAttempt::Busy { .. }
    ));
}

pub async fn a_look_that_comes_with_the_lock_sees_what_its_last_holder_did<F: Fixture>(
    shard: &Shard<F>,
) {
    let tables = [
        ("greylag_schema_history", ["V1", "V2"]),
        ("flyway_schema_history", ["V3", "V4"]),
    ];
    for (history, names) in tables {
        let target = Target {
            history_table: Arc::from(history),
            ..shard.fixture.target()
        };
        let mut second = session(&target).await;
        // What it expects is out of date by then.
        second.expect_tables(false);
        let mut first = session(&target).await;
        lock(first.as_mut()).await;
        first.prepare(&crate::shard::claim()).await.unwrap();
        let job = shard.wrapped(names[0], &format!("CREATE TABLE of_{history} (id integer)"));
        applied(first.as_mut(), &[job]).await;
        first.unlock().await.unwrap();
        let (tried, seen) = second.try_lock_and_survey().await.unwrap();
        assert_eq!(tried, LockAttempt::Held);
        let seen = match seen {
            Some(seen) => seen,
            None => look(second.as_mut()).await,
        };
        assert_eq!(seen.history.len(), 1, "{seen:?}");
        assert!(seen.identity.is_some() && seen.has_history, "{seen:?}");
        // It is a lock like any other.
        assert!(matches!(
            first.try_lock().await.unwrap(),
            LockAttempt::Busy { .. }
        ));
        let next = shard.wrapped(
            names[1],
            &format!("CREATE TABLE more_of_{history} (id integer)"),
        );
        applied(second.as_mut(), &[next]).await;
        assert_eq!(look(second.as_mut()).await.history.len(), 2);
        second.unlock().await.unwrap();
    }
}

pub async fn nobody_looks_under_a_lock_that_is_not_had<F: Fixture>(shard: &Shard<F>) {
    let mut first = shard.ready().await;
    let mut second = shard.session().await;
    let (tried, seen) = second.try_lock_and_survey().await.unwrap();
    let LockAttempt::Busy { holder } = tried else {
        panic!("two sessions hold the lock");
    };
    assert_eq!((holder.pid, seen), (first.pid(), None));
    first.unlock().await.unwrap();
    let (tried, _) = second.try_lock_and_survey().await.unwrap();
    assert_eq!(tried, LockAttempt::Held);
}
