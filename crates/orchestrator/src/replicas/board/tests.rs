use super::*;
use greylag_core::{
    engine::Engine,
    node::{SeenRole, Slot, Subscription},
    position::Position,
    survey::Server,
};
use greylag_engines::Target;
use std::time::Duration;

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
