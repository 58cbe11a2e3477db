use super::*;
use greylag_core::{
    engine::Engine,
    identity::Known,
    node::{Replay, ReplayState, SeenRole, Slot, Subscription, Upstream},
    position::Position,
    survey::Server,
};
use greylag_engines::Target;
use std::time::Duration;
use tokio::time::Instant;

fn shard() -> ShardName {
    "eu-1".parse().unwrap()
}

fn named(node: &str, role: NodeRole) -> NamedNode {
    let target = Target {
        engine: Engine::Postgres,
        shard: shard(),
        url: format!("postgres://greylag@{node}/orders").parse().unwrap(),
        password: None,
        schema: None,
        session_sql: Arc::from([]),
        project: "orders".into(),
        history_table: "greylag_schema_history".into(),
        connect_timeout: Duration::from_secs(1),
        application: "greylag/test".into(),
    };
    NamedNode {
        node: NodeName {
            shard: shard(),
            node: node.into(),
        },
        role,
        policy: NodePolicy::Guard,
        intake: Default::default(),
        target,
    }
}

fn at(timeline: u32, lsn: u64) -> Position {
    Position::Wal {
        system: "7".into(),
        timeline,
        lsn,
    }
}

fn seen(address: &str, role: SeenRole) -> NodeSighting {
    let server = Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: address.into(),
        database: "orders".into(),
        address: address.into(),
        dialled: address.into(),
        instance: None,
    };
    NodeSighting::bare(Timestamp::UNIX_EPOCH, server, address.into(), role)
}

/// A publisher at this place, to which its subscriber has confirmed another.
fn publisher(place: Position, confirmed: Position) -> NodeSighting {
    NodeSighting {
        position: Some(place),
        slots: vec![Slot {
            name: "mirror".into(),
            logical: true,
            confirmed: Some(confirmed),
            ..Slot::default()
        }],
        ..seen("a", SeenRole::Primary)
    }
}

fn subscriber() -> NodeSighting {
    NodeSighting {
        subscriptions: vec![Subscription {
            name: "mirror".into(),
            enabled: true,
            running: true,
            received: Some(at(0, 1)),
            slot: Some("mirror".into()),
            ..Subscription::default()
        }],
        ..seen("m", SeenRole::Primary)
    }
}

#[test]
fn a_subscriber_is_waited_for_in_the_log_of_the_publisher_that_there_is_now() {
    let mut board = Board::new(Arc::default());
    let primary = named("a", NodeRole::Primary);
    let mirror = named("m", NodeRole::Subscriber);
    let expect = |board: &mut Board| {
        board.expect(primary.clone(), "a".into(), false);
        board.expect(mirror.clone(), "m".into(), false);
    };
    let replayed = |board: &mut Board| {
        let is_it = |news: &News| matches!(news, News::Replayed { .. });
        board.news().iter().any(is_it)
    };
    expect(&mut board);
    let awaited = Awaited {
        stage: 0,
        position: Some(at(1, 100)),
        shows: Arc::new(|_| true),
    };
    board.wait_for(&shard(), awaited);
    board.take(&primary.node, publisher(at(1, 120), at(1, 90)));
    board.take(&mirror.node, subscriber());
    assert!(!replayed(&mut board), "it has not confirmed the work");

    // Its publisher is another server: the place of the work is one of a log that is written no more.
    board.start_over(&shard());
    expect(&mut board);
    board.take(&primary.node, publisher(at(2, 110), at(2, 105)));
    board.take(&mirror.node, subscriber());
    assert!(!replayed(&mut board), "one look may have been under way");
    board.take(&primary.node, publisher(at(2, 130), at(2, 125)));
    board.take(&mirror.node, subscriber());
    assert!(!replayed(&mut board), "not what was written by then");
    board.take(&primary.node, publisher(at(2, 140), at(2, 130)));
    board.take(&mirror.node, subscriber());
    assert!(replayed(&mut board));
}

