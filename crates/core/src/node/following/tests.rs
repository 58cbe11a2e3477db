use super::*;
use crate::{
    engine::Engine,
    survey::{Server, ShardIdentity},
};
use jiff::Timestamp;
use std::time::Duration;

fn node(place: &str, role: SeenRole, timeline: u32) -> NodeSighting {
    let server = Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: "7".into(),
        database: "orders/5/public".into(),
        address: place.into(),
        dialled: format!("postgres://greylag@{place}/orders"),
        instance: None,
    };
    NodeSighting {
        position: Some(Position::Wal {
            system: "7".into(),
            timeline,
            lsn: 100,
        }),
        ..NodeSighting::bare(Timestamp::UNIX_EPOCH, server, place.into(), role)
    }
}

fn primary() -> NodeSighting {
    node("10.0.0.2:5432", SeenRole::Primary, 2)
}

fn following(address: &str) -> NodeSighting {
    NodeSighting {
        upstream: Some(Upstream {
            address: Some(address.into()),
            connected: true,
            heard: Some(Duration::from_secs(1)),
            ..Upstream::default()
        }),
        ..node("10.0.0.1:5432", SeenRole::Replica, 2)
    }
}

fn with(mut node: NodeSighting, change: impl FnOnce(&mut Upstream)) -> NodeSighting {
    change(node.upstream.as_mut().unwrap());
    node
}

#[test]
fn a_standby_that_streams_the_newest_timeline_from_the_primary_follows_it() {
    assert!(follows(&following("10.0.0.2:5432"), &primary()));
    let named = NodeSighting {
        server: Server {
            address: "172.17.0.2:5432".into(),
            dialled: "postgres://db-2/orders".into(),
            ..primary().server
        },
        ..primary()
    };
    assert!(follows(&following("db-2:5432"), &named), "by its name");
    assert!(!follows(&following("db-3:5432"), &named));
}

#[test]
fn a_standby_that_the_primary_serves_follows_it_whatever_it_calls_it() {
    let served = NodeSighting {
        children: vec![Child {
            name: "walreceiver".into(),
            address: Some("10.0.0.1".into()),
            state: Some("streaming".into()),
            ..Child::default()
        }],
        ..primary()
    };
    assert!(follows(&following("somewhere:5432"), &served));
    assert!(!follows(&following("somewhere:5432"), &primary()));
}

#[test]
fn an_old_primary_in_recovery_with_nobody_to_follow_follows_nobody() {
    let fresh = || following("10.0.0.2:5432");
    let dead = with(fresh(), |link| link.connected = false);
    assert!(!follows(&dead, &primary()));
    let deaf = with(fresh(), |link| link.heard = Some(DEAF));
    assert!(!follows(&deaf, &primary()));
    let archive = with(fresh(), |link| link.address = Some("an archive".into()));
    assert!(!follows(&archive, &primary()));
    let unseen = NodeSighting {
        upstream: None,
        ..fresh()
    };
    assert!(!follows(&unseen, &primary()), "what can't be seen");
    let stale = NodeSighting {
        position: node("", SeenRole::Replica, 1).position,
        ..fresh()
    };
    assert!(!follows(&stale, &primary()), "the timeline it left");
}

#[test]
fn a_replica_of_mysql_follows_the_source_whose_identity_it_has_while_both_threads_run() {
    let of_mysql = |own: &str, role| {
        let server = Server {
            engine: Engine::Mysql,
            lineage: own.into(),
            ..primary().server
        };
        NodeSighting::bare(Timestamp::UNIX_EPOCH, server, own.into(), role)
    };
    let source = of_mysql("uuid-b", SeenRole::Primary);
    let replica = || NodeSighting {
        upstream: Some(Upstream {
            identity: Some("uuid-b".into()),
            connected: true,
            ..Upstream::default()
        }),
        ..of_mysql("uuid-a", SeenRole::Replica)
    };
    assert!(follows(&replica(), &source));
    let other = with(replica(), |link| link.identity = Some("uuid-c".into()));
    assert!(!follows(&other, &source));
    let unsaid = with(replica(), |link| link.identity = None);
    assert!(!follows(&unsaid, &source));
    let stopped = NodeSighting {
        replay: Some(Replay {
            state: ReplayState::Stopped { error: None },
            lag: None,
            delay: None,
        }),
        ..replica()
    };
    assert!(!follows(&stopped, &source));
    let shard = |uuid| {
        Some(ShardIdentity {
            uuid: uuid::Uuid::from_u128(uuid),
            project: "orders".into(),
            name: "s1".parse().unwrap(),
            environment: "test".into(),
        })
    };
    let sister = NodeSighting {
        shard: shard(1),
        ..replica()
    };
    let source = NodeSighting {
        shard: shard(2),
        ..source
    };
    assert!(!follows(&sister, &source));
}

#[test]
fn a_place_is_read_from_a_name() {
    let place = |dialled| place_of(dialled);
    assert_eq!(place("postgres://db/orders").as_deref(), Some("db:5432"));
    assert_eq!(
        place("postgres://[fd00::7]:5433/orders").as_deref(),
        Some("fd00::7:5433")
    );
    assert_eq!(place("postgres://a:1,b:2/orders"), None);
    assert_eq!(place("postgres:///orders?host=/run"), None);
}
