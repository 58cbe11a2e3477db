use super::*;
use crate::replicas::look::primary_node;
use greylag_core::{
    engine::Engine,
    node::{SeenRole, Unobservable},
    survey::Server,
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

fn near(url: &str) -> Target {
    Target {
        engine: Engine::Postgres,
        shard: "eu-1".parse().unwrap(),
        url: url.parse().unwrap(),
        password: None,
        schema: None,
        session_sql: Arc::from([]),
        project: "orders".into(),
        history_table: "greylag_schema_history".into(),
        connect_timeout: Duration::from_secs(1),
        application: "greylag/test".into(),
    }
}

fn child(name: &str, address: Option<&str>) -> Child {
    Child {
        name: name.into(),
        address: address.map(Into::into),
        state: None,
        sent: None,
        flushed: None,
        replayed: None,
        lag: None,
        logical: false,
    }
}

fn seen(children: Vec<Child>) -> NodeSighting {
    let address = "10.0.0.1:5432";
    let server = Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: "7".into(),
        database: "d".into(),
        address: address.into(),
        dialled: String::new(),
        instance: None,
    };
    let at = Timestamp::UNIX_EPOCH;
    NodeSighting {
        children,
        ..NodeSighting::bare(at, server, address.into(), SeenRole::Primary)
    }
}

/// Two standbys `b` and `c`, remembered as their primary named them.
fn known() -> Known {
    let mut known = Known::default();
    known.prove_primary(&server("10.0.0.1"));
    for (name, host) in [("b", "10.0.0.2"), ("c", "10.0.0.3")] {
        known.prove_replica(&server(host));
        known.call(&server(host), name);
    }
    known
}

fn server(host: &str) -> Server {
    Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: "7".into(),
        database: "d".into(),
        address: format!("{host}:5432"),
        dialled: format!("postgres://{host}:5432/d"),
        instance: None,
    }
}

fn primary() -> NamedNode {
    primary_node(&near("postgres://greylag@10.0.0.1:5432/d"))
}

fn roster(known: Option<&Known>) -> (Roster, Vec<String>) {
    let (roster, expected) = Roster::new(vec![primary()], known);
    (roster, ways(&expected))
}

fn ways(nodes: &[NamedNode]) -> Vec<String> {
    let way = |node: &NamedNode| format!("{} at {}", node.node.node, node.target.url);
    nodes.iter().map(way).collect()
}

fn take(roster: &mut Roster, at: &NamedNode, children: Vec<Child>) -> (Vec<String>, Vec<String>) {
    let changes = roster.take(at, &seen(children), &ReplicaSettings::default());
    let gone = changes.gone.iter().map(|name| name.node.to_string());
    (gone.collect(), ways(&changes.new))
}

fn replica_of(shard: &NamedNode, name: &str, host: &str) -> NamedNode {
    let target = near(&format!("postgres://greylag@{host}:5432/d"));
    replica(&shard.target, name.into(), target)
}

const NOBODY: (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());

#[test]
fn who_is_remembered_is_expected_and_named_again_it_is_no_other() {
    let (mut roster, expected) = roster(Some(&known()));
    assert_eq!(
        expected[1..],
        [
            "b at postgres://greylag@10.0.0.2:5432/d",
            "c at postgres://greylag@10.0.0.3:5432/d"
        ]
    );
    let children = || vec![child("c", Some("10.0.0.3")), child("b", Some("10.0.0.2"))];
    assert_eq!(take(&mut roster, &primary(), children()), NOBODY);
    assert_eq!(roster.lacking(), None);
    // One that is named no more is expected all the same.
    let named = vec![child("c", Some("10.0.0.3"))];
    assert_eq!(take(&mut roster, &primary(), named), NOBODY);
    let advice = roster
        .advice(&replica_of(&primary(), "b", "10.0.0.2").node)
        .unwrap();
    assert!(
        advice.contains("greylag fleet forget eu-1/b --reason"),
        "{advice}"
    );
}