/// After a failover the new primary may name nobody for a while.
#[test]
fn a_shard_whose_primary_is_to_name_its_nodes_is_not_done_before_that_is_believed() {
    let mut board = Board::new(Arc::default());
    let primary = named("primary", NodeRole::Primary);
    board.expect(primary.clone(), "h".into(), true);
    board.take(&primary.node, seen("primary", SeenRole::Primary));
    assert!(board.waits_for(&shard()), "it has named nobody yet");
    board.wait_for(
        &shard(),
        Awaited {
            stage: 0,
            position: None,
            shows: Arc::new(|_| true),
        },
    );
    let is_done = |board: &mut Board| {
        let news = board.news();
        news.iter().any(|one| matches!(one, News::Replayed { .. }))
    };
    assert!(!is_done(&mut board));
    let why = "its primary names none".to_owned();
    board.lack(shard(), Some(why.clone()));
    board.named(&shard());
    assert!(!is_done(&mut board));
    let waits = |news: &News| {
        matches!(news, News::Waits { reasons, .. } if matches!(&reasons[..],
            [WaitReason::NoReplicas { why: told, .. }] if *told == why))
    };
    assert!(board.news().iter().any(waits));
    board.lack(shard(), None);
    assert!(is_done(&mut board), "it has none, and none is missed");
}

fn at_work(stage: usize, shows: Shows) -> Awaited {
    Awaited {
        stage,
        position: None,
        shows,
    }
}

fn is_replayed(board: &mut Board) -> bool {
    let news = board.news();
    news.iter().any(|one| matches!(one, News::Replayed { .. }))
}

fn proven(board: &mut Board) -> Vec<String> {
    let of = |news: News| match news {
        News::Proven { server, .. } => Some(server.address),
        _ => None,
    };
    board.news().into_iter().filter_map(of).collect()
}

/// A standby that is level with where it gets changes from.
fn standby(address: &str) -> NodeSighting {
    let mut seen = seen(address, SeenRole::Replica);
    seen.server.lineage = "7".into();
    NodeSighting {
        position: Some(at(1, 100)),
        received: Some(at(1, 100)),
        upstream: Some(Upstream {
            address: Some("a:5432".into()),
            connected: true,
            ..Upstream::default()
        }),
        replay: Some(Replay::seen(
            ReplayState::Running,
            Some(Duration::ZERO),
            None,
        )),
        ..seen
    }
}

/// One that accepts writes; `run` says which run of which server it is.
fn writer(address: &str, run: &str) -> NodeSighting {
    let mut seen = seen(address, SeenRole::Primary);
    seen.server.lineage = "7".into();
    seen.server.instance = Some(run.into());
    NodeSighting {
        position: Some(at(1, 100)),
        ..seen
    }
}

#[test]
fn an_answer_to_what_was_asked_for_a_stage_before_is_none_for_the_next_stage() {
    let mut board = Board::new(Arc::default());
    let (primary, near) = (named("a", NodeRole::Primary), named("n", NodeRole::Replica));
    board.expect(primary.clone(), "a".into(), false);
    board.expect(near.clone(), "n".into(), false);
    board.take(&primary.node, writer("a", "1"));
    board.take(&near.node, standby("n"));
    board.wait_for(&shard(), at_work(0, Arc::new(|_| true)));
    let asked = board.to_show(&near.node).expect("it may show it");
    // Meanwhile the stage is done without it, and work of the next one is there.
    board.wait_for(&shard(), at_work(1, Arc::new(|_| false)));
    board.shown(&near.node, &asked);
    assert!(!is_replayed(&mut board));
    let asked = board.to_show(&near.node).expect("it is asked anew");
    board.shown(&near.node, &asked);
    assert!(is_replayed(&mut board));
}

#[test]
fn whoever_looked_at_a_node_before_it_came_to_be_expected_anew_looks_no_more() {
    let mut board = Board::new(Arc::default());
    let node = named("n", NodeRole::Replica);
    let first = board.expect(node.clone(), "n".into(), false).unwrap();
    assert!(board.watches(&node.node, first));
    assert_eq!(board.expect(node.clone(), "n".into(), false), None);
    board.start_over(&shard());
    assert!(!board.watches(&node.node, first));
    let second = board.expect(node.clone(), "n".into(), false).unwrap();
    assert!(board.watches(&node.node, second));
    assert!(
        !board.watches(&node.node, first),
        "the same URL, and another round"
    );
}

