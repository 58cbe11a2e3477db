//! An index is dropped under a lock that keeps out reads and writes.

use super::super::rewrite;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{
    fix::{Fix, Step},
    operation::{DropIndex, Name, Operation},
};

pub(super) static DROP_INDEX_BLOCKING: Rule = Rule {
    id: "drop-index-blocking",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "an index is dropped under a lock that keeps out reads and writes",
    about: "DROP INDEX takes ACCESS EXCLUSIVE on the table. It is short, but it waits behind the longest \
            query, and everything else waits behind it. DROP INDEX CONCURRENTLY waits without keeping others \
            out; of a partitioned table the server refuses it. On replicas even that cancels queries: see concurrently-cancels-standby.",
    bad: include_str!("drop_index_blocking/bad.sql"),
    good: include_str!("drop_index_blocking/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::DropIndex(drop) = scene.operation else {
        return Vec::new();
    };
    let new = |name: &str| {
        scene
            .catalog
            .index(name)
            .is_some_and(|(table, _)| scene.is_new(&table.name))
    };
    if drop.concurrently || drop.names.iter().all(|name| new(&name.name)) {
        return Vec::new();
    }
    let names: Vec<String> = drop.names.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    let lock =
        "It takes ACCESS EXCLUSIVE on the table and the index, which keeps out reads and writes.";
    let draft = Draft::new(scene.whole(), format!("dropping {names} keeps out reads and writes"))
        .why("The lock waits behind the longest query on the table, and every other query waits behind the lock.")
        .lock(lock)
        .replicas("Replicas replay the lock, and cancel queries on the table.");
    // A partitioned table takes no CONCURRENTLY, and its partitions' indexes go with its own alone.
    let partitioned = |name: &Name| {
        let found = scene.catalog.index(&name.name);
        found.is_some_and(|(table, _)| table.partitioned)
    };
    if drop.names.iter().any(partitioned) {
        return draft
            .lock("It takes ACCESS EXCLUSIVE on the table, its partitions and their indexes, which keeps out reads and writes.")
            .instead("The server drops no index of a partitioned table concurrently. Drop it in a file of its own with a short `-- greylag:lock-timeout`, at a quiet hour: once it has the lock it takes a moment.")
            .alone();
    }
    draft
        .instead(
            "Use DROP INDEX CONCURRENTLY, in a file of its own with `-- greylag:transaction off`.",
        )
        .fix(fix(scene, drop))
        .alone()
}

fn fix(scene: &Scene<'_>, drop: &DropIndex) -> Option<Fix> {
    if drop.cascade {
        return None;
    }
    let exists = if drop.if_exists { " IF EXISTS" } else { "" };
    let steps = drop.names.iter().map(|name| {
        let sql = format!("DROP INDEX CONCURRENTLY{exists} {};", scene.sql(&name.span));
        Step::outside(format!("drop index {}", name.name), sql)
    });
    rewrite::statement(
        scene,
        "drop the index concurrently, in a file of its own",
        steps.collect(),
    )
}