#[test]
fn a_primary_that_names_nobody_where_some_were_known_lacks_them_by_name() {
    let (mut roster, _) = roster(Some(&known()));
    assert_eq!(roster.lacking(), None, "it has not been asked");
    // What follows a replica says nothing of the primary.
    let b = replica_of(&primary(), "b", "10.0.0.2");
    take(&mut roster, &b, vec![child("d", Some("10.0.0.4"))]);
    // Before the primary, nothing can be told of any.
    roster.note_look(&b.node, false);
    take(&mut roster, &primary(), Vec::new());
    assert_eq!(roster.lacking(), None, "one of them may be the primary");
    roster.note_look(&b.node, false);
    assert_eq!(roster.lacking(), None);
    let c = replica_of(&primary(), "c", "10.0.0.3");
    roster.note_look(&c.node, false);
    let lacking = roster.lacking().unwrap();
    assert!(lacking.contains("2 were known before (b, c)"), "{lacking}");
    take(&mut roster, &primary(), vec![child("c", Some("10.0.0.3"))]);
    assert_eq!(roster.lacking(), None);
}

#[test]
fn a_node_that_moved_is_looked_at_where_it_is_now() {
    let (mut roster, _) = roster(Some(&known()));
    let children = vec![child("b", Some("10.0.0.9"))];
    let (gone, new) = take(&mut roster, &primary(), children);
    assert_eq!(gone, ["b"]);
    assert_eq!(new, ["b at postgres://greylag@10.0.0.9:5432/d"]);
    // Names that every standby has, or that two have, tell nobody apart.
    let mut known = known();
    known.call(&server("10.0.0.2"), "15/main");
    let (mut roster, _) = self::roster(Some(&known));
    let children = vec![child("15/main", Some("10.0.0.9"))];
    let (gone, new) = take(&mut roster, &primary(), children);
    assert!(gone.is_empty(), "{gone:?}");
    assert_eq!(new, ["10.0.0.9 at postgres://greylag@10.0.0.9:5432/d"]);
    let children = vec![child("c", Some("10.0.0.8")), child("c", Some("10.0.0.7"))];
    let (gone, new) = take(&mut roster, &primary(), children);
    assert_eq!((gone.len(), new.len()), (0, 2), "{new:?}");
}

#[test]
fn one_of_the_same_name_behind_a_replica_is_another() {
    let (mut roster, _) = roster(None);
    let (_, new) = take(&mut roster, &primary(), vec![child("s", Some("10.0.0.2"))]);
    assert_eq!(new, ["s at postgres://greylag@10.0.0.2:5432/d"]);
    let s = replica_of(&primary(), "s", "10.0.0.2");
    for _ in 0..2 {
        let (gone, _) = take(&mut roster, &s, vec![child("s", Some("10.0.0.3"))]);
        assert!(gone.is_empty());
        let (gone, new) = take(&mut roster, &primary(), vec![child("s", Some("10.0.0.2"))]);
        assert!(gone.is_empty() && new.is_empty());
    }
}

#[test]
fn who_is_forgotten_is_expected_no_more_until_it_is_named_again() {
    let (mut roster, _) = roster(Some(&known()));
    let mut left = known();
    left.forget("b");
    let gone = roster.recall(&left);
    assert_eq!(gone.len(), 1);
    assert_eq!(&*gone[0].node, "b");
    assert_eq!(roster.recall(&left), [], "it is said once");
    assert_eq!(roster.advice(&gone[0]), None);
    let (_, new) = take(&mut roster, &primary(), vec![child("b", Some("10.0.0.2"))]);
    assert_eq!(new, ["b at postgres://greylag@10.0.0.2:5432/d"]);
    left.forget("c");
    roster.recall(&left);
    assert_eq!(roster.lacking(), None);
}