#[test]
fn a_replica_is_proven_beside_its_primary_only() {
    let mut board = Board::new(Arc::default());
    let (primary, node) = (named("a", NodeRole::Primary), named("n", NodeRole::Replica));
    board.expect(primary.clone(), "a".into(), true);
    board.expect(node.clone(), "n".into(), true);
    board.miss(&primary.node, "no answer".into());
    board.take(&node.node, standby("n"));
    assert_eq!(
        proven(&mut board),
        [""; 0],
        "it may be level with a stranger"
    );
    assert!(!matches!(board.go(), Go::Yes));
    board.take(&primary.node, writer("a", "1"));
    board.take(&node.node, standby("n"));
    assert_eq!(proven(&mut board), ["n"]);
}

#[test]
fn an_old_primary_that_follows_is_waited_for_unless_there_are_said_to_be_no_replicas() {
    let waits = |alone: bool| {
        let mut board = Board::new(Arc::default());
        let (primary, mut old) = (named("a", NodeRole::Primary), named("n", NodeRole::Replica));
        old.node.node = FORMER.into();
        old.policy = NodePolicy::Observe;
        if alone {
            board.has_none(&shard());
        }
        board.expect(primary.clone(), "a".into(), false);
        board.expect(old.clone(), "n".into(), false);
        let mut heir = writer("a:5432", "1");
        heir.children = vec![greylag_core::node::Child {
            name: "n".into(),
            state: Some("streaming".into()),
            ..Default::default()
        }];
        board.take(&primary.node, heir);
        board.take(&old.node, standby("n"));
        assert_eq!(proven(&mut board), ["n"]);
        board.waits_for(&shard())
    };
    assert!(waits(false));
    assert!(!waits(true));
}

/// A shard with a replica, whose primary is named by a service: that name leads wherever a failover takes the primary.
fn with_a_service() -> (Board, NamedNode, NamedNode) {
    let mut board = Board::new(Arc::default());
    let (primary, node) = (
        named("vip", NodeRole::Primary),
        named("n", NodeRole::Replica),
    );
    board.expect(primary.clone(), "a".into(), false);
    board.expect(node.clone(), "n".into(), false);
    (board, primary, node)
}

/// A server at its own address, reached by a name.
fn at_name(name: &str, seen: NodeSighting) -> NodeSighting {
    let mut seen = seen;
    seen.server.dialled = named(name, NodeRole::Replica).target.address();
    seen
}

/// Which run of which server the standby is.
fn running(mut seen: NodeSighting, run: &str) -> NodeSighting {
    seen.server.instance = Some(run.into());
    seen
}

fn told_aside(board: &mut Board) -> Vec<bool> {
    let of = |news: News| match news {
        News::Aside { last, .. } => Some(last),
        _ => None,
    };
    board.news().into_iter().filter_map(of).collect()
}

fn is_refused(board: &Board) -> bool {
    let is_it = |reason: &WaitReason| matches!(reason, WaitReason::ReplicaUnseen { why, .. } if why.contains("the shard's primary itself"));
    matches!(board.go(), Go::Hold(reasons) if reasons.iter().any(is_it))
}

