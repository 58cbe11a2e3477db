//! It changes the whole server, and shards share servers.

use crate::{
    finding::Decided,
    operation::{Kind, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};

pub(super) static CLUSTER_WIDE_STATEMENT: Rule = Rule {
    id: "cluster-wide-statement",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "it changes the whole server, and shards share servers",
    about: "Roles, databases, tablespaces, ALTER SYSTEM, SET GLOBAL and PERSIST, RESET MASTER and its like, \
            subscriptions and event triggers belong to the server (or the database), not to a shard. Where several shards are on one server, the second one \
            fails on what the first has made, or changes it for all.",
    bad: include_str!("cluster_wide_statement/bad.sql"),
    good: include_str!("cluster_wide_statement/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if let Operation::Server { what } = scene.operation {
        return Draft::new(
            scene.whole(),
            format!("{what} is about the server, and about what its replicas follow"),
        )
        .severity(Severity::Error)
        .why("Replicas may lose their place, and all databases of the server with them.")
        .replicas("Greylag waits for positions that are no longer there.")
        .shards("It runs once per shard, not once per server.")
        .instead("Do it by hand, apart from migrations.")
        .alone();
    }
    let shared = match (scene.settings.shared_servers, scene.fleet) {
        (Some(shared), _) => Some((shared, Decided::Config)),
        (None, Some(fleet)) => Some((fleet.shards_per_server > 1, Decided::Fleet)),
        (None, None) => None,
    };
    if shared.is_some_and(|(shared, _)| !shared) {
        return Vec::new();
    }
    let wide = |kind: Kind| {
        matches!(
            kind,
            Kind::Role
                | Kind::Database
                | Kind::Tablespace
                | Kind::Subscription
                | Kind::EventTrigger
                | Kind::Event
        )
    };
    let system = scene
        .text()
        .to_ascii_uppercase()
        .starts_with("ALTER SYSTEM");
    let found = match scene.operation {
        Operation::Create(create) => wide(create.kind),
        Operation::Drop(drop) => wide(drop.kind),
        Operation::Alter(alter) => wide(alter.kind) || system,
        Operation::Set { global, .. } => *global,
        _ => false,
    };
    if !found {
        return Vec::new();
    }
    Draft::new(scene.whole(), "this is the server's, not the shard's")
        .decided(shared.map_or(Decided::Text, |(_, decided)| decided))
        .why("A second shard on the same server fails on it, or changes it for the first one too.")
        .shards("It runs once per shard, not once per server.")
        .instead("Set servers up apart from migrations.")
        .alone()
}
