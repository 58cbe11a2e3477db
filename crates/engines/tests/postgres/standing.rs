//! What a look says of a standby that something is wrong with: each fault made for real.

use crate::nodes::{Nodes, Watch, child, judged, wal};
use greylag_core::{
    node::{Blame, Delay, NodeState, Prediction, ReplayState, Trail},
    position::Reach,
};
use greylag_lab::{Options, Proxy};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_paused_or_delayed_says_so_and_claims_no_lag_of_zero() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let mut standby = nodes.watch_standby(0).await;
    nodes.cluster.pause_replay(0).await.unwrap();
    nodes.write("CREATE TABLE t (id int)").await;
    let seen = standby
        .until("more is received than replayed", |seen| {
            wal(&seen.received).1 > wal(&seen.position).1
        })
        .await;
    let top = nodes.watch_primary().await.see().await;
    let standing = judged(&top, &seen, &Trail::default());
    assert_eq!(
        (standing.state, standing.blame),
        (NodeState::Stalled, Some(Blame::Paused))
    );
    let replay = seen.replay.unwrap();
    assert_eq!((&replay.state, replay.lag), (&ReplayState::Paused, None));
    let lag = |seen: &greylag_core::node::NodeSighting| child(seen, "replica1").lag;
    nodes
        .watch_primary()
        .await
        .until("the primary measures it", |seen| {
            lag(seen).is_some_and(|lag| lag > Duration::from_millis(100))
        })
        .await;

    nodes
        .cluster
        .delay_replay(0, Duration::from_secs(3600))
        .await
        .unwrap();
    nodes.cluster.resume_replay(0).await.unwrap();
    nodes.write("CREATE TABLE u (id int)").await;
    let seen = standby
        .until("it is held back", |seen| {
            let replay = seen.replay.as_ref().unwrap();
            replay.delay == Some(Duration::from_secs(3600))
                && replay.state == ReplayState::Running
                && wal(&seen.received).1 > wal(&seen.position).1
        })
        .await;
    let top = nodes.watch_primary().await.see().await;
    let by = Duration::from_secs(3600);
    let blame = judged(&top, &seen, &Trail::default()).blame;
    assert_eq!(blame, Some(Blame::Delayed { by }));
    assert_eq!(seen.replay.unwrap().lag, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_holds_up_an_alter_is_named_and_an_older_one_is_not() {
    let options = Options::default().set("max_standby_streaming_delay", "-1");
    let Some(nodes) = Nodes::start(1, options).await else {
        return;
    };
    nodes
        .write("CREATE TABLE t (id int); CREATE TABLE other (id int); GRANT SELECT ON t, other TO greylag")
        .await;
    nodes.cluster.wait_replayed().await.unwrap();
    let replica = nodes.cluster.replica(0);
    let (older, older_pid) = nodes.reader(replica).await;
    older
        .batch_execute("BEGIN; SELECT * FROM other")
        .await
        .unwrap();
    let (reader, pid) = nodes.reader(replica).await;
    let query = "SET application_name = 'report'; BEGIN; SELECT * FROM t";
    reader.batch_execute(query).await.unwrap();

    let mut standby = nodes.watch_standby(0).await;
    let any = standby.0.in_the_way(&[], Duration::ZERO).await.unwrap();
    let pids: Vec<_> = any.iter().map(|who| &*who.pid).collect();
    assert_eq!(pids, [&*older_pid, &*pid], "the oldest first");
    let named = ["public.t".to_owned(), "nothing.of_that_name".to_owned()];
    let way = standby.0.in_the_way(&named, Duration::ZERO).await.unwrap();
    assert_eq!(way.len(), 1, "{way:?}");
    assert_eq!(
        (&*way[0].pid, way[0].query.as_deref()),
        (&*pid, Some(query))
    );
    let hour = Duration::from_secs(3600);
    assert_eq!(standby.0.in_the_way(&named, hour).await.unwrap(), []);
    let seen = standby.see().await;
    assert_eq!(seen.patience, Some(Delay::ForEver));
    assert_eq!(seen.oldest.unwrap().who.pid, older_pid);
    let foretold = Prediction::of(seen.patience, way);
    assert!(
        matches!(foretold, Prediction::Stalls { .. }),
        "{foretold:?}"
    );

    nodes.write("ALTER TABLE t ADD total int").await;
    let seen = standby
        .until("it is blocked", |seen| {
            matches!(&seen.replay.as_ref().unwrap().state, ReplayState::Blocked { by } if !by.is_empty())
        })
        .await;
    let top = nodes.watch_primary().await.see().await;
    let standing = judged(&top, &seen, &Trail::default());
    assert_eq!(standing.state, NodeState::Stalled);
    let ReplayState::Blocked { by } = seen.replay.unwrap().state else {
        unreachable!()
    };
    assert_eq!(standing.blame, Some(Blame::Blocked { by: by.clone() }));
    assert_eq!(by.len(), 1, "{by:#?}");
    let who = &by[0];
    assert_eq!((&*who.pid, who.query.as_deref()), (&*pid, Some(query)));
    assert_eq!(who.application.as_deref(), Some("report"));
    assert_eq!(who.holds.as_deref(), Some("AccessShareLock on t"));
    assert!(who.open_ms.is_some());
    assert_eq!(
        seen.conflicts.unwrap().cancelled["lock"],
        0,
        "nobody was cancelled"
    );

    drop(reader);
    standby
        .until("it replays again", |seen| {
            let replay = seen.replay.as_ref().unwrap();
            replay.state == ReplayState::Running && replay.lag == Some(Duration::ZERO)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impatient_standby_cancels_as_foretold_and_counts_it() {
    let options = Options::default().set("max_standby_streaming_delay", "100ms");
    let Some(nodes) = Nodes::start(1, options).await else {
        return;
    };
    nodes
        .write("CREATE TABLE t (id int); GRANT SELECT ON t TO greylag")
        .await;
    nodes.cluster.wait_replayed().await.unwrap();
    let (reader, _) = nodes.reader(nodes.cluster.replica(0)).await;
    reader
        .batch_execute("BEGIN; SELECT * FROM t")
        .await
        .unwrap();
    let mut standby = nodes.watch_standby(0).await;
    let patience = standby.see().await.patience;
    assert_eq!(patience, Some(Delay::For(Duration::from_millis(100))));
    nodes.write("ALTER TABLE t ADD total int").await;
    let seen = standby
        .until("the cancelled query is counted", |seen| {
            seen.conflicts.as_ref().unwrap().cancelled["lock"] == 1
        })
        .await;
    assert!(reader.batch_execute("SELECT 1").await.is_err());
    // Since when is told, whether or not somebody has ever reset it.
    let began = seen.conflicts.unwrap().since.expect("it says so");
    assert!(began < seen.at, "{began}");
    let standby_server = nodes.cluster.replica(0);
    let reset = standby_server.execute(&nodes.database.name, "SELECT pg_stat_reset()");
    reset.await.unwrap();
    standby
        .until("it counts anew", |seen| {
            let conflicts = seen.conflicts.as_ref().unwrap();
            conflicts.cancelled["lock"] == 0 && conflicts.since.is_some_and(|since| since > began)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_cut_off_is_not_caught_up_though_it_replayed_all_it_has() {
    let Some(nodes) = Nodes::start(0, Options::default()).await else {
        return;
    };
    let proxy = Proxy::start(nodes.primary().port()).await.unwrap();
    let options = Options::default();
    let through = nodes
        .primary()
        .replica_through(proxy.port(), "far", options);
    let far = through.await.unwrap();
    far.wait_streaming().await.unwrap();
    far.wait_replayed(nodes.primary()).await.unwrap();
    let mut standby = nodes.watch(&far).await;
    let mut primary = nodes.watch_primary().await;
    assert!(child(&primary.see().await, "far").state.is_some());

    proxy.refuse(true).await.unwrap();
    proxy.cut().await;
    nodes.write("CREATE TABLE t (id int)").await;
    let seen = standby
        .until("it is cut off", |seen| {
            !seen.upstream.as_ref().unwrap().connected
        })
        .await;
    assert_eq!(seen.received, seen.position, "all that it has is replayed");
    assert_eq!(
        seen.replay.as_ref().unwrap().lag,
        None,
        "and yet nobody knows"
    );
    let through = format!("127.0.0.1:{}", proxy.port());
    assert_eq!(
        seen.upstream.as_ref().unwrap().address,
        Some(through),
        "as configured"
    );
    let top = primary
        .until("it is gone from the primary", |seen| {
            seen.children.is_empty()
        })
        .await;
    let blame = judged(&top, &seen, &Trail::default()).blame;
    let Some(Blame::Disconnected { error: Some(error) }) = blame else {
        panic!("{blame:?}");
    };
    assert!(error.contains("WAL receiver"), "{error}");
    assert!(error.ends_with("its log says why"), "{error}");
    assert_eq!(
        seen.position
            .unwrap()
            .reaches(top.position.as_ref().unwrap()),
        Reach::No
    );

    proxy.refuse(false).await.unwrap();
    standby
        .until("it is back", |seen| {
            seen.replay.as_ref().unwrap().lag == Some(Duration::ZERO)
        })
        .await;

    far.kill();
    let lost = standby.0.observe().await.unwrap_err();
    assert!(
        matches!(lost, greylag_engines::EngineError::Lost { .. }),
        "{lost:?}"
    );
    far.restart().await.unwrap();
    let mut standby = nodes.watch(&far).await;
    standby
        .until("it is back from the dead", |seen| {
            seen.upstream.as_ref().unwrap().connected
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_from_an_old_base_is_seen_to_catch_up() {
    let options = Options::default().set("wal_keep_size", "1GB");
    let Some(nodes) = Nodes::start(0, options).await else {
        return;
    };
    nodes
        .write("CREATE TABLE t AS SELECT i AS id, repeat('x', 200) AS filler FROM generate_series(1, 100000) i")
        .await;
    let mut primary = nodes.watch_primary().await;
    // It hears of its primary only once it has been looked at.
    let proxy = Proxy::start(nodes.primary().port()).await.unwrap();
    proxy.refuse(true).await.unwrap();
    let late = nodes
        .primary()
        .replica_through(proxy.port(), "late", Options::default())
        .await
        .unwrap();
    // Its database is not there yet: it is looked at from the one that came with it.
    let mut standby = Watch::on(&late.url("postgres")).await;
    let first = standby.see().await;
    let top = primary.see().await;
    let (there, here) = (top.position.unwrap(), first.position.unwrap());
    assert_eq!(here.reaches(&there), Reach::No);
    assert_eq!(first.server.lineage, top.server.lineage);
    proxy.refuse(false).await.unwrap();
    standby
        .until("it has caught up", |seen| {
            seen.position.as_ref().unwrap().reaches(&there) == Reach::Yes
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_is_another_timeline_which_its_followers_follow() {
    let Some(mut nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    nodes.cluster.cascade(0).await.unwrap();
    nodes.cluster.wait_replayed().await.unwrap();
    let mut old = nodes.watch_primary().await;
    let mut heir = nodes.watch_standby(0).await;
    let mut follower = nodes.watch_standby(1).await;
    nodes.write("CREATE TABLE t (id int)").await;
    nodes.cluster.wait_replayed().await.unwrap();
    let before = old.see().await;
    assert_eq!(wal(&before.position).0, 1);

    nodes.cluster.replica(0).promote().await.unwrap();
    let seen = heir.see().await;
    assert_eq!(seen.role, greylag_core::node::SeenRole::Primary);
    assert_eq!(
        wal(&seen.position).0,
        2,
        "at once, whatever the control file says"
    );
    assert_eq!(
        seen.position
            .as_ref()
            .unwrap()
            .reaches(before.position.as_ref().unwrap()),
        Reach::Incomparable,
        "what was written on the old timeline may be lost"
    );
    let seen = follower
        .until("it follows on the new timeline", |seen| {
            wal(&seen.position).0 == 2 && seen.upstream.as_ref().unwrap().connected
        })
        .await;
    assert_eq!(seen.server.lineage, before.server.lineage);
    let left = old.see().await;
    assert_eq!(wal(&left.position).0, 1, "nobody told the old one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_keeps_too_much_is_seen_to_near_its_end_and_to_be_lost() {
    let options = Options::default().set("max_slot_wal_keep_size", "4MB");
    let Some(nodes) = Nodes::start(0, options).await else {
        return;
    };
    nodes
        .write("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput'); SELECT pg_create_physical_replication_slot('standby', true)")
        .await;
    let mut primary = nodes.watch_primary().await;
    let slot = |seen: &greylag_core::node::NodeSighting, name: &str| {
        let found = seen.slots.iter().find(|slot| slot.name == name);
        found.unwrap().clone()
    };
    let seen = primary.see().await;
    let cdc = slot(&seen, "cdc");
    assert!(cdc.logical && !cdc.active);
    assert_eq!(cdc.database.as_ref(), Some(&nodes.database.name));
    assert_eq!(cdc.status.as_deref(), Some("reserved"));
    assert!(cdc.confirmed.is_some() && cdc.safe_bytes.is_some_and(|safe| safe > 0));
    assert!(!slot(&seen, "standby").logical);

    nodes
        .write("CREATE TABLE t AS SELECT i, repeat('x', 500) FROM generate_series(1, 3000) i")
        .await;
    let fuller = slot(&primary.see().await, "cdc");
    assert!(fuller.retained_bytes > cdc.retained_bytes);
    assert!(fuller.safe_bytes < cdc.safe_bytes);
    let mut tries = 0;
    let lost = loop {
        nodes.write("INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i; CHECKPOINT").await;
        let seen = slot(&primary.see().await, "cdc");
        if seen.status.as_deref() == Some("lost") {
            break seen;
        }
        tries += 1;
        assert!(tries < 20, "{seen:?}");
    };
    assert_eq!(lost.safe_bytes, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_still_sees_what_was_vacuumed_is_named_and_a_younger_one_is_not() {
    let options = Options::default().set("max_standby_streaming_delay", "-1");
    let Some(nodes) = Nodes::start(1, options).await else {
        return;
    };
    nodes
        .write("CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i; GRANT SELECT ON t TO greylag")
        .await;
    nodes.cluster.wait_replayed().await.unwrap();
    let replica = nodes.cluster.replica(0);
    let (reader, pid) = nodes.reader(replica).await;
    let query = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t";
    reader.batch_execute(query).await.unwrap();
    nodes.write("DELETE FROM t").await;
    nodes.cluster.wait_replayed().await.unwrap();
    let (younger, _) = nodes.reader(replica).await;
    younger.batch_execute(query).await.unwrap();
    // Its own cut of the empty tail would wait for the readers' locks instead.
    nodes.write("VACUUM (TRUNCATE off) t").await;
    let mut standby = nodes.watch_standby(0).await;
    let seen = standby
        .until("it is blocked by somebody", |seen| {
            matches!(&seen.replay.as_ref().unwrap().state, ReplayState::Blocked { by } if !by.is_empty())
        })
        .await;
    let ReplayState::Blocked { by } = seen.replay.unwrap().state else {
        unreachable!()
    };
    assert_eq!(by.len(), 1, "{by:?}");
    assert_eq!((&*by[0].pid, by[0].query.as_deref()), (&*pid, Some(query)));
    drop((reader, younger));
    standby
        .until("it replays again", |seen| {
            seen.replay.as_ref().unwrap().lag == Some(Duration::ZERO)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_fed_by_an_archive_is_not_cut_off_and_lags_by_what_is_not_archived() {
    let Ok(archive) = tempfile::Builder::new().prefix("gl-archive").tempdir() else {
        panic!("no temporary folder");
    };
    // The server runs as somebody else.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(archive.path(), open).unwrap();
    let folder = archive.path().display();
    let options = Options::default()
        .set("archive_mode", "on")
        .set("archive_command", &format!("cp %p {folder}/%f"));
    let Some(nodes) = Nodes::start(0, options).await else {
        return;
    };
    let options = Options::default().set("restore_command", &format!("cp {folder}/%f %p"));
    let fed = nodes.primary().replica("fed", options).await.unwrap();
    fed.wait_replayed(nodes.primary()).await.unwrap();
    for sql in [
        "ALTER SYSTEM SET primary_conninfo = ''",
        "SELECT pg_reload_conf()",
    ] {
        fed.execute("postgres", sql).await.unwrap();
    }
    let mut primary = nodes.watch_primary().await;
    primary
        .until("nobody streams", |seen| seen.children.is_empty())
        .await;
    nodes.write("CREATE TABLE t (id int)").await;
    let top = primary.see().await;
    let mut standby = nodes.watch(&fed).await;
    let seen = standby
        .until("the archive is all it has", |seen| {
            let upstream = seen.upstream.as_ref().unwrap();
            upstream.connected && upstream.address.as_deref() == Some("an archive")
        })
        .await;
    let replay = seen.replay.as_ref().unwrap();
    assert_eq!(replay.lag, None, "level with itself says nothing");
    assert_eq!(replay.state, ReplayState::Running);
    let mut trail = Trail::default();
    trail.note(seen.at, top.position.as_ref().unwrap());
    let standing = judged(&top, &seen, &trail);
    assert!(!standing.lag.distance.unwrap().is_zero());
    assert_eq!(
        standing.state,
        NodeState::Good,
        "behind by less than the limit"
    );
    nodes.write("SELECT pg_switch_wal()").await;
    standby
        .until("what was archived is replayed", |seen| {
            wal(&seen.position) >= wal(&top.position)
        })
        .await;
}