#[test]
fn a_replica_that_the_primarys_own_name_leads_to_now_is_not_waited_for() {
    let (mut board, primary, node) = with_a_service();
    board.take(&primary.node, at_name("vip", writer("a", "1")));
    board.take(&node.node, at_name("n", running(standby("n"), "2")));
    assert!(board.waits_for(&shard()));
    board.wait_for(&shard(), at_work(0, Arc::new(|_| true)));
    assert_eq!(proven(&mut board), ["n"]);
    // It is promoted, and the name goes over to it.
    board.take(&primary.node, at_name("vip", writer("n", "2")));
    board.take(&node.node, at_name("n", writer("n", "2")));
    assert_eq!(board.go(), Go::Yes);
    assert!(board.is_aside(&node.node));
    assert!(!board.waits_for(&shard()));
    let news = board.news();
    assert!(news.iter().any(|one| matches!(one, News::Replayed { .. })));
    let aside = news
        .iter()
        .filter(|one| matches!(one, News::Aside { last: true, .. }));
    assert_eq!(aside.count(), 1, "{news:?}");
    board.take(&node.node, at_name("n", writer("n", "2")));
    assert_eq!(told_aside(&mut board), [false; 0], "it is told once");
    // The name goes back, and the server follows again, or is gone: it is a replica like any other.
    board.take(&primary.node, at_name("vip", writer("a", "3")));
    board.miss(&node.node, "no answer".into());
    assert!(!board.is_aside(&node.node));
    assert!(board.waits_for(&shard()));
    board.take(&node.node, at_name("n", running(standby("n"), "2")));
    assert_eq!(board.go(), Go::Yes);
}

#[test]
fn a_readers_name_that_falls_back_to_the_primary_leaves_its_standby_missed() {
    let (mut board, primary, node) = with_a_service();
    board.take(&primary.node, at_name("vip", writer("a", "1")));
    board.take(&node.node, at_name("n", running(standby("s"), "2")));
    board.wait_for(&shard(), at_work(0, Arc::new(|_| true)));
    // The standby dies, and its service has nobody else to lead to.
    board.miss(&node.node, "no answer".into());
    board.take(&node.node, at_name("n", writer("a", "1")));
    assert!(is_refused(&board), "{:?}", board.go());
    assert!(!board.is_aside(&node.node));
    assert!(board.waits_for(&shard()));
    assert!(!is_replayed(&mut board), "the standby has not replayed it");
    // Whatever address the service shows, and though the primary was started anew meanwhile.
    for address in ["a", "s"] {
        board.take(&primary.node, at_name("vip", writer("a", "3")));
        board.take(&node.node, at_name("n", writer(address, "3")));
        assert!(is_refused(&board), "{:?}", board.go());
    }
}

#[test]
fn a_replica_that_was_promoted_and_started_anew_is_known_by_its_address() {
    let (mut board, primary, node) = with_a_service();
    board.take(&primary.node, at_name("vip", writer("a", "1")));
    board.take(&node.node, at_name("n", running(standby("n"), "2")));
    board.miss(&node.node, "no answer".into());
    board.take(&primary.node, at_name("vip", writer("n", "3")));
    board.take(&node.node, at_name("n", writer("n", "3")));
    assert!(board.is_aside(&node.node), "{:?}", board.go());
}

#[test]
fn a_standby_that_a_readers_name_led_to_last_is_missed_when_another_of_them_is_promoted() {
    let (mut board, primary, node) = with_a_service();
    board.take(&primary.node, at_name("vip", writer("a", "1")));
    board.take(&node.node, at_name("n", running(standby("s"), "2")));
    assert_eq!(proven(&mut board), ["s"]);
    board.take(&node.node, at_name("n", running(standby("t"), "3")));
    assert_eq!(proven(&mut board), ["t"], "that is another server");
    board.take(&primary.node, at_name("vip", writer("s", "2")));
    board.take(&node.node, at_name("n", writer("s", "2")));
    assert!(is_refused(&board), "{:?}", board.go());
}

#[test]
fn one_that_was_never_a_replica_and_is_the_primary_by_another_name_is_refused() {
    let (mut board, primary, node) = with_a_service();
    board.take(&primary.node, at_name("vip", writer("a", "1")));
    board.take(&node.node, at_name("n", writer("a", "1")));
    assert!(is_refused(&board), "{:?}", board.go());
    // Where its server is remembered as that node, a failover has taken the name there.
    let mut known = Known::default();
    known.prove_primary(&at_name("vip", writer("b", "0")).server);
    known.prove_replica(&at_name("n", running(standby("s"), "2")).server);
    board.remember(&shard(), Some(known.clone()));
    board.take(&node.node, at_name("n", writer("a", "1")));
    assert!(is_refused(&board), "another server is remembered there");
    known.prove_replica(&at_name("n", running(standby("a"), "1")).server);
    board.remember(&shard(), Some(known));
    board.take(&node.node, at_name("n", writer("a", "1")));
    assert_eq!(board.go(), Go::Yes);
    assert_eq!(told_aside(&mut board), [true]);
}

