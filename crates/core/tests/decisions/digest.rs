//! What an approval is bound to.

use crate::fixture::*;
use greylag_core::{
    migration::Migration,
    plan::{Candidate, Input, Plan, plan},
    policy::{Policy, Scope, Size},
};
use std::time::Duration;

struct World {
    shards: Vec<Candidate>,
    files: Vec<Migration>,
    policy: Policy,
    settings: &'static str,
}

fn world() -> World {
    let fresh = reading("V1", "V2 V3");
    World {
        shards: ["a", "b", "c"]
            .map(|name| candidate(name, "h", &fresh))
            .into(),
        files: vec![
            file("V1__one.sql", "SELECT 1;"),
            file("V2__two.sql", "SELECT 2;"),
            file("V3__three.sql", "SELECT 3;"),
        ],
        policy: policy(vec![
            wave("canary", Size::Count(1)),
            wave("rest", Size::Rest),
        ]),
        settings: "s",
    }
}

fn planned(world: &World) -> Plan {
    plan(&Input {
        project: "orders",
        environment: "test",
        shards: world.shards.clone(),
        migrations: &world.files,
        policy: &world.policy,
        scope: &Scope::default(),
        settings: world.settings,
        flyway_table: false,
        waves: None,
        first: Vec::new(),
        reviewed: None,
        refused_there: None,
    })
    .unwrap()
}

fn changes(change: impl FnOnce(&mut World)) -> bool {
    let before = planned(&world()).digest;
    let mut world = world();
    change(&mut world);
    planned(&world).digest != before
}

#[test]
fn the_digest_is_that_of_canonical_json() {
    let plan = planned(&world());
    // Written out by hand: sorted keys, nothing between them.
    let sha = |text: &str| greylag_core::digest::sha256(text);
    let migration = |version, text: &str, name: &str| {
        format!(
            r#"{{"config":{},"id":"V{version}","script":"V{version}__{name}.sql","sha256":"{}"}}"#,
            r#"{"encoding":null,"execute_in_transaction":null,"placeholder_replacement":null}"#,
            sha(text)
        )
    };
    let wave = |name, shards| {
        format!(r#"{{"approval":false,"name":"{name}","shards":[{shards}],"soak_ms":0}}"#)
    };
    let rule = |name, size| {
        format!(
            r#"{{"approval":false,"name":"{name}","select":null,"size":{size},"soak":{{"nanos":0,"secs":0}}}}"#
        )
    };
    let policy = format!(
        r#"{{"checks":[],"failure_budget":{{"shards":0}},"group":"auto","lock_deadline":{{"nanos":0,"secs":600}},"lock_timeout":{{"nanos":0,"secs":2}},"max_in_flight":2,"max_per_host":1,"out_of_order":false,"retry":{{"attempts":3,"base":{{"nanos":100000000,"secs":0}},"cap":{{"nanos":0,"secs":5}}}},"waves":[{},{}],"windows":[]}}"#,
        rule("canary", r#"{"count":1}"#),
        rule("rest", r#""rest""#),
    );
    let json = format!(
        r#"{{"environment":"test","migrations":[{},{}],"policy":{policy},"project":"orders","settings":"s","shards":[{{"name":"a","uuid":null}},{{"name":"b","uuid":null}},{{"name":"c","uuid":null}}],"waves":[{},{}]}}"#,
        migration(2, "SELECT 2;", "two"),
        migration(3, "SELECT 3;", "three"),
        wave("canary", r#""a""#),
        wave("rest", r#""b","c""#),
    );
    assert_eq!(plan.digest, format!("sha256:{}", sha(&json)));
}

#[test]
fn what_would_be_done_is_in_the_digest() {
    assert!(changes(|w| w.files[1] = file("V2__two.sql", "SELECT 22;")));
    assert!(changes(
        |w| w.files[2].config.execute_in_transaction = Some(false)
    ));
    assert!(changes(|w| w.settings = "t"));
    assert!(changes(|w| drop(w.shards.pop())));
    assert!(changes(
        |w| w.shards[0].uuid = Some(uuid::Uuid::from_u128(7))
    ));
    assert!(changes(|w| w.policy.max_in_flight = 3));
    assert!(changes(|w| w.policy.waves[0].size = Size::Count(2)));
    assert!(changes(|w| w.policy.waves[0].soak = Duration::from_secs(1)));
    assert!(changes(|w| w.policy.waves[1].approval = true));
}

#[test]
fn where_a_shard_lives_and_how_far_it_is_are_not_in_the_digest() {
    assert!(!changes(|w| w.shards[0].shard.host = "elsewhere".into()));
    let further = reading("V1 V2", "V3");
    assert!(!changes(|w| w.shards[1] = candidate("b", "h", &further)));
}

#[test]
fn a_plan_from_a_file_is_the_plan_that_was_written() {
    let plan = planned(&world());
    let json = serde_json::to_string(&plan).unwrap();
    let mut again: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(again, plan);
    assert_eq!(again.work(0, &name("b")), ids("V2 V3"));
    assert_eq!(again.wave_of(&name("b")), Some(1));
    assert_eq!(again.wave_of(&name("nobody")), None);
    assert!(again.is_authentic());
    again.waves[0].approval = true;
    assert!(
        !again.is_authentic(),
        "an edited file would pass as approved"
    );
}
