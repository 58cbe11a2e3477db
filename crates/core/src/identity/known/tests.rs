use super::*;
use crate::engine::Engine;

fn server(port: u16) -> Server {
    Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: "7".into(),
        database: "orders/5/public".into(),
        address: format!("10.0.0.1:{port}"),
        dialled: format!("postgres://db{port}/orders"),
        instance: None,
    }
}

fn known() -> Known {
    let mut known = Known::default();
    known.prove_primary(&server(1));
    known.prove_replica(&server(2));
    known.prove_replica(&server(3));
    known
}

#[test]
fn the_primary_that_was_is_deposed_until_it_is_seen_to_follow() {
    let mut known = known();
    assert!(known.is_primary(&server(1)) && known.deposed.is_empty());
    known.prove_primary(&server(2));
    assert!(known.is_primary(&server(2)));
    assert!(known.is_deposed(&server(1)) && !known.is_deposed(&server(2)));
    known.prove_primary(&server(2));
    assert!(known.is_deposed(&server(1)), "proven again changes nothing");
    known.prove_replica(&server(1));
    assert!(known.is_deposed(&server(1)), "it may follow nobody");
    known.prove_follower(&server(1), &server(3));
    assert!(known.is_deposed(&server(1)), "it follows somebody else");
    known.prove_follower(&server(1), &server(2));
    assert!(!known.is_deposed(&server(1)));
    assert!(known.is_primary(&server(2)));
}

#[test]
fn who_is_expected_to_follow_is_neither_the_primary_nor_one_that_was() {
    let mut known = known();
    assert_eq!(known.followers().len(), 2);
    known.prove_primary(&server(2));
    assert_eq!(known.followers().len(), 1);
    let run = |dialled: &str| Server {
        dialled: dialled.into(),
        instance: Some("1700000000.5".into()),
        ..server(2)
    };
    known.prove_primary(&run("postgres://db2/orders"));
    known.prove_primary(&run("postgres://other/orders"));
    assert_eq!(known.followers().len(), 1, "one server under two names");
    assert_eq!(known.deposed.len(), 1);
}

#[test]
fn what_was_remembered_before_there_were_deposed_ones_is_read() {
    let json = r#"{"uuid":"00000000-0000-0000-0000-000000000000","nodes":[]}"#;
    let known: Known = serde_json::from_str(json).unwrap();
    assert_eq!(known, Known::default());
    assert_eq!(serde_json::to_string(&known).unwrap(), json);
}

/// Where each server is in a network of its own, all of them say one address.
fn contained(name: &str, instance: &str) -> Server {
    Server {
        address: "172.17.0.2:5432".into(),
        dialled: format!("postgres://{name}/orders"),
        instance: Some(instance.into()),
        ..server(1)
    }
}

#[test]
fn two_servers_that_say_one_private_address_are_two() {
    let mut known = Known::default();
    known.prove_primary(&contained("a", "1"));
    known.prove_replica(&contained("b", "2"));
    let heir = contained("b", "2");
    assert!(!known.is_primary(&heir));
    known.prove_primary(&heir);
    assert!(known.is_primary(&heir) && !known.is_deposed(&heir));
    assert!(known.is_deposed(&contained("a", "1")));
    assert!(
        known.is_deposed(&contained("a", "3")),
        "it was started again"
    );
    assert_eq!(known.followers().len(), 0);
}

#[test]
fn one_server_under_another_name_is_known_by_its_run_or_by_an_address_of_its_own() {
    let mut known = Known::default();
    known.prove_primary(&contained("a", "1"));
    assert!(known.is_primary(&contained("proxy", "1")));
    assert!(!known.is_primary(&contained("proxy", "2")));
    let public = |name: &str, instance: &str| Server {
        address: "203.0.113.7:5432".into(),
        ..contained(name, instance)
    };
    known.prove_primary(&public("c", "4"));
    assert!(known.is_primary(&public("d", "5")));
    for local in ["127.0.0.1:5432", "::1:5432", "fd00::7:5432", "fe80::1:5432"] {
        assert!(!is_unique(local), "{local}");
    }
    for own in ["2001:db8::1:5432", "db-1:3306", "/srv/shop.db"] {
        assert!(is_unique(own), "{own}");
    }
}

