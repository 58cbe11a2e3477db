//! One writer per shard.

use crate::{
    fixture::Fixture,
    shard::{Shard, lock},
};
use greylag_engines::LockAttempt;

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
