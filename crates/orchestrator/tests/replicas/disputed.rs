//! Two servers of one shard accept writes: neither is written, by any verb, until one of them is gone.

use crate::fleet::{READ_ONE, Replicated, ended, name, session, until};
use greylag_core::{
    event::Event, gate::WaitReason, identity::Refusal, node::NodePolicy, outcome::Outcome,
};
use greylag_lab::Engine;
use greylag_orchestrator::{
    apply::{Options, Verdict},
    operations::{OperationReport, Repair, ShardResult, repair},
    survey::survey_fleet,
    watch::Blind,
};
use std::sync::Arc;

async fn mend(fleet: &Replicated) -> OperationReport {
    let mend = Repair {
        reason: "a test".into(),
        ..Repair::default()
    };
    let report = repair(&fleet.setup().await, &mend, Arc::new(Blind)).await;
    report.unwrap()
}

fn is_disputed(refusals: &[Refusal]) -> bool {
    matches!(refusals, [Refusal::TwoPrimaries { .. }])
}

async fn is_refused_before_a_rollout_begins(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 1, 1).await else {
        return;
    };
    // Watched, and no rollout would hold for it.
    fleet.watched = NodePolicy::Observe;
    fleet.done().await;
    let report = mend(&fleet).await;
    let nothing = matches!(report.shards[0].result, ShardResult::Nothing { .. });
    assert!(nothing, "{report:#?}");
    // Nobody waited for it, and what it has not applied yet it forgets.
    fleet.clusters[0].wait_replayed().await.unwrap();
    // The primary is where it was, and accepts writes as ever.
    fleet.clusters[0].replica(0).promote().await.unwrap();
    let surveyed = survey_fleet(&fleet.setup().await, None, &Blind)
        .await
        .unwrap();
    let refusals = &surveyed.get(&name(0)).unwrap().refusals;
    assert!(is_disputed(refusals), "{refusals:?}");
    let report = mend(&fleet).await;
    let refused = matches!(&report.shards[0].result, ShardResult::Refused { refusals } if is_disputed(refusals));
    assert!(refused, "{report:#?}");
    // A person decides.
    fleet.clusters[0].replica(0).kill();
    let surveyed = survey_fleet(&fleet.setup().await, None, &Blind)
        .await
        .unwrap();
    assert_eq!(surveyed.get(&name(0)).unwrap().refusals, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verbs_are_refused_where_a_standby_was_promoted_beside_its_primary() {
    is_refused_before_a_rollout_begins(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verbs_are_refused_where_a_replica_of_mariadb_was_promoted_beside_its_primary() {
    is_refused_before_a_rollout_begins(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verbs_are_refused_where_a_replica_of_mysql_was_promoted_beside_its_primary() {
    is_refused_before_a_rollout_begins(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_at_work_waits_while_an_old_primary_is_back_and_goes_on_once_it_is_gone() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;
    fleet.clusters[0].primary().kill();
    fleet.clusters[0].replica(0).promote().await.unwrap();
    let two = ("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);");
    fleet.files.push(two);
    fleet.done().await;

    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    let database = fleet.databases[0].name.clone();
    let _occupied = session(&heir.url(&database), READ_ONE).await;
    let three = ("V3__three.sql", "ALTER TABLE one ADD COLUMN three int;");
    fleet.files.push(three);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
    })
    .await;
    old.restart().await.unwrap();
    heir.kill();
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::PrimaryDisputed { .. }]))
    })
    .await;
    old.kill();
    heir.restart().await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let versions = "SELECT count(*) FROM greylag_schema_history WHERE version = '3'";
    let found = heir.value(&database, versions).await.unwrap();
    assert_eq!(found.as_deref(), Some("1"));
    let failed = |event: &Event| {
        matches!(
            event,
            Event::ShardEnded {
                outcome: Outcome::Failed { .. },
                ..
            }
        )
    };
    assert!(!told.lock().unwrap().iter().any(|(_, event)| failed(event)));
    old.restart().await.unwrap();
    assert!(!fleet.has(old, 0, "two").await, "the old node was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_only_observed_holds_the_rollout_when_it_is_promoted_beside_its_primary()
{
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.watched = NodePolicy::Observe;
    fleet.done().await;
    let occupied = fleet.read_one(0).await;
    let two = ("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;");
    fleet.files.push(two);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
    })
    .await;
    let heir = fleet.clusters[1].replica(0);
    heir.promote().await.unwrap();
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if reasons.iter().any(|reason| matches!(reason,
            WaitReason::ReplicaUnseen { node, why, .. }
            if node.shard == name(1) && why.contains("has two primaries"))))
    })
    .await;
    drop(occupied);
    until(&told, ended(0)).await;
    let versions = "SELECT count(*) FROM greylag_schema_history WHERE version = '2'";
    let database = &fleet.databases[1].name;
    for server in [fleet.clusters[1].primary(), heir] {
        let found = server.value(database, versions).await.unwrap();
        assert_eq!(found.as_deref(), Some("0"));
    }
    heir.kill();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}
