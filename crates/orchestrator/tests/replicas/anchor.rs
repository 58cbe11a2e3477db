//! The lock of the fleet's first shard, which keeps other orchestrators out, where that shard's primary moves.

use crate::{
    failing_over::{Old, TWO, end_old, told_move},
    fleet::{Replicated, replaying, until},
};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::{Options, Verdict};

/// How many sessions hold a shard's lock on a server.
async fn locks(fleet: &Replicated, server: &Server, at: usize) -> String {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    let found = server.value(&fleet.databases[at].name, sql).await.unwrap();
    found.unwrap()
}

async fn are_locks(fleet: &Replicated, server: &Server, at: usize, count: &str) {
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while locks(fleet, server, at).await != count {
        assert!(std::time::Instant::now() < deadline, "never {count}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The first shard's lock keeps other orchestrators out; its primary is fenced, whose sessions live on, while it does no work.
async fn the_anchor_goes_where_its_shards_primary_goes(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 2, 1).await else {
        return;
    };
    fleet.done().await;

    fleet.files.push(TWO);
    // A stage of its own: the first shard has it left to do while the second is waited for.
    fleet
        .files
        .push(("R__three.sql", "CREATE TABLE three (id int PRIMARY KEY);"));
    fleet.clusters[1].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(1)).await;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    if engine == Engine::Postgres {
        are_locks(&fleet, old, 0, "1").await;
    }
    end_old(&fleet, 0, engine, Old::IsFenced).await;
    heir.promote().await.unwrap();
    until(&told, |event| told_move(event, 0, &fleet)).await;
    if engine == Engine::Postgres {
        are_locks(&fleet, heir, 0, "1").await;
        are_locks(&fleet, old, 0, "0").await;
    }
    fleet.clusters[1].resume_replay(0).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(heir, 0, "three").await && !fleet.has(old, 0, "three").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_anchors_lock_moves_with_its_shards_primary_and_the_shard_goes_on_there() {
    the_anchor_goes_where_its_shards_primary_goes(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_anchors_lock_moves_with_its_shards_primary_on_mariadb() {
    the_anchor_goes_where_its_shards_primary_goes(Engine::MariaDb).await;
}
