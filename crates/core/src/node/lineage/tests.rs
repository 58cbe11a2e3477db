use super::*;
use crate::{
    engine::Engine,
    node::{
        Blame, NodeSighting, NodeState, Trail, Unobservable, Upstream, finding::findings_of, judge,
    },
    survey::{Server, ShardIdentity},
};
use std::time::Duration;

fn sighting(own: &str, role: SeenRole) -> NodeSighting {
    let server = Server {
        engine: Engine::Mariadb,
        version: "10.11.19-MariaDB".into(),
        lineage: own.into(),
        database: "orders".into(),
        address: own.split('@').next_back().unwrap().into(),
        dialled: format!("mariadb://{own}/orders"),
        instance: None,
    };
    let at = "2026-11-22T12:00:00Z".parse().unwrap();
    NodeSighting::bare(at, server, own.into(), role)
}

fn shard(name: &str, uuid: u128) -> Option<ShardIdentity> {
    Some(ShardIdentity {
        uuid: uuid::Uuid::from_u128(uuid),
        project: "orders".into(),
        name: name.parse().unwrap(),
        environment: "production".into(),
    })
}

fn following(identity: Option<&str>) -> NodeSighting {
    NodeSighting {
        upstream: Some(Upstream {
            address: Some("10.0.0.1:3306".into()),
            identity: identity.map(Into::into),
            ..Upstream::default()
        }),
        ..sighting("2@b:3306", SeenRole::Replica)
    }
}

fn case<'a>(node: &'a NodeSighting, primary: &'a NodeSighting, trail: &'a Trail) -> Case<'a> {
    Case {
        role: NodeRole::Replica,
        node,
        primary: Some(primary),
        trail,
        before: None,
        peers: &[],
        max_lag: Duration::from_secs(5),
    }
}

#[test]
fn a_replica_of_a_sister_shard_is_refused_even_if_both_primaries_have_the_same_server_id() {
    let (trail, mut node, mut primary) = (
        Trail::default(),
        following(Some("1")),
        sighting("1@a:3306", SeenRole::Primary),
    );
    assert_eq!(disproof(&case(&node, &primary, &trail)), None);
    primary.shard = shard("eu-1", 1);
    node.shard = shard("eu-2", 2);
    let why = disproof(&case(&node, &primary, &trail)).unwrap();
    assert!(why.contains("`eu-2`") && why.contains("`eu-1`"), "{why}");
    node.shard = shard("eu-1", 1);
    assert_eq!(disproof(&case(&node, &primary, &trail)), None);
}

#[test]
fn a_replica_that_can_t_say_whom_it_follows_is_believed_what_it_holds() {
    let (trail, mut node, mut primary) = (
        Trail::default(),
        following(None),
        sighting("1@a:3306", SeenRole::Primary),
    );
    assert!(disproof(&case(&node, &primary, &trail)).is_some());
    primary.shard = shard("eu-1", 1);
    node.shard = shard("eu-1", 1);
    assert_eq!(disproof(&case(&node, &primary, &trail)), None);
}

#[test]
fn what_a_replica_wrote_by_itself_is_a_problem_unless_its_primary_has_it() {
    let (trail, mut node, mut primary) = (
        Trail::default(),
        following(Some("1")),
        sighting("1@a:3306", SeenRole::Primary),
    );
    let kinds = |node: &NodeSighting, primary: &NodeSighting| -> Vec<String> {
        let findings = findings_of(&case(node, primary, &trail));
        findings.into_iter().map(|finding| finding.kind).collect()
    };
    let errant = "gtid:00000000-0000-0000-0000-000000000002:1-3";
    node.written_here = errant.parse().ok();
    primary.position = "gtid:00000000-0000-0000-0000-000000000001:1-9".parse().ok();
    assert_eq!(kinds(&node, &primary), ["errant-writes"]);
    // It was the primary once.
    primary.position = format!("{errant},00000000-0000-0000-0000-000000000001:1-9")
        .parse()
        .ok();
    assert_eq!(kinds(&node, &primary), Vec::<String>::new());
    // A number alone proves nothing.
    node.written_here = "domains:0-2-5".parse().ok();
    primary.position = "domains:0-1-9".parse().ok();
    assert_eq!(kinds(&node, &primary), ["errant-writes"]);
}

#[test]
fn a_replica_that_accepts_writes_beside_its_primary_is_told_as_a_second_primary() {
    let trail = Trail::default();
    let mut node = sighting("2@b:3306", SeenRole::Primary);
    let mut primary = sighting("1@a:3306", SeenRole::Primary);
    node.shard = shard("eu-1", 7);
    primary.shard = shard("eu-1", 7);
    let why = disproof(&case(&node, &primary, &trail)).unwrap();
    assert_eq!(
        why,
        "the shard has two primaries: b:3306 accepts writes, and so does a:3306"
    );
    // One that has not answered for long may be gone: nobody can say that there are two.
    node.at = "2026-11-22T12:01:00Z".parse().unwrap();
    let why = disproof(&case(&node, &primary, &trail)).unwrap();
    assert!(why.contains("is no replica"), "{why}");
}

/// A name of a service leads to whichever server is the primary now, and that may be listed as a replica.
#[test]
fn a_primary_that_is_reached_by_two_names_is_no_second_primary() {
    let trail = Trail::default();
    let mut node = sighting("10.0.0.2:5432", SeenRole::Primary);
    let mut primary = sighting("db-vip:5432", SeenRole::Primary);
    for seen in [&mut node, &mut primary] {
        seen.shard = shard("eu-1", 7);
        seen.server.lineage = "7391".into();
        seen.server.instance = Some("1763868001.2".into());
    }
    let why = disproof(&case(&node, &primary, &trail)).unwrap();
    assert!(why.contains("the shard's primary itself"), "{why}");
    assert!(!judge(&case(&node, &primary, &trail)).is_rival());
    // Another run of a server of the same cluster is another server.
    node.server.instance = Some("1763868002.7".into());
    assert!(judge(&case(&node, &primary, &trail)).is_rival());
    // Where runs are not told, what each calls itself tells.
    (node.server.instance, node.own) = (None, primary.own.clone());
    assert!(!judge(&case(&node, &primary, &trail)).is_rival());
}

#[test]
fn whom_a_replica_follows_is_not_held_against_it_where_it_may_not_be_seen() {
    let (trail, mut primary) = (Trail::default(), sighting("1@a:3306", SeenRole::Primary));
    let mut node = sighting("2@b:3306", SeenRole::Replica);
    let place: Position = "domains:0-1-7".parse().unwrap();
    (primary.position, node.position) = (Some(place.clone()), Some(place));
    assert!(disproof(&case(&node, &primary, &trail)).is_some());

    let mend = "GRANT SLAVE MONITOR ON *.* TO 'greylag'@'%'";
    node.unobservable = vec![Unobservable {
        what: "whom it follows".into(),
        mend: mend.into(),
    }];
    assert_eq!(disproof(&case(&node, &primary, &trail)), None);
    // It is at the primary's place, and that proves nothing.
    let standing = judge(&case(&node, &primary, &trail));
    assert_eq!(standing.state, NodeState::Unobservable);
    assert!(
        matches!(&standing.blame, Some(Blame::Unobservable { mend: Some(said), .. }) if said == mend),
        "{standing:?}"
    );
}
