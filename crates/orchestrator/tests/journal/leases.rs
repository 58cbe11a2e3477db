//! Who holds a fleet's lease, on both stores: one at a time, and nobody who is gone.

use crate::stores::{Store, holder, lease, rollout, scope, stamped};
use crate::suite::on_both_stores;
use greylag_orchestrator::journal::{JournalError, LeaseTry};

on_both_stores!(
    a_lease_is_held_by_one_and_each_new_holder_has_a_new_epoch,
    the_lease_of_a_dead_process_is_taken_at_once,
    the_lease_of_a_process_whose_number_another_has_now_is_taken_at_once,
    a_clock_that_goes_back_makes_no_lease_last_for_ever,
    many_that_come_at_once_leave_one_holder,
    an_append_under_a_lost_lease_is_refused,
);

async fn a_lease_is_held_by_one_and_each_new_holder_has_a_new_epoch(store: Store) {
    let (one, two) = (store.open().await, store.open().await);
    assert!(one.holder(&scope()).await.unwrap().is_none());
    let first = lease(&*one, &holder("apply")).await;
    let same = lease(&*one, &first.holder).await;
    assert_eq!(same.epoch, first.epoch);

    let LeaseTry::Busy(row) = two.take_lease(&scope(), &holder("apply")).await.unwrap() else {
        panic!("two hold it");
    };
    assert_eq!(row.holder, first.holder);
    assert_eq!(
        two.holder(&scope()).await.unwrap().unwrap().holder,
        first.holder
    );
    let text = row.holder.to_string();
    assert!(
        text.contains("greylag apply") && text.contains(&std::process::id().to_string()),
        "{text}"
    );

    one.release(&first).await.unwrap();
    assert!(two.holder(&scope()).await.unwrap().is_none());
    let second = lease(&*two, &holder("apply")).await;
    assert_eq!(second.epoch, first.epoch + 1);
}

async fn the_lease_of_a_dead_process_is_taken_at_once(store: Store) {
    let journal = store.open().await;
    let mut child = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let mut dead = holder("apply");
    dead.pid = child.id();
    dead.started = 1;
    let old = lease(&*journal, &dead).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let new = lease(&*journal, &holder("apply")).await;
    assert_eq!(new.epoch, old.epoch + 1);
}

async fn the_lease_of_a_process_whose_number_another_has_now_is_taken_at_once(store: Store) {
    let journal = store.open().await;
    let mut before = holder("apply");
    before.started -= 1;
    let old = lease(&*journal, &before).await;
    let new = lease(&*journal, &holder("apply")).await;
    assert_eq!(new.epoch, old.epoch + 1);
}

async fn a_clock_that_goes_back_makes_no_lease_last_for_ever(store: Store) {
    let journal = store.open().await;
    // A holder that lives on this machine is asked, whatever the clock says.
    let here = lease(&*journal, &holder("apply")).await;
    store.turn_the_clock_back().await;
    let tried = journal.take_lease(&scope(), &holder("apply")).await;
    assert!(matches!(tried.unwrap(), LeaseTry::Busy(_)));
    journal.renew(&here).await.unwrap();
    journal.release(&here).await.unwrap();
    let mut elsewhere = holder("apply");
    elsewhere.machine = "another".into();
    let away = lease(&*journal, &elsewhere).await;
    let tried = journal.take_lease(&scope(), &holder("apply")).await;
    assert!(matches!(tried.unwrap(), LeaseTry::Busy(_)));
    store.turn_the_clock_back().await;
    let new = lease(&*journal, &holder("apply")).await;
    assert_eq!(new.epoch, away.epoch + 1);
    assert!(journal.renew(&away).await.is_err());
}

async fn many_that_come_at_once_leave_one_holder(store: Store) {
    let tries = (0..8).map(|_| async {
        let journal = store.open().await;
        let held = journal
            .take_lease(&scope(), &holder("apply"))
            .await
            .unwrap();
        matches!(held, LeaseTry::Held(_))
    });
    let held = futures::future::join_all(tries).await;
    assert_eq!(held.iter().filter(|held| **held).count(), 1, "{held:?}");
}

async fn an_append_under_a_lost_lease_is_refused(store: Store) {
    let journal = store.open().await;
    let old = lease(&*journal, &holder("apply")).await;
    journal.begin(&old, &rollout("r1")).await.unwrap();
    journal.release(&old).await.unwrap();
    let new = lease(&*journal, &holder("apply")).await;
    assert!(new.epoch > old.epoch);

    let event = [stamped(1, old.epoch, "a")];
    for error in [
        journal.append(&old, "r1", &event, &[]).await.unwrap_err(),
        journal.renew(&old).await.unwrap_err(),
        journal.begin(&old, &rollout("r2")).await.unwrap_err(),
    ] {
        assert!(matches!(error, JournalError::Fenced { .. }), "{error}");
    }
    assert!(journal.events("r1", 0).await.unwrap().is_empty());
    assert!(journal.rollout("r2").await.unwrap().is_none());
    // A late release by the old holder takes nothing from the new one.
    journal.release(&old).await.unwrap();
    journal.renew(&new).await.unwrap();
}
