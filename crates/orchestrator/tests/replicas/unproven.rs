//! A node is promoted that nobody has ever seen follow: a person says whether it is the shard, and is heard.

use crate::{
    failing_over::times,
    fleet::{Replicated, name, started, until},
};
use greylag_core::{event::Event, gate::WaitReason, node::NodePolicy};
use greylag_lab::{Engine, Proxy};
use greylag_orchestrator::{
    Control,
    apply::{Options, Verdict},
    operations::{ShardResult, accept},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_node_that_was_never_proven_is_told_with_what_to_do() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    let (old, heir) = (fleet.clusters[1].primary(), fleet.clusters[1].replica(0));
    let proxy = Proxy::start(heir.port()).await.unwrap();
    fleet.doors.insert((1, 0), proxy.port());
    // Nobody has ever seen it follow.
    fleet.unlisted = true;
    fleet.done().await;
    fleet.unlisted = false;
    fleet.watched = NodePolicy::Observe;
    proxy.refuse(true).await.unwrap();

    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD two int;"));
    let client = fleet.read_one(0).await;
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, started(0)).await;
    old.kill();
    heir.promote().await.unwrap();
    proxy.refuse(false).await.unwrap();
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    let is_told = || {
        let warnings = fleet.warnings.lock().unwrap();
        let says = |text: &String| {
            text.contains("never proven its node") && text.contains("greylag fleet accept s2")
        };
        warnings.iter().filter(|text| says(text)).count()
    };
    while is_told() == 0 {
        let warnings = fleet.warnings.lock().unwrap().clone();
        assert!(std::time::Instant::now() < deadline, "{warnings:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    control.interrupt();
    client.batch_execute("COMMIT").await.unwrap();
    // The first shard was at work, and may have got through.
    assert_ne!(run.await.unwrap().verdict, Verdict::Done);
    assert!(!fleet.has(heir, 1, "two").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_waits_for_its_primary_takes_a_persons_word_on_which_it_is() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    let port = fleet.clusters[0].replica(0).port();
    let proxy = Proxy::start(port).await.unwrap();
    fleet.doors.insert((0, 0), proxy.port());
    fleet.unlisted = true;
    fleet.done().await;
    fleet.clusters[0].wait_replayed().await.unwrap();
    fleet.unlisted = false;
    fleet.watched = NodePolicy::Observe;
    proxy.refuse(true).await.unwrap();

    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD two int;"));
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    let _client = fleet.read_one(0).await;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
    })
    .await;
    old.kill();
    heir.promote().await.unwrap();
    proxy.refuse(false).await.unwrap();
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
            [WaitReason::NoPrimary { servers, .. }] if servers.iter().any(|one| one.contains("never proven its node"))))
    })
    .await;
    // As it says: the project names it, and a person believes it.
    let mut setup = fleet.setup().await;
    setup.fleet.shards[0].target = fleet.nodes(0)[0].target.clone();
    let accepted = accept(&setup, &name(0), "it was promoted").await.unwrap();
    assert!(
        matches!(accepted.result, ShardResult::Changed { .. }),
        "{accepted:?}"
    );
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(times(&fleet, heir, 0, "2").await, "1");
    // The run wrote over nobody's word.
    let known = setup.journal.known(&setup.scope()).await.unwrap();
    let primary = known[0].known.primary().unwrap();
    assert!(
        primary.dialled.contains(&format!(":{}/", proxy.port())),
        "{known:#?}"
    );
}