#[test]
fn an_old_primary_is_deposed_under_each_of_its_names() {
    let mut known = Known::default();
    known.prove_primary(&contained("a", "1"));
    // Behind a proxy, and started again since it was reached by its first name.
    known.prove_primary(&contained("proxy", "1"));
    known.prove_primary(&contained("proxy", "2"));
    let heir = Server {
        address: "172.17.0.3:5432".into(),
        ..contained("b", "3")
    };
    known.prove_primary(&heir);
    assert!(known.is_deposed(&contained("proxy", "4")));
    assert!(known.is_deposed(&contained("a", "4")));
}

#[test]
fn what_was_remembered_without_runs_and_names_is_read_and_believed() {
    let json = r#"{"uuid":"00000000-0000-0000-0000-000000000000","nodes":[
        {"lineage":"7","database":"orders/5/public","address":"172.17.0.2:5432","dialled":"postgres://a/orders"}]}"#;
    let known: Known = serde_json::from_str(json).unwrap();
    assert!(known.is_primary(&contained("a", "1")));
    assert!(!known.is_primary(&contained("b", "1")));
    let nameless = json.replace(r#","dialled":"postgres://a/orders""#, "");
    let known: Known = serde_json::from_str(&nameless).unwrap();
    assert!(known.is_primary(&contained("a", "1")));
}

