//! An index is built while writes wait.

use super::super::{rewrite, words};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{
    fix::{Fix, Step},
    operation::{CreateIndex, Operation},
};

pub(super) static ADD_INDEX_BLOCKING: Rule = Rule {
    id: "add-index-blocking",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "an index is built while writes wait",
    about: "CREATE INDEX reads the whole table under a lock that keeps out every write. CREATE INDEX \
            CONCURRENTLY lets writes go on; it can't run in a transaction, so it belongs into a file of its \
            own. If it fails it leaves an invalid index, which Greylag names and drops before the next try.",
    bad: include_str!("add_index_blocking/bad.sql"),
    good: include_str!("add_index_blocking/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::CreateIndex(create) = scene.operation else {
        return Vec::new();
    };
    if create.concurrently || scene.is_new(&create.table) {
        return Vec::new();
    }
    let table = &create.table;
    // A partitioned table takes no CONCURRENTLY.
    let partitioned = scene.known(table).is_some_and(|known| known.partitioned);
    if partitioned && create.only {
        // Nothing is built.
        return Vec::new();
    }
    let name = create.name.as_ref().map_or_else(
        || format!("an index on {table}"),
        |name| format!("the index {name}"),
    );
    let draft = words::about(
        scene,
        table,
        &scene.whole(),
        format!("{name} is built while writes to {table} wait"),
    )
    .why(words::why(
        scene,
        table,
        "Every INSERT, UPDATE and DELETE waits until the index is built.",
    ))
    .replicas("Replicas get the finished index as WAL; they take no lock for it.");
    if partitioned {
        return draft
            .instead("Create it ON ONLY the parent, build it concurrently on each partition, then attach those indexes.")
            .alone();
    }
    draft
        .instead("Build it with CREATE INDEX CONCURRENTLY, in a file of its own with `-- greylag:transaction off`.")
        .fix(fix(scene, create))
        .alone()
}

fn fix(scene: &Scene<'_>, create: &CreateIndex) -> Option<Fix> {
    let text = scene.text();
    let at = create.after_index.checked_sub(scene.whole().start)?;
    let sql = format!("{} CONCURRENTLY{};", &text[..at], &text[at..]);
    let name = create
        .name
        .as_ref()
        .map_or("index", |name| name.name.as_str());
    let title = "build the index concurrently, in a file of its own";
    rewrite::statement(
        scene,
        title,
        vec![Step::outside(format!("index {name}"), sql)],
    )
}
