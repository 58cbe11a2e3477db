//! What both stores do alike.

use crate::stores::{Store, finished, holder, lease, rollout, scope, stamped};
use greylag_core::fleet::ShardName;
use greylag_core::identity::{Known, Node};
use greylag_orchestrator::journal::{
    Act, Amendment, Journal, JournalError, KnownShard, Lease, LeaseTry, Scope, Taken, revise,
};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;

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

on_both_stores!(
    a_rollout_comes_back_as_it_was_stored,
    events_are_appended_in_order_or_not_at_all,
    an_append_under_a_lost_lease_is_refused,
    a_lease_is_held_by_one_and_each_new_holder_has_a_new_epoch,
    the_lease_of_a_dead_process_is_taken_at_once,
    the_lease_of_a_process_whose_number_another_has_now_is_taken_at_once,
    a_clock_that_goes_back_makes_no_lease_last_for_ever,
    many_that_come_at_once_leave_one_holder,
    a_request_is_answered_with_the_events_it_led_to,
    the_last_event_ends_the_rollout,
    projects_and_environments_are_kept_apart,
    a_known_shard_is_remembered_until_it_is_forgotten,
    shards_are_remembered_with_the_events_that_prove_them,
    what_is_remembered_changes_only_from_what_it_was_read_as,
    who_has_lost_the_lease_changes_nothing_that_is_remembered,
    changes_by_several_at_once_are_all_kept,
    what_people_had_done_is_kept_with_who_when_and_why,
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

async fn a_known_shard_is_remembered_until_it_is_forgotten(store: Store) {
    let journal = store.open().await;
    let (a, b) = (known("a", "1"), known("b", "1"));
    for one in [&b, &a] {
        amend(&*journal, None, None, one.clone()).await.unwrap();
    }
    assert_eq!(
        journal.known(&scope()).await.unwrap(),
        [a.clone(), b.clone()]
    );
    let newer = KnownShard {
        version: Some("2".into()),
        ..known("a", "2")
    };
    let changed = amend(&*journal, None, Some(a), newer.clone()).await;
    assert!(changed.unwrap());
    assert_eq!(journal.known(&scope()).await.unwrap(), [newer, b.clone()]);
    let name = "a".parse().unwrap();
    assert!(
        journal
            .forget(&scope(), &name, "ann", "sold")
            .await
            .unwrap()
    );
    assert!(
        !journal
            .forget(&scope(), &name, "ann", "sold")
            .await
            .unwrap()
    );
    assert_eq!(journal.known(&scope()).await.unwrap(), [b]);
}

async fn shards_are_remembered_with_the_events_that_prove_them(store: Store) {
    let journal = store.open().await;
    let lease = lease(&*journal, &holder("apply")).await;
    journal.begin(&lease, &rollout("r1")).await.unwrap();
    let proven = [known("a", "1"), known("b", "1")];
    let event = [stamped(1, lease.epoch, "a")];
    journal
        .append_and_remember(&lease, "r1", &event, &[], &proven)
        .await
        .unwrap();
    assert_eq!(journal.events("r1", 0).await.unwrap(), event);
    assert_eq!(journal.known(&scope()).await.unwrap(), proven);
    // Nothing proven forgets nobody.
    let next = [stamped(2, lease.epoch, "a")];
    journal
        .append_and_remember(&lease, "r1", &next, &[], &[])
        .await
        .unwrap();
    assert_eq!(journal.known(&scope()).await.unwrap(), proven);
}

async fn what_is_remembered_changes_only_from_what_it_was_read_as(store: Store) {
    let journal = store.open().await;
    let (one, two) = (known("a", "1"), known("a", "2"));
    let three = known("a", "3");
    let amend = async |before: Option<&KnownShard>, after: &KnownShard| {
        let done = amend(&*journal, None, before.cloned(), after.clone()).await;
        done.unwrap()
    };
    let known = async || journal.known(&scope()).await.unwrap();
    assert!(!amend(Some(&one), &two).await, "it is not known at all");
    assert!(known().await.is_empty());
    assert!(amend(None, &one).await);
    assert!(!amend(None, &two).await, "somebody was first");
    assert!(!amend(Some(&three), &two).await, "read before that");
    assert_eq!(known().await, std::slice::from_ref(&one));
    assert!(amend(Some(&one), &two).await);
    assert!(!amend(Some(&one), &three).await);
    assert_eq!(known().await, std::slice::from_ref(&two));
    // Of several, those that are as they were read.
    let b = self::known("b", "1");
    let both = [
        Amendment {
            before: Some(one.clone()),
            after: three.clone(),
        },
        Amendment {
            before: None,
            after: b.clone(),
        },
    ];
    assert!(!journal.amend(&scope(), None, &both).await.unwrap());
    assert_eq!(known().await, [two.clone(), b]);
    let name = "a".parse().unwrap();
    let forgotten = journal.forget(&scope(), &name, "ann", "sold").await;
    assert!(forgotten.unwrap());
    assert!(!amend(Some(&two), &three).await, "forgotten it stays");
    assert_eq!(known().await.len(), 1);
}

async fn who_has_lost_the_lease_changes_nothing_that_is_remembered(store: Store) {
    let journal = store.open().await;
    let lost = lease(&*journal, &holder("apply")).await;
    journal.release(&lost).await.unwrap();
    let held = lease(&*journal, &holder("apply")).await;
    let one = known("a", "1");
    let amended = amend(&*journal, Some(&lost), None, one.clone()).await;
    assert!(
        matches!(amended, Err(JournalError::Fenced { .. })),
        "{amended:?}"
    );
    let remembered = journal.remember(&lost, std::slice::from_ref(&one)).await;
    assert!(
        matches!(remembered, Err(JournalError::Fenced { .. })),
        "{remembered:?}"
    );
    assert!(journal.known(&scope()).await.unwrap().is_empty());
    assert!(
        amend(&*journal, Some(&held), None, one.clone())
            .await
            .unwrap()
    );
    // What is known of the same identity is more than what was claimed.
    let claimed = known("a", "0");
    journal.remember(&held, &[claimed]).await.unwrap();
    assert_eq!(
        journal.known(&scope()).await.unwrap(),
        std::slice::from_ref(&one)
    );
    let mut other = known("a", "0");
    other.known.uuid = uuid::Uuid::from_u128(8);
    let others = std::slice::from_ref(&other);
    journal.remember(&held, others).await.unwrap();
    assert_eq!(journal.known(&scope()).await.unwrap(), [other]);
}

async fn changes_by_several_at_once_are_all_kept(store: Store) {
    let journal = store.open().await;
    amend(&*journal, None, None, known("a", "1")).await.unwrap();
    let journal = &*journal;
    let add = |number: usize| async move {
        let change = |known: &mut BTreeMap<ShardName, KnownShard>| {
            let shard = known.values_mut().next().unwrap();
            let mut node = shard.known.nodes[0].clone();
            node.dialled = format!("{number}");
            shard.known.nodes.push(node);
        };
        revise(journal, &scope(), None, change).await.unwrap();
    };
    futures::future::join_all((0..8).map(add)).await;
    let known = journal.known(&scope()).await.unwrap();
    assert_eq!(known[0].known.nodes.len(), 9);
}

async fn amend(
    journal: &dyn Journal,
    lease: Option<&Lease>,
    before: Option<KnownShard>,
    after: KnownShard,
) -> Result<bool, JournalError> {
    let amendment = Amendment { before, after };
    journal.amend(&scope(), lease, &[amendment]).await
}

fn known(name: &str, version: &str) -> KnownShard {
    KnownShard {
        name: name.parse().unwrap(),
        known: Known {
            uuid: uuid::Uuid::from_u128(7),
            nodes: vec![Node {
                lineage: "l".into(),
                database: "d".into(),
                address: "here".into(),
                dialled: "there".into(),
                instance: Some("run".into()),
                name: "b".into(),
            }],
            deposed: vec![Node {
                lineage: "l".into(),
                database: "d".into(),
                address: "of old".into(),
                dialled: "elsewhere".into(),
                instance: None,
                name: "b".into(),
            }],
        },
        version: Some(version.into()),
        seen: Timestamp::from_second(1_700_000_000).unwrap(),
    }
}

async fn what_people_had_done_is_kept_with_who_when_and_why(store: Store) {
    let journal = store.open().await;
    let act = |second: i64, verb: &str| Act {
        id: uuid::Uuid::new_v4(),
        at: Timestamp::from_second(second).unwrap(),
        by: "ann@test".into(),
        verb: verb.into(),
        shard: "s1".parse().unwrap(),
        what: vec!["V1: checksum 1 became 2".into()],
        reason: "a \"comment\"".into(),
    };
    let (repair, accept) = (act(1, "repair"), act(2, "accept"));
    for act in [&repair, &accept, &repair] {
        journal.note(&scope(), act).await.unwrap();
    }
    let elsewhere = Scope {
        environment: "production".into(),
        ..scope()
    };
    journal.note(&elsewhere, &act(3, "rebrand")).await.unwrap();
    let known = KnownShard {
        name: "s1".parse().unwrap(),
        known: Known {
            uuid: uuid::Uuid::new_v4(),
            nodes: Vec::new(),
            deposed: Vec::new(),
        },
        version: None,
        seen: Timestamp::UNIX_EPOCH,
    };
    amend(&*journal, None, None, known).await.unwrap();
    let shard = "s1".parse().unwrap();
    journal
        .forget(&scope(), &shard, "bob", "sold")
        .await
        .unwrap();

    let looked = greylag_orchestrator::journal::look(&store.location)
        .await
        .unwrap();
    let acts = looked.acts(&scope(), 10).await.unwrap();
    assert_eq!(acts[1..], [accept, repair]);
    let forgotten = &acts[0];
    assert_eq!(
        (&*forgotten.verb, &*forgotten.by, &*forgotten.reason),
        ("forget", "bob", "sold")
    );
    assert_eq!(looked.acts(&scope(), 1).await.unwrap().len(), 1);
    assert!(looked.note(&scope(), &act(4, "repair")).await.is_err());
}
