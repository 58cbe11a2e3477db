//! What a look says of a fleet that is well, and of what the role may not see.

use crate::{
    bench::{Bench, open, ready, target},
    nodes::{Nodes, Watch, child, judged, wal},
};
use greylag_core::{
    node::{Delay, Load, NodeState, ReplayState, SeenRole, Trail},
    position::{Distance, Reach},
};
use greylag_engines::EngineError;
use greylag_lab::{Options, Proxy};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_says_who_a_node_is_and_how_far_it_is() {
    let Some(mut nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    nodes.cluster.cascade(0).await.unwrap();
    nodes.cluster.wait_replayed().await.unwrap();
    let (mut primary, mut standby, mut cascade) = (
        nodes.watch_primary().await,
        nodes.watch_standby(0).await,
        nodes.watch_standby(1).await,
    );
    nodes.write("CREATE TABLE t (id int)").await;
    nodes.cluster.wait_replayed().await.unwrap();

    let top = primary
        .until("all have everything", |seen| {
            child(seen, "replica1").lag == Some(Duration::ZERO)
        })
        .await;
    let survey = open(&target(&nodes.database.url)).await.survey().await;
    assert_eq!(
        survey.unwrap().server,
        top.server,
        "one server, one word for it"
    );
    assert_eq!(top.role, SeenRole::Primary);
    assert!(top.upstream.is_none() && top.replay.is_none() && top.patience.is_none());
    assert_eq!(top.unobservable, []);
    assert_eq!(
        top.children.len(),
        1,
        "a cascade's end is not the primary's child"
    );
    let direct = child(&top, "replica1");
    assert_eq!(direct.state.as_deref(), Some("streaming"));
    assert_eq!(direct.address.as_deref(), Some("127.0.0.1"));
    assert!(!direct.logical);

    let middle = standby.until("replayed", |seen| {
        seen.position
            .as_ref()
            .unwrap()
            .reaches(top.position.as_ref().unwrap())
            == Reach::Yes
    });
    let middle = middle.await;
    assert_eq!(middle.role, SeenRole::Replica);
    assert_eq!(middle.server.lineage, top.server.lineage);
    assert_ne!(middle.own, top.own);
    let upstream = middle.upstream.as_ref().unwrap();
    assert_eq!(upstream.address.as_deref(), Some(&*top.server.address));
    assert_eq!(upstream.known_as.as_deref(), Some("replica1"));
    assert!(upstream.connected);
    assert_eq!(middle.patience, Some(Delay::For(Duration::from_secs(30))));
    assert_eq!(
        child(&middle, "replica2").state.as_deref(),
        Some("streaming")
    );

    let bottom = cascade.until("replayed", |seen| {
        seen.replay.as_ref().unwrap().lag == Some(Duration::ZERO)
            && wal(&seen.position).1 >= wal(&top.position).1
    });
    let bottom = bottom.await;
    let replay = bottom.replay.as_ref().unwrap();
    assert_eq!((&replay.state, replay.delay), (&ReplayState::Running, None));
    let upstream = bottom.upstream.as_ref().unwrap();
    assert_eq!(upstream.address.as_deref(), Some(&*middle.server.address));
    assert_eq!(
        bottom
            .position
            .as_ref()
            .unwrap()
            .behind(top.position.as_ref().unwrap()),
        Some(Distance::Bytes(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_is_seen_on_a_standby_once_it_is_replayed() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let mut standby = nodes.watch_standby(0).await;
    assert_eq!(
        standby.0.history().await.unwrap(),
        [],
        "no table is no history"
    );

    assert_eq!(standby.see().await.shard, None);
    nodes.cluster.pause_replay(0).await.unwrap();
    let mut session = crate::bench::ready(&target(&nodes.database.url)).await;
    let job = crate::bench::wrapped("V1", "CREATE TABLE t (id int)");
    let (applied, _) = crate::bench::applied(session.as_mut(), &job).await;
    let wanted = applied.position.unwrap();
    let seen = standby
        .until("it is received", |seen| {
            seen.received.as_ref().unwrap().reaches(&wanted) == Reach::Yes
        })
        .await;
    assert_eq!(seen.position.as_ref().unwrap().reaches(&wanted), Reach::No);
    assert_eq!(standby.0.history().await.unwrap(), []);

    nodes.cluster.resume_replay(0).await.unwrap();
    standby
        .until("it is replayed", |seen| {
            seen.position.as_ref().unwrap().reaches(&wanted) == Reach::Yes
        })
        .await;
    let carries = standby.see().await.shard;
    assert_eq!(carries, Some(crate::bench::claim().identity));
    let once = nodes.watch_standby(0).await.see().await.shard;
    assert_eq!(once, carries, "a first look tells as much");
    let rows = standby.0.history().await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].version.as_deref(), Some("1"));
}

/// What a standby has replayed ends where the last record does. Where the next one begins is behind the header of a new page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_the_log_that_is_just_full_is_no_lag() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    // Messages of the log, each as long as it takes to end with the page, until one does.
    let fill = "DO $$ DECLARE room bigint; BEGIN FOR try IN 1..1000 LOOP \
         PERFORM pg_logical_emit_message(false, 'x', repeat('y', try % 300)); \
         room := 8192 - (pg_current_wal_insert_lsn() - '0/0') % 8192; \
         IF room BETWEEN 200 AND 7000 THEN \
           PERFORM pg_logical_emit_message(false, 'x', repeat('y', (room - 40 - try % 40)::int)); \
         END IF; \
         EXIT WHEN (pg_current_wal_insert_lsn() - '0/0') % 8192 = 24; END LOOP; END $$";
    let mut primary = nodes.watch_primary().await;
    let next = async || {
        let sql = "SELECT pg_current_wal_insert_lsn() - '0/0'";
        let value = nodes.primary().value(&nodes.database.name, sql).await;
        value.unwrap().unwrap().parse::<u64>().unwrap()
    };
    let mut tries = 0;
    let top = loop {
        nodes.write(fill).await;
        let before = next().await;
        let top = primary.see().await;
        // Unless the server wrote something of its own in between.
        if before % 8192 == 24 && next().await == before {
            assert_eq!(wal(&top.position).1, before - 24);
            break top;
        }
        tries += 1;
        assert!(tries < 50, "never at the end of a page: {before:X}");
    };
    nodes
        .watch_standby(0)
        .await
        .until("it is replayed", |seen| {
            seen.position
                .as_ref()
                .unwrap()
                .reaches(top.position.as_ref().unwrap())
                == Reach::Yes
        })
        .await;
    let replayed = "SELECT pg_last_wal_replay_lsn() - '0/0'";
    let replayed = nodes.cluster.replica(0).value("postgres", replayed).await;
    let replayed: u64 = replayed.unwrap().unwrap().parse().unwrap();
    let (_, end) = wal(&top.position);
    assert!(
        replayed == end || replayed > end + 24,
        "{replayed:X}, {end:X}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_ordinary_role_may_not_see_is_said_with_the_grant_and_never_zero() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    nodes
        .write("CREATE TABLE t (id int); GRANT SELECT ON t TO greylag")
        .await;
    nodes.cluster.wait_replayed().await.unwrap();
    let plain = |server: &greylag_lab::Server| {
        server.url_through(server.port(), "greylag_plain", &nodes.database.name)
    };
    let grant = "GRANT pg_monitor TO \"greylag_plain\"";
    let mut primary = Watch::on(&plain(nodes.primary())).await;
    let seen = primary.see().await;
    let top = seen.clone();
    assert_eq!(seen.unobservable.len(), 1, "{:?}", seen.unobservable);
    assert_eq!(seen.unobservable[0].mend, grant);
    let unseen = Load {
        mend: Some(grant.to_owned()),
        ..Load::default()
    };
    assert_eq!(seen.load, Some(unseen));
    let direct = child(&seen, "replica1");
    assert_eq!(
        (&direct.replayed, direct.lag, &direct.state),
        (&None, None, &None)
    );

    let mut standby = Watch::on(&plain(nodes.cluster.replica(0))).await;
    let seen = standby
        .until("all is replayed", |seen| {
            wal(&seen.position) >= wal(&top.position)
        })
        .await;
    assert_eq!(seen.unobservable[0].mend, grant);
    let replay = seen.replay.as_ref().unwrap();
    assert_eq!((&replay.state, replay.lag), (&ReplayState::Unknown, None));
    assert!(
        seen.position.is_some(),
        "where it stands is everybody's to see"
    );
    assert_eq!(seen.upstream, None);
    let standing = judged(&top, &seen, &Trail::default());
    assert_eq!(
        standing.state,
        NodeState::Good,
        "its place is enough for that"
    );

    // Who holds a lock is everybody's to see, his age is not: he counts as old.
    let (reader, pid) = nodes.reader(nodes.cluster.replica(0)).await;
    let read = "BEGIN; SELECT count(*) FROM t";
    reader.batch_execute(read).await.unwrap();
    let hour = Duration::from_secs(3600);
    let way = standby.0.in_the_way(&["t".into()], hour).await.unwrap();
    assert_eq!(way.len(), 1, "{way:?}");
    assert_eq!((&*way[0].pid, way[0].open_ms), (&*pid, None));

    // The same connection sees more as soon as it may.
    nodes.write("GRANT pg_monitor TO greylag_plain").await;
    standby
        .until("the grant is there", |seen| {
            seen.unobservable.is_empty()
                && seen
                    .upstream
                    .as_ref()
                    .is_some_and(|upstream| upstream.connected)
        })
        .await;
}

#[tokio::test]
async fn a_role_that_may_not_ask_which_cluster_it_is_has_no_place_to_show() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let functions = "FUNCTION pg_control_system(), pg_control_checkpoint(), pg_control_recovery()";
    bench
        .admin(&format!("REVOKE EXECUTE ON {functions} FROM PUBLIC"))
        .await;
    let mut watch = Watch::on(&bench.database.url).await;
    let seen = watch.see().await;
    assert_eq!((seen.position, &*seen.server.lineage), (None, ""));
    let mend = format!("GRANT EXECUTE ON {functions} TO \"greylag\"");
    assert_eq!(seen.unobservable[0].mend, mend);
    bench.admin(&mend).await;
    let seen = watch
        .until("it is given back", |seen| seen.position.is_some())
        .await;
    assert_eq!(seen.unobservable, []);
}

#[tokio::test]
async fn load_and_the_oldest_transaction_are_those_of_others() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut watch = Watch::on(&bench.database.url).await;
    bench.admin("CREATE TABLE held (id int)").await;
    let holder = bench.other().await;
    holder
        .batch_execute("BEGIN; SET LOCAL application_name = 'report'; LOCK held")
        .await
        .unwrap_err();
    drop(holder);
    let holder = bench.other().await;
    let report = "SET application_name = 'report'; BEGIN; SELECT 1";
    holder.batch_execute(report).await.unwrap();
    // The one before may be there for a moment.
    let seen = watch
        .until("the transaction is seen", |seen| {
            seen.oldest.as_ref().is_some_and(|oldest| {
                let who = &oldest.who;
                who.application.as_deref() == Some("report") && who.query.as_deref() == Some(report)
            })
        })
        .await;
    let load = seen.load.unwrap();
    assert!(
        load.active.is_some() && load.lock_waiters.is_some(),
        "{load:?}"
    );
}

/// Two databases of one cluster have its lineage in common; the identity that they carry tells them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_a_primary_and_at_its_standby_reads_the_identity_that_the_shard_carries() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let mut primary = nodes.watch_primary().await;
    assert_eq!(primary.see().await.shard, None);
    ready(&target(&nodes.database.url)).await;
    nodes.cluster.wait_replayed().await.unwrap();
    let wanted = Some(crate::bench::claim().identity);
    assert_eq!(primary.see().await.shard, wanted);
    let mut standby = nodes.watch_standby(0).await;
    assert_eq!(standby.see().await.shard, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_a_node_that_answers_nothing_ends() {
    let Some(nodes) = Nodes::start(0, Options::default()).await else {
        return;
    };
    let proxy = Proxy::start(nodes.primary().port()).await.unwrap();
    let url = nodes
        .primary()
        .url_through(proxy.port(), "greylag", &nodes.database.name);
    let mut watch = Watch::on(&url).await;
    proxy.set_latency(Duration::from_secs(3600));
    for ended in [watch.0.observe().await.err(), watch.0.history().await.err()] {
        assert!(matches!(ended, Some(EngineError::Lost { .. })), "{ended:?}");
    }
}
