//! What is remembered beside rollouts, on both stores: shards as they were proven, and what people had done.

use crate::stores::{Store, holder, lease, rollout, scope, stamped};
use crate::suite::on_both_stores;
use greylag_core::fleet::ShardName;
use greylag_core::identity::{Known, Node};
use greylag_orchestrator::journal::{
    Act, Amendment, Journal, JournalError, KnownShard, Lease, Scope, revise,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

on_both_stores!(
    a_known_shard_is_remembered_until_it_is_forgotten,
    shards_are_remembered_with_the_events_that_prove_them,
    what_is_remembered_changes_only_from_what_it_was_read_as,
    who_has_lost_the_lease_changes_nothing_that_is_remembered,
    changes_by_several_at_once_are_all_kept,
    what_people_had_done_is_kept_with_who_when_and_why,
);

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

pub async fn amend(
    journal: &dyn Journal,
    lease: Option<&Lease>,
    before: Option<KnownShard>,
    after: KnownShard,
) -> Result<bool, JournalError> {
    let amendment = Amendment { before, after };
    journal.amend(&scope(), lease, &[amendment]).await
}

pub fn known(name: &str, version: &str) -> KnownShard {
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
                only_primary: false,
            }],
            deposed: vec![Node {
                lineage: "l".into(),
                database: "d".into(),
                address: "of old".into(),
                dialled: "elsewhere".into(),
                instance: None,
                name: "b".into(),
                only_primary: false,
            }],
        },
        version: Some(version.into()),
        seen: Timestamp::from_second(1_700_000_000).unwrap(),
    }
}
