//! What both stores do alike with rollouts, their events, and what is asked of them.

use crate::remembering::{amend, known};
use crate::stores::{Store, finished, holder, lease, rollout, scope, stamped};
use greylag_orchestrator::journal::{JournalError, LeaseTry, Scope, Taken};
use serde_json::json;

/// Runs each test on SQLite, and on PostgreSQL where there is one.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Store::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(store) = super::Store::postgres().await {
                    super::$name(store).await;
                }
            })+
        }
    };
}
pub(crate) use on_both_stores;

on_both_stores!(
    a_rollout_comes_back_as_it_was_stored,
    events_are_appended_in_order_or_not_at_all,
    a_request_is_answered_with_the_events_it_led_to,
    the_last_event_ends_the_rollout,
    projects_and_environments_are_kept_apart,
);

async fn a_rollout_comes_back_as_it_was_stored(store: Store) {
    let journal = store.open().await;
    let lease = lease(&*journal, &holder("apply")).await;
    let new = rollout("r1");
    journal.begin(&lease, &new).await.unwrap();
    let again = store.open().await;
    let stored = again.rollout("r1").await.unwrap().unwrap();
    assert_eq!(stored.plan, new.plan);
    assert_eq!(stored.files, new.files);
    assert_eq!((stored.row.sequence, stored.row.ended), (0, None));
    assert!(again.rollout("r2").await.unwrap().is_none());
}

async fn events_are_appended_in_order_or_not_at_all(store: Store) {
    let journal = store.open().await;
    let lease = lease(&*journal, &holder("apply")).await;
    journal.begin(&lease, &rollout("r1")).await.unwrap();
    let events = [stamped(1, lease.epoch, "a"), stamped(2, lease.epoch, "b")];
    journal.append(&lease, "r1", &events, &[]).await.unwrap();

    let twice = [stamped(2, lease.epoch, "c")];
    let gap = [stamped(4, lease.epoch, "c")];
    let torn = [stamped(3, lease.epoch, "c"), stamped(5, lease.epoch, "d")];
    for wrong in [&twice[..], &gap[..], &torn[..]] {
        let error = journal.append(&lease, "r1", wrong, &[]).await.unwrap_err();
        assert!(matches!(error, JournalError::Conflict { .. }), "{error}");
    }
    assert_eq!(journal.events("r1", 0).await.unwrap(), events);
    assert_eq!(journal.events("r1", 1).await.unwrap(), events[1..]);
    let third = [stamped(3, lease.epoch, "e")];
    journal.append(&lease, "r1", &third, &[]).await.unwrap();
    assert_eq!(journal.events("r1", 2).await.unwrap(), third);
}

async fn a_request_is_answered_with_the_events_it_led_to(store: Store) {
    let (journal, other) = (store.open().await, store.open().await);
    let lease = lease(&*journal, &holder("apply")).await;
    journal.begin(&lease, &rollout("r1")).await.unwrap();
    let request = json!({"request": "pause", "reason": "lunch"});
    let first = other.post("r1", "bob@test", &request).await.unwrap();
    let second = other
        .post("r1", "bob@test", &json!({"request": "resume"}))
        .await
        .unwrap();

    let waiting = journal.inbox("r1").await.unwrap();
    assert_eq!(
        waiting.iter().map(|i| i.id).collect::<Vec<_>>(),
        [first, second]
    );
    assert_eq!(
        (&waiting[0].request, waiting[0].by.as_str()),
        (&request, "bob@test")
    );
    assert!(journal.inbox("r2").await.unwrap().is_empty());

    let taken = [
        Taken {
            item: first,
            answer: Ok("paused".into()),
        },
        Taken {
            item: second,
            answer: Err("nothing is paused".into()),
        },
    ];
    // With a wrong event nothing is answered either.
    let wrong = [stamped(7, lease.epoch, "a")];
    journal
        .append(&lease, "r1", &wrong, &taken)
        .await
        .unwrap_err();
    assert_eq!(journal.inbox("r1").await.unwrap().len(), 2);

    let event = [stamped(1, lease.epoch, "a")];
    journal
        .append(&lease, "r1", &event, &taken[..1])
        .await
        .unwrap();
    journal
        .append(&lease, "r1", &[], &taken[1..])
        .await
        .unwrap();
    assert!(journal.inbox("r1").await.unwrap().is_empty());
    let answer = |item| {
        let other = other.clone();
        async move { other.answer(item).await.unwrap().unwrap().answer.unwrap() }
    };
    assert_eq!(answer(first).await, Ok("paused".into()));
    assert_eq!(answer(second).await, Err("nothing is paused".into()));
    assert!(other.answer(999).await.unwrap().is_none());
}

async fn the_last_event_ends_the_rollout(store: Store) {
    let journal = store.open().await;
    let lease = lease(&*journal, &holder("apply")).await;
    for id in ["r1", "r2"] {
        journal.begin(&lease, &rollout(id)).await.unwrap();
    }
    let end = [stamped(1, lease.epoch, "a"), finished(2, lease.epoch)];
    journal.append(&lease, "r1", &end, &[]).await.unwrap();
    let rows = journal.rollouts(&scope()).await.unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|r| (r.id.as_str(), r.ended.as_deref(), r.sequence))
        .collect();
    assert_eq!(seen, [("r2", None, 0), ("r1", Some("done"), 2)]);
    // What has not begun brought nothing.
    let planned = journal.planned(&scope(), 5).await.unwrap();
    let [planned] = &planned[..] else {
        panic!("{planned:?}");
    };
    assert_eq!(planned.row, rows[1]);
    assert_eq!(planned.migrations, rollout("r1").plan.migrations);
    assert_eq!(planned.migrations.len(), 1);
    assert_eq!(journal.planned(&scope(), 0).await.unwrap(), []);
    // One that is under way has brought some of it.
    let first = [stamped(1, lease.epoch, "a")];
    journal.append(&lease, "r2", &first, &[]).await.unwrap();
    let planned = journal.planned(&scope(), 5).await.unwrap();
    let ids: Vec<_> = planned.iter().map(|one| one.row.id.as_str()).collect();
    assert_eq!(ids, ["r2", "r1"]);
}

async fn projects_and_environments_are_kept_apart(store: Store) {
    let journal = store.open().await;
    let mine = lease(&*journal, &holder("apply")).await;
    let other = Scope {
        environment: "production".into(),
        ..scope()
    };
    let theirs = journal.take_lease(&other, &holder("apply")).await.unwrap();
    assert!(matches!(theirs, LeaseTry::Held(_)));
    journal.begin(&mine, &rollout("r1")).await.unwrap();
    assert!(journal.rollouts(&other).await.unwrap().is_empty());
    amend(&*journal, None, None, known("a", "5")).await.unwrap();
    assert!(journal.known(&other).await.unwrap().is_empty());
}
