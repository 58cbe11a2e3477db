//! A database is named in the statement.

use crate::operation::{Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static NAMES_DATABASE: Rule = Rule {
    id: "names-database",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "the database is named in the statement",
    about: "Replication filters (replicate-do-db, binlog-do-db) go by the default database for DDL: a statement about \
            a table of another database is filtered by the wrong name, and a replica never gets it. And a shard is \
            a database: its name is another one on the next shard.",
    bad: include_str!("names_database/bad.sql"),
    good: include_str!("names_database/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some((span, database)) = named(scene, scene.index) else {
        return Vec::new();
    };
    // The first of the file speaks for all of it. Asked last: a file may have very many statements.
    if (0..scene.index).any(|at| named(scene, at).is_some()) {
        return Vec::new();
    }
    Draft::new(span, format!("{database} is named: it is this database only on some shard"))
        .why("The connection's own database is the shard's; a name in the text is the same on every shard.")
        .replicas("Filters by database look at the connection's database, not at the one that is named.")
        .shards("Another shard's database has another name, or the same name means another shard's.")
        .instead("Leave the database out: Greylag connects to the shard's own.")
        .alone()
}

/// Where a statement names a database, and which.
fn named(scene: &Scene<'_>, at: usize) -> Option<(crate::operation::Bytes, String)> {
    let operation = &scene.operations[at];
    let statement = scene.span(at);
    if matches!(operation, Operation::Set { name, .. } if name == "use") {
        let name = scene.sql(&statement)[3..]
            .trim()
            .trim_matches('`')
            .to_owned();
        return Some((statement, name));
    }
    let own = operation.table();
    let reads: &[Name] = match operation {
        Operation::Write(write) | Operation::Select(write) => &write.reads,
        Operation::Create(create) => &create.reads,
        _ => &[],
    };
    let system = |schema: &str| {
        let system = ["information_schema", "mysql", "performance_schema", "sys"];
        system.contains(&schema.to_lowercase().as_str())
    };
    own.into_iter().chain(reads).find_map(|name| {
        let schema = name.schema.as_ref().filter(|schema| !system(schema))?;
        Some((name.span.clone(), schema.clone()))
    })
}