/// A run of a service's primary that has lost its name: whoever writes is its heir.
#[test]
fn one_that_stepped_aside_and_still_writes_is_the_heir_where_the_service_answers_no_more() {
    let (mut board, primary, node) = with_a_service();
    board.take(&primary.node, at_name("vip", writer("a", "1")));
    board.take(&node.node, at_name("n", running(standby("n"), "2")));
    board.take(&primary.node, at_name("vip", writer("n", "2")));
    board.take(&node.node, at_name("n", writer("n", "2")));
    let is_promoted = |board: &mut Board| {
        let news = board.news();
        news.iter().any(|one| matches!(one, News::Promoted { .. }))
    };
    assert!(!is_promoted(&mut board));
    board.miss(&primary.node, "no answer".into());
    assert!(is_promoted(&mut board));
    board.miss(&node.node, "no answer".into());
    assert!(!is_promoted(&mut board));
}

/// Where the primary's own name fails, a readers' name that has fallen back to it leads to no heir.
#[test]
fn the_primary_itself_by_a_readers_name_is_no_heir_where_its_own_name_answers_no_more() {
    let (mut board, primary, node) = with_a_service();
    board.take(&primary.node, at_name("vip", writer("a", "1")));
    board.take(&node.node, at_name("n", running(standby("s"), "2")));
    board.wait_for(&shard(), at_work(0, Arc::new(|_| true)));
    board.miss(&node.node, "no answer".into());
    board.take(&node.node, at_name("n", writer("a", "1")));
    board.miss(&primary.node, "no answer".into());
    board.take(&node.node, at_name("n", writer("a", "1")));
    let news = board.news();
    assert!(
        !news.iter().any(|one| matches!(one, News::Promoted { .. })),
        "{news:?}"
    );
    // Another server that writes is one.
    board.take(&node.node, at_name("n", writer("s", "2")));
    let news = board.news();
    assert!(news.iter().any(|one| matches!(one, News::Promoted { .. })));
}

#[test]
fn a_shard_is_unlooked_until_what_the_last_look_showed_has_been_told() {
    let mut board = Board::new(Arc::default());
    let primary = named("a", NodeRole::Primary);
    let mirror = named("m", NodeRole::Subscriber);
    board.expect(primary.clone(), "a".into(), false);
    board.expect(mirror.clone(), "m".into(), false);
    let work = |stage| Awaited {
        position: Some(at(1, 100)),
        ..at_work(stage, Arc::new(|_| true))
    };
    board.wait_for(&shard(), work(0));
    assert!(!is_replayed(&mut board));
    let look = |board: &mut Board, node: &NodeName, seen| {
        let begun = Instant::now();
        board.take(node, seen);
        board.looked(node, begun);
    };
    look(&mut board, &primary.node, publisher(at(1, 120), at(1, 110)));
    assert!(!is_replayed(&mut board));
    look(&mut board, &mirror.node, subscriber());
    assert!(board.is_unlooked(&shard()), "nobody was told of it yet");
    assert!(is_replayed(&mut board));
    // Where it has not replayed it, that is known once it was weighed; another look may be under way then.
    board.wait_for(&shard(), work(1));
    look(&mut board, &primary.node, publisher(at(1, 130), at(1, 90)));
    look(&mut board, &mirror.node, subscriber());
    assert!(board.is_unlooked(&shard()));
    assert!(!is_replayed(&mut board));
    assert!(!board.is_unlooked(&shard()));
    look(&mut board, &mirror.node, subscriber());
    assert!(!board.is_unlooked(&shard()));
}