#[test]
fn a_follower_is_known_by_the_name_that_its_primary_gave_it_wherever_it_is() {
    let mut known = known();
    known.call(&server(2), "b");
    known.prove_replica(&server(2));
    let titles = |known: &Known| {
        let followers = known.followers().into_iter();
        followers
            .map(|node| node.title().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(titles(&known), ["b", "db3"], "proven again, it keeps it");
    known.prove_replica(&server(4));
    known.call(&server(4), "b");
    assert_eq!(titles(&known), ["db3", "b"], "it has moved");
    assert!(!known.nodes.iter().any(|node| node.is(&server(2))));
    known.prove_primary(&server(4));
    assert_eq!(titles(&known), ["db3"]);
}

#[test]
fn a_node_is_forgotten_by_its_name_or_its_place_and_the_primary_is_not() {
    let mut known = known();
    known.call(&server(2), "b");
    assert_eq!(known.forget("c"), Forgotten::Unknown);
    assert_eq!(known.forget("db1"), Forgotten::Primary);
    assert_eq!(known.followers().len(), 2);
    let Forgotten::Nodes(gone) = known.forget("b") else {
        panic!("it is there")
    };
    assert!(gone.len() == 1 && gone[0].is(&server(2)), "{gone:?}");
    assert!(matches!(known.forget("10.0.0.1:3"), Forgotten::Nodes(_)));
    assert_eq!(known.followers().len(), 0);
    assert!(known.is_primary(&server(1)));

    // One that was deposed is nobody then: what it says counts as a stranger's.
    known.prove_primary(&server(5));
    assert!(known.is_deposed(&server(1)));
    assert!(matches!(known.forget("db1"), Forgotten::Nodes(_)));
    assert!(!known.is_deposed(&server(1)) && known.nodes.len() == 1);
}

/// A server at its own address, which a service's name leads to.
fn behind(name: &str, port: u16, run: &str) -> Server {
    Server {
        dialled: format!("postgres://{name}/orders"),
        instance: Some(run.into()),
        ..server(port)
    }
}

#[test]
fn who_was_at_a_name_is_told_by_the_server_and_not_by_the_name() {
    let mut known = Known::default();
    known.prove_primary(&behind("rw", 1, "1"));
    known.prove_replica(&behind("ro", 2, "2"));
    let had = |known: &Known, port, run| {
        known.has_had(&behind("ro", port, run), &behind("rw", port, run))
    };
    assert!(had(&known, 2, "2"), "the standby was promoted");
    assert!(had(&known, 2, "9"), "… and started anew");
    assert!(!had(&known, 1, "1"), "the name falls back to the primary");
    assert!(!had(&known, 1, "9"));
    // What a server calls itself by the way to it is the way's own.
    assert!(!known.has_had(&behind("ro", 2, "1"), &behind("rw", 1, "1")));
    // Of two that were there, the one that was proven last is.
    known.prove_replica(&behind("ro", 3, "3"));
    assert!(had(&known, 3, "3") && !had(&known, 2, "2"));
    known.prove_replica(&behind("ro", 2, "2"));
    assert!(had(&known, 2, "2") && !had(&known, 3, "3"));
    assert!(known.is_primary(&behind("rw", 1, "1")));
}

#[test]
fn where_all_servers_say_one_address_it_tells_nobody_who_was_at_a_name() {
    let mut known = Known::default();
    known.prove_primary(&contained("rw", "1"));
    known.prove_replica(&contained("ro", "2"));
    let had = |run| known.has_had(&contained("ro", run), &contained("rw", run));
    assert!(had("2"));
    assert!(!had("1") && !had("9"));
}

#[test]
fn a_primary_that_a_readers_name_leads_to_for_want_of_its_standby_takes_nobodys_place() {
    for (own, standby) in [
        (behind("rw", 1, "1"), behind("ro", 2, "2")),
        // Both say one address.
        (contained("rw", "1"), contained("ro", "2")),
    ] {
        let fallen_back = Server {
            dialled: standby.dialled.clone(),
            ..own.clone()
        };
        let mut known = Known::default();
        known.prove_primary(&own);
        known.prove_replica(&standby);
        assert!(!known.stands_in());
        for _ in 0..2 {
            known.prove_primary(&fallen_back);
            assert!(known.is_primary(&own) && known.stands_in(), "{known:#?}");
            assert!(!known.has_had(&fallen_back, &own));
            assert!(known.has_had(&standby, &own), "{known:#?}");
        }
        known.prove_primary(&own);
        known.prove_replica(&standby);
        assert!(!known.stands_in() && known.is_primary(&own));
        // The standby itself is promoted, and its name is the primary's as long as it is: also where it was started anew.
        known.prove_primary(&standby);
        assert!(!known.stands_in(), "{known:#?}");
        known.prove_primary(&Server {
            instance: Some("9".into()),
            ..standby
        });
        assert!(!known.stands_in(), "{known:#?}");
    }
}

#[test]
fn where_no_replica_was_the_primary_stands_in_for_nobody() {
    let mut known = Known::default();
    known.prove_primary(&behind("rw", 1, "1"));
    known.prove_primary(&behind("ro", 1, "1"));
    assert!(!known.stands_in());
    // What was written down before this was told is a replica's.
    let before = serde_json::to_string(&known).unwrap();
    assert!(before.contains("only_primary"), "{before}");
    let mut replica = Known::default();
    replica.prove_replica(&behind("ro", 2, "2"));
    assert!(
        !serde_json::to_string(&replica)
            .unwrap()
            .contains("only_primary")
    );
}

#[test]
fn a_server_of_mysql_is_known_at_a_name_by_its_uuid() {
    let of = |name: &str, uuid: &str| Server {
        engine: Engine::Mysql,
        lineage: uuid.into(),
        instance: None,
        ..behind(name, 1, "")
    };
    let mut known = Known::default();
    known.prove_primary(&of("rw", "a"));
    known.prove_replica(&of("ro", "b"));
    assert!(known.has_had(&of("ro", "b"), &of("rw", "b")));
    assert!(!known.has_had(&of("ro", "a"), &of("rw", "a")));
}
