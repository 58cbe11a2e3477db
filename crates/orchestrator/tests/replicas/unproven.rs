//! A node is promoted that nobody has ever seen follow: a person says whether it is the shard, and is heard.

use crate::{
    failing_over::times,
    fleet::{Replicated, name, until},
    losing::read_one,
};
use greylag_core::{event::Event, gate::WaitReason, node::NodePolicy};
use greylag_lab::{Engine, Proxy};
use greylag_orchestrator::{
    apply::{Options, Verdict},
    operations::{ShardResult, accept},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_waits_for_its_primary_takes_a_persons_word_on_which_it_is() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    let port = fleet.clusters[0].replica(0).port();
    let proxy = Proxy::start(port).await.unwrap();
    fleet.doors.insert((0, 0), proxy.port());
    fleet.unlisted = true;
    let (run, _) = fleet.run(Options::default()).await;
    assert_eq!(run.await.unwrap().verdict, Verdict::Done);
    fleet.clusters[0].wait_replayed().await.unwrap();
    fleet.unlisted = false;
    fleet.watched = NodePolicy::Observe;
    proxy.refuse(true).await.unwrap();

    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD two int;"));
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    let _client = read_one(&fleet, 0).await;
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
