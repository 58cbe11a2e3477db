use super::*;
use crate::{
    engine::Engine,
    identity::Node,
    survey::{Server, ShardIdentity},
};

const UUID: Uuid = Uuid::from_u128(1);

fn name(text: &str) -> ShardName {
    text.parse().unwrap()
}

fn server(lineage: &str, database: &str) -> Server {
    Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: lineage.into(),
        database: database.into(),
        address: format!("{lineage}:5432/{database}"),
        dialled: format!("postgres://{lineage}/{database}"),
        instance: None,
    }
}

/// A primary of shard `eu-1` of project `orders` in `production`.
fn survey() -> Survey {
    Survey {
        shard: name("eu-1"),
        at: jiff::Timestamp::UNIX_EPOCH,
        server: server("a", "orders"),
        role: Role::Primary,
        identity: Some(ShardIdentity {
            uuid: UUID,
            project: "orders".into(),
            name: name("eu-1"),
            environment: "production".into(),
        }),
        empty: false,
        has_history: true,
        history: Vec::new(),
        steps: Vec::new(),
    }
}

fn unclaimed() -> Survey {
    Survey {
        identity: None,
        ..survey()
    }
}

fn known(uuid: Uuid, lineages: &[&str]) -> Known {
    let nodes = lineages
        .iter()
        .map(|l| Node::from(&server(l, "orders")))
        .collect();
    Known {
        uuid,
        nodes,
        deposed: Vec::new(),
    }
}

fn ask(survey: &Survey, known: Option<&Known>, claim_allowed: bool) -> Result<Proof, Refusal> {
    judge(
        &Expected {
            shard: &name("eu-1"),
            project: "orders",
            environment: "production",
            known,
            claim_allowed,
        },
        survey,
    )
}

fn refused(survey: &Survey, known: Option<&Known>) -> String {
    ask(survey, known, false).unwrap_err().to_string()
}

#[test]
fn the_known_shard_on_its_server_is_proven() {
    assert_eq!(
        ask(&survey(), Some(&known(UUID, &["a"])), false),
        Ok(Proof::Proven)
    );
}

#[test]
fn a_shard_that_nobody_remembers_is_recognised_by_its_own_word() {
    assert_eq!(ask(&survey(), None, false), Ok(Proof::Recognised));
}

#[test]
fn a_replica_is_refused() {
    let replica = Survey {
        role: Role::Replica,
        ..survey()
    };
    assert_eq!(
        refused(&replica, None),
        "a:5432/orders is a replica: shard `eu-1` must name its primary"
    );
}

#[test]
fn a_read_only_server_is_refused() {
    let read_only = Survey {
        role: Role::ReadOnly,
        ..survey()
    };
    assert!(matches!(
        ask(&read_only, None, true),
        Err(Refusal::ReadOnly { .. })
    ));
}

#[test]
fn another_environment_is_refused_whoever_claims_it() {
    let mut staging = survey();
    staging.identity.as_mut().unwrap().environment = "staging".into();
    assert_eq!(
        ask(&staging, None, true).unwrap_err().to_string(),
        "a:5432/orders belongs to environment `staging`, and this project is for `production`"
    );
    staging.identity.as_mut().unwrap().project = "billing".into();
    assert!(matches!(
        ask(&staging, None, true),
        Err(Refusal::AnotherEnvironment { .. })
    ));
}

#[test]
fn a_restored_copy_that_claims_another_shards_name_is_refused_with_both_names() {
    let mut copy = survey();
    copy.identity.as_mut().unwrap().name = name("eu-2");
    let refusal = ask(&copy, None, false).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "a:5432/orders says it is shard `eu-2`, but the project calls it `eu-1`"
    );
    assert!(refusal.hint().contains("greylag fleet rebrand eu-1"));
}

#[test]
fn a_failover_to_a_proven_node_is_accepted() {
    let failed_over = Survey {
        server: server("b", "orders"),
        ..survey()
    };
    assert_eq!(
        ask(&failed_over, Some(&known(UUID, &["a", "b"])), false),
        Ok(Proof::Proven)
    );
}

#[test]
fn a_known_identity_on_a_server_never_seen_is_refused_with_the_way_on() {
    let moved = Survey {
        server: server("c", "orders"),
        ..survey()
    };
    let refusal = ask(&moved, Some(&known(UUID, &["b", "a"])), false).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "shard `eu-1` at c:5432/orders carries the identity of `eu-1`, last proven at a:5432/orders: it may be a copy"
    );
    assert!(refusal.hint().contains("greylag fleet accept eu-1"));
    assert!(refusal.hint().contains("greylag fleet rebrand eu-1"));
}

