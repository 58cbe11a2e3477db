//! The server refuses CONCURRENTLY for a partitioned table.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    operation::{Name, Operation},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static CONCURRENTLY_ON_PARTITIONED: Rule = Rule {
    id: "concurrently-on-partitioned",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "CONCURRENTLY is refused for a partitioned table",
    about: "PostgreSQL builds and drops no index of a partitioned table concurrently. Create it ON ONLY the parent, which \
            builds nothing; build one concurrently on each partition; attach those with ALTER INDEX … ATTACH PARTITION.",
    bad: include_str!("concurrently_on_partitioned/bad.sql"),
    good: include_str!("concurrently_on_partitioned/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let partitioned = |table: &&Name| scene.known(table).is_some_and(|known| known.partitioned);
    let (table, what) = match scene.operation {
        Operation::CreateIndex(create) if create.concurrently => (Some(&create.table), "built"),
        Operation::DropIndex(drop) if drop.concurrently => {
            let mut names = drop.names.iter();
            let found = names.find_map(|name| scene.catalog.index(&name.name));
            (found.map(|(table, _)| &table.name), "dropped")
        }
        _ => (None, ""),
    };
    let Some(table) = table.filter(partitioned) else {
        return Vec::new();
    };
    let title = format!("{table} is partitioned: its index can't be {what} concurrently");
    let instead = match what {
        "built" => {
            "Create it ON ONLY the parent, build it concurrently on each partition, then attach those indexes."
        }
        _ => "Drop it without CONCURRENTLY; that takes a moment, and locks the partitions too.",
    };
    Draft::new(scene.whole(), title)
        .why("The server refuses it on the first shard.")
        .instead(instead)
        .alone()
}
