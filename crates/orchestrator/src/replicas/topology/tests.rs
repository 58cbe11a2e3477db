use super::*;
use greylag_core::{
    engine::Engine,
    node::{NodeSighting, SeenRole},
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

fn found(url: &str, addresses: &[(&str, &str)], children: Vec<Child>) -> Vec<(String, String)> {
    let addresses = addresses
        .iter()
        .map(|(from, to)| (from.to_string(), to.to_string()))
        .collect();
    let (nodes, _) = children_of(
        &seen(children),
        &near(url),
        &addresses,
        &mut BTreeSet::new(),
    );
    nodes
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
    let (nodes, lost) = children_of(
        &seen(vec![child("2", None)]),
        &near("postgres://h/d"),
        &BTreeMap::new(),
        &mut BTreeSet::new(),
    );
    assert!(nodes.is_empty());
    assert!(lost[0].why.contains("addresses"), "{lost:?}");
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