/// A copy that is being made, or one whose link is listed until its time is up.
#[test]
fn one_that_nobody_remembers_is_missed_only_while_it_is_named() {
    let (mut roster, _) = roster(Some(&known()));
    let children = || {
        vec![
            child("b", Some("10.0.0.2")),
            child("pg_basebackup", Some("10.0.0.9")),
            child("2", None),
        ]
    };
    roster.take(&primary(), &seen(children()), &ReplicaSettings::default());
    assert_eq!(roster.unmapped().count(), 1);
    let left = vec![child("c", Some("10.0.0.3"))];
    let changes = roster.take(&primary(), &seen(left), &ReplicaSettings::default());
    assert_eq!(changes.unnamed.len(), 1, "{changes:?}");
    assert_eq!(&*changes.unnamed[0].node, "pg_basebackup");
    assert_eq!(roster.lacking(), None);
    roster.strike(&changes.unnamed[0]);
    let changes = roster.take(&primary(), &seen(children()), &ReplicaSettings::default());
    assert_eq!(
        ways(&changes.new),
        ["pg_basebackup at postgres://greylag@10.0.0.9:5432/d"]
    );
}

#[test]
fn where_who_follows_cannot_be_seen_the_grant_is_told() {
    let (mut roster, _) = roster(None);
    let mut blind = seen(Vec::new());
    blind.children_unseen = Some(Unobservable {
        what: "who follows it".into(),
        mend: "GRANT REPLICATION SLAVE ON *.* TO 'a'@'%'".into(),
    });
    roster.take(&primary(), &blind, &ReplicaSettings::default());
    assert_eq!(
        roster.lacking().unwrap(),
        "who follows 10.0.0.1:5432 can't be seen; GRANT REPLICATION SLAVE ON *.* TO 'a'@'%'"
    );
    take(&mut roster, &primary(), Vec::new());
    assert_eq!(roster.lacking(), None);
}

#[test]
fn two_that_would_be_reached_at_one_place_are_told_and_one_that_is_listed_twice_is_not() {
    let (mut roster, _) = roster(None);
    let unnamed = || child("walreceiver", Some("10.0.0.2"));
    take(&mut roster, &primary(), vec![unnamed(), unnamed()]);
    let lacking = roster.lacking().unwrap();
    assert!(lacking.contains("cluster_name"), "{lacking}");
    let b = || child("b", Some("10.0.0.2"));
    take(
        &mut roster,
        &primary(),
        vec![b(), child("c", Some("10.0.0.2"))],
    );
    let lacking = roster.lacking().unwrap();
    assert!(lacking.contains("`b` and `c`"), "{lacking}");
    // A link that broke is listed until its time is up.
    take(&mut roster, &primary(), vec![b(), b()]);
    assert_eq!(roster.lacking(), None);
}

fn found(url: &str, addresses: &[(&str, &str)], children: Vec<Child>) -> Vec<(String, String)> {
    let addresses = addresses
        .iter()
        .map(|(from, to)| (from.to_string(), to.to_string()))
        .collect();
    let settings = ReplicaSettings {
        addresses,
        readers: BTreeSet::from(["wal-g".into(), "10.0.0.9".into()]),
        ..ReplicaSettings::default()
    };
    let primary = primary_node(&near(url));
    let (mut roster, _) = Roster::new(vec![primary.clone()], None);
    let changes = roster.take(&primary, &seen(children), &settings);
    changes
        .new
        .iter()
        .map(|node| (node.node.node.to_string(), node.target.url.to_string()))
        .collect()
}

#[test]
fn a_child_is_reached_as_its_primary_is_with_another_host() {
    let url = "postgres://greylag@10.0.0.1:5433/orders?sslmode=require&host=10.0.0.1&port=5433";
    assert_eq!(
        found(url, &[], vec![child("b", Some("10.0.0.2"))]),
        [(
            "b".to_owned(),
            "postgres://greylag@10.0.0.2:5433/orders?sslmode=require".to_owned()
        )]
    );
}

#[test]
fn the_address_map_wins_by_name_and_by_address() {
    let children = vec![
        child("b", Some("10.0.0.2")),
        child("walreceiver", Some("10.0.0.3:5432")),
    ];
    let map = [("b", "b.example:6000"), ("10.0.0.3", "127.0.0.1:6001")];
    assert_eq!(
        found("postgres://10.0.0.1/d", &map, children),
        [
            ("b".to_owned(), "postgres://b.example:6000/d".to_owned()),
            (
                "10.0.0.3:5432".to_owned(),
                "postgres://127.0.0.1:6001/d".to_owned()
            )
        ]
    );
}