#[test]
fn another_database_of_a_proven_server_is_not_the_shard() {
    let elsewhere = Survey {
        server: server("a", "orders_copy"),
        ..survey()
    };
    assert!(matches!(
        ask(&elsewhere, Some(&known(UUID, &["a"])), false),
        Err(Refusal::Moved { .. })
    ));
}

#[test]
fn another_identity_than_the_remembered_one_is_refused() {
    assert!(matches!(
        ask(&survey(), Some(&known(Uuid::from_u128(2), &["a"])), false),
        Err(Refusal::AnotherIdentity { .. })
    ));
}

#[test]
fn only_an_empty_database_is_claimed_by_itself() {
    let empty = Survey {
        empty: true,
        ..unclaimed()
    };
    assert_eq!(ask(&empty, None, false), Ok(Proof::Empty));
    let refusal = ask(&unclaimed(), None, false).unwrap_err();
    assert!(matches!(refusal, Refusal::Unclaimed { .. }));
    assert!(refusal.hint().contains("--claim N"));
    assert_eq!(ask(&unclaimed(), None, true), Ok(Proof::Claimed));
}

#[test]
fn another_projects_database_is_claimed_only_when_asked() {
    let mut shared = survey();
    shared.identity.as_mut().unwrap().project = "billing".into();
    shared.empty = true;
    assert!(matches!(
        ask(&shared, None, false),
        Err(Refusal::Unclaimed { .. })
    ));
    assert_eq!(ask(&shared, None, true), Ok(Proof::Claimed));
}

#[test]
fn a_known_shard_that_lost_its_identity_is_refused_even_when_empty() {
    let known = known(UUID, &["a"]);
    let empty = Survey {
        empty: true,
        ..unclaimed()
    };
    for survey in [&empty, &unclaimed()] {
        assert!(matches!(
            ask(survey, Some(&known), false),
            Err(Refusal::LostIdentity { .. })
        ));
    }
}

#[test]
fn one_database_under_two_names_is_refused() {
    let (a, b, c) = (on("a", "x", UUID), on("a", "y", UUID), on("a", "x", UUID));
    let shards = [(name("one"), &a), (name("two"), &b), (name("three"), &c)];
    let refusals = duplicates("orders", &shards);
    let told: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["shards `three` and `one` are one and the same database (a:5432/x)"]
    );
}

#[test]
fn databases_of_one_server_are_no_duplicates() {
    let (a, b) = (on("a", "x", UUID), on("a", "y", UUID));
    let shards = [(name("one"), &a), (name("two"), &b)];
    assert_eq!(duplicates("orders", &shards), []);
}

#[test]
fn a_physical_clone_under_the_same_name_is_no_failover() {
    let mut clone = survey();
    clone.server.address = "b:5432/orders".into();
    clone.server.dialled = "postgres://b/orders".into();
    let known = known(UUID, &["a"]);
    let refusal = ask(&clone, Some(&known), false).unwrap_err();
    assert!(matches!(refusal, Refusal::Moved { .. }), "{refusal}");
    // The same server by another name, and another address behind the same name, are the node that was proven.
    clone.server.address = "a:5432/orders".into();
    assert_eq!(ask(&clone, Some(&known), false), Ok(Proof::Proven));
    clone.server.address = "b:5432/orders".into();
    clone.server.dialled = "postgres://a/orders".into();
    assert_eq!(ask(&clone, Some(&known), false), Ok(Proof::Proven));
}

#[test]
fn a_clone_that_was_rebranded_is_a_database_of_its_own() {
    let (a, b) = (on("a", "x", UUID), on("a", "x", Uuid::from_u128(2)));
    let shards = [(name("one"), &a), (name("two"), &b)];
    assert_eq!(duplicates("orders", &shards), []);
    // Of a database that has no identity yet there is no telling.
    let unclaimed = Survey {
        identity: None,
        ..b
    };
    let shards = [(name("one"), &a), (name("two"), &unclaimed)];
    assert_eq!(duplicates("orders", &shards).len(), 1);
}

fn on(lineage: &str, database: &str, uuid: Uuid) -> Survey {
    let mut survey = survey();
    survey.server = server(lineage, database);
    survey.identity.as_mut().unwrap().uuid = uuid;
    survey
}

#[test]
fn a_primary_that_was_promoted_away_is_refused_when_it_comes_back() {
    let mut known = known(UUID, &["b", "a"]);
    known.prove_primary(&server("b", "orders"));
    assert_eq!(
        refused(&survey(), Some(&known)),
        "a:5432/orders accepts writes, but the primary of shard `eu-1` was promoted away from it to b:5432/orders, and it has not been seen to follow since"
    );
    known.prove_follower(&server("a", "orders"), &server("b", "orders"));
    assert_eq!(ask(&survey(), Some(&known), false), Ok(Proof::Proven));
}
