//! A reader on a replica holds up the replay of a change.

use crate::{
    finding::Decided,
    operation::{Kind, Name, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static REPLICA_READER_BLOCKS_REPLAY: Rule = Rule {
    id: "replica-reader-blocks-replay",
    group: Group::Replicas,
    severity: Some(Severity::Note),
    dialects: MYSQL,
    title: "a reader on a replica holds up the replay of the change",
    about: "A change of a table needs its metadata lock alone, on replicas too, even where it is INSTANT. A query or \
            an open transaction that has read the table there holds up the replay, and with it everything behind it; \
            lock_wait_timeout (a year on MySQL, a day on MariaDB) doesn't end that soon.",
    bad: include_str!("replica_reader_blocks_replay/bad.sql"),
    good: include_str!("replica_reader_blocks_replay/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.has_replicas() {
        return Vec::new();
    }
    let Some(table) = changed(scene.operation).filter(|table| !scene.is_new(table)) else {
        return Vec::new();
    };
    let earlier = &scene.operations[..scene.index];
    if earlier
        .iter()
        .any(|other| changed(other).is_some_and(|name| name.is(table)))
    {
        return Vec::new();
    }
    let draft = Draft::new(scene.whole(), format!("a query that reads {table} on a replica holds up its replay"))
        .why("Replay waits for the metadata lock of the table until every transaction there that has read it is over.")
        .replicas("Meanwhile the replica lags, for all tables; new queries on the table queue behind the change.")
        .instead("Keep long reports and idle transactions away from replicas while it runs; Greylag watches the lag.");
    let reader = scene.fleet.into_iter().flat_map(|fleet| &fleet.standbys);
    let reader = reader.filter_map(|standby| Some((standby, standby.oldest_reader_ms?)));
    match reader.max_by_key(|(_, age)| *age).filter(|(_, age)| *age > 1_000) {
        None => draft.alone(),
        Some((standby, age)) => draft
            .decided(Decided::Fleet)
            .severity(Severity::Warning)
            .replicas(format!(
                "{}/{} has a transaction that has been reading for {} s: replay waits for it if it has read {table}.",
                standby.shard, standby.node, age / 1_000
            ))
            .alone(),
    }
}

/// The table whose metadata lock it needs alone.
fn changed(operation: &Operation) -> Option<&Name> {
    match operation {
        Operation::AlterTable(_)
        | Operation::CreateIndex(_)
        | Operation::DropIndex(_)
        | Operation::Truncate(_) => operation.table(),
        Operation::Create(create) if create.kind == Kind::Trigger => create.on.as_ref(),
        Operation::Drop(drop) if drop.kind == Kind::Table => drop.names.first(),
        _ => None,
    }
}
