//! Instant changes of a table are used up.

use crate::{
    finding::Decided,
    operation::{Action, Operation},
    version::ServerVersion,
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};
use greylag_core::engine::Engine;

pub(super) static INSTANT_VERSIONS_USED_UP: Rule = Rule {
    id: "instant-versions-used-up",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "the table has had as many instant changes as a table may have",
    about: "MySQL keeps a version of the row's shape for each instant ADD or DROP COLUMN: 64 of them, 255 since 9.1. \
            After that ALGORITHM=INSTANT is refused (error 4092), and without it the table is written anew. A rebuild \
            begins again at none. Shards that were rebuilt at other times have other counts: the highest decides.",
    bad: include_str!("instant_versions_used_up/bad.sql"),
    good: include_str!("instant_versions_used_up/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::AlterTable(alter) = scene.operation else {
        return Vec::new();
    };
    let adds = |(action, _): &(Action, _)| {
        matches!(action, Action::AddColumn { .. } | Action::DropColumn { .. })
    };
    if scene.unit.engine != Engine::Mysql
        || scene.is_new(&alter.name)
        || !alter.actions.iter().any(adds)
    {
        return Vec::new();
    }
    let seen = scene
        .facts(&alter.name)
        .and_then(|facts| facts.row_versions);
    let said = scene.known(&alter.name).map(|known| known.row_versions);
    let (count, decided) = match (seen, said) {
        (Some(seen), _) => (seen, Decided::Fleet),
        (None, Some(said)) => (said, Decided::Text),
        (None, None) => return Vec::new(),
    };
    let many = scene
        .versions()
        .is_some_and(|(known, _)| known.oldest >= ServerVersion::new(9, 1, 0));
    let limit = if many { 255 } else { 64 };
    if count < limit {
        return Vec::new();
    }
    let table = &alter.name;
    let draft = Draft::new(scene.whole(), format!("{table} has had {count} instant changes, and may have {limit}"))
        .decided(decided)
        .why("The server takes no further one until the table is written anew.")
        .replicas("Writing the table anew is repeated on each replica, after the primary.")
        .shards("It fails on the shards that were not rebuilt since.")
        .instead("Rebuild the table first (`ALTER TABLE … FORCE`, or pt-online-schema-change), shard by shard.");
    if alter.algorithm.as_deref() == Some("INSTANT") {
        return draft.severity(Severity::Error).alone();
    }
    draft.alone()
}