#[test]
fn a_child_without_an_address_is_named_and_not_forgotten() {
    let (mut roster, _) = roster(None);
    assert_eq!(
        take(&mut roster, &primary(), vec![child("2", None)]),
        NOBODY
    );
    let lost: Vec<_> = roster.unmapped().collect();
    assert!(lost[0].why.contains("addresses"), "{lost:?}");
    assert_eq!(roster.lacking(), Some(lost[0].why.clone()));
    // It has been said meanwhile where it listens.
    let (_, new) = take(&mut roster, &primary(), vec![child("2", Some("10.0.0.2"))]);
    assert_eq!((new.len(), roster.lacking()), (1, None));
}

#[test]
fn two_children_of_one_name_are_told_apart_and_logical_readers_are_none() {
    let mut reader = child("cdc", Some("10.0.0.9"));
    reader.logical = true;
    let children = vec![
        child("b", Some("10.0.0.2")),
        child("b", Some("10.0.0.3")),
        reader,
    ];
    let names: Vec<_> = found("postgres://h/d", &[], children)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["b", "b-2"]);
}

#[test]
fn the_port_of_a_url_that_has_it_among_its_options_is_its_childrens_too() {
    let children = vec![child("b", Some("10.0.0.2")), child("c", Some("10.0.0.3:7"))];
    let found = found(
        "postgres://greylag@10.0.0.1/orders?port=5433&sslmode=require",
        &[],
        children,
    );
    let urls: Vec<&str> = found.iter().map(|(_, url)| &**url).collect();
    assert_eq!(
        urls,
        [
            "postgres://greylag@10.0.0.2:5433/orders?sslmode=require",
            "postgres://greylag@10.0.0.3:7/orders?sslmode=require"
        ]
    );
}

#[test]
fn who_is_said_to_be_a_reader_is_expected_by_nobody() {
    let children = vec![
        child("b", Some("10.0.0.2")),
        child("wal-g", Some("10.0.0.8")),
        child("9b1c", Some("10.0.0.9:3306")),
    ];
    let found = found("postgres://greylag@10.0.0.1/orders", &[], children);
    let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn one_that_nobody_remembers_is_told_with_what_to_write_if_it_is_no_replica() {
    let (mut roster, _) = roster(Some(&known()));
    let children = vec![
        child("b", Some("10.0.0.2")),
        child("9b1c", Some("10.0.0.9")),
    ];
    take(&mut roster, &primary(), children);
    let advice = |name: &str| {
        let node = NodeName {
            shard: "eu-1".parse().unwrap(),
            node: name.into(),
        };
        roster.advice(&node).unwrap_or_default()
    };
    assert!(
        advice("9b1c").contains("`readers = [\"9b1c\"]`"),
        "{}",
        advice("9b1c")
    );
    assert!(advice("b").contains("fleet forget"), "{}", advice("b"));
}

/// A failover has taken the primary's name to one that was a replica, and nobody follows that one yet.
#[test]
fn one_that_is_the_primary_now_is_not_missed_behind_it() {
    let (mut roster, _) = roster(Some(&known()));
    take(&mut roster, &primary(), Vec::new());
    let node = |name: &str| NodeName {
        shard: "eu-1".parse().unwrap(),
        node: name.into(),
    };
    let (b, c) = (node("b"), node("c"));
    roster.note_look(&b, true);
    assert_eq!(roster.lacking(), None, "the other has not been looked at");
    roster.note_look(&c, false);
    assert!(
        roster.lacking().unwrap().contains("(c)"),
        "{:?}",
        roster.lacking()
    );
    roster.recall(&known());
    assert!(
        roster.lacking().unwrap().contains("(c)"),
        "{:?}",
        roster.lacking()
    );
    roster.note_look(&b, false);
    assert!(roster.lacking().unwrap().contains("(b, c)"));
}
