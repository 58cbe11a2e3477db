//! A new partition keeps out readers of the whole table.

use super::super::{rewrite, words};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{
    fix::{Fix, Step},
    operation::{CreateTable, Name, Operation},
    version::ServerVersion,
};

pub(super) static CREATE_PARTITION_LOCKS_PARENT: Rule = Rule {
    id: "create-partition-locks-parent",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "a new partition keeps out readers of the whole table",
    about: "CREATE TABLE … PARTITION OF takes ACCESS EXCLUSIVE on the partitioned table. Create the table by \
            itself, empty, and ATTACH it: that lets reads and writes go on. Where there is a default partition \
            either way reads all of that, unless a CHECK there spares it, so there is no rewrite.",
    bad: include_str!("create_partition_locks_parent/bad.sql"),
    good: include_str!("create_partition_locks_parent/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::CreateTable(create) = scene.operation else {
        return Vec::new();
    };
    let Some(parent) = create
        .partition_of
        .as_ref()
        .filter(|parent| !scene.is_new(parent))
    else {
        return Vec::new();
    };
    words::about(scene, parent, &parent.span, format!("all of {parent} is locked to add the partition {}", create.name))
        .why("The lock waits behind the longest query on any partition, and every other query waits behind the lock.")
        .instead(format!("CREATE TABLE {} (LIKE {parent} {}), then ATTACH PARTITION while it is empty.", create.name, likeness(scene)))
        .fix(fix(scene, create, parent))
        .alone()
}

/// All that a partition has of its parent before ATTACH, which gives it indexes, keys and the identity of a column.
fn likeness(scene: &Scene<'_>) -> &'static str {
    match scene.may_be_older(ServerVersion::new(14, 0, 0)) {
        true => "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE",
        false => {
            "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION"
        }
    }
}

fn fix(scene: &Scene<'_>, create: &CreateTable, parent: &Name) -> Option<Fix> {
    let rest = scene.catalog.default_of(parent);
    if rest.is_some()
        || create.partitioned
        || !create.columns.is_empty()
        || !create.constraints.is_empty()
    {
        return None;
    }
    let (table, of) = (scene.sql(&create.name.span), scene.sql(&parent.span));
    let bounds = scene.sql(&(parent.span.end..scene.whole().end)).trim();
    let plain = bounds.to_ascii_uppercase();
    // What else is said of the table would be lost.
    let more = [" PARTITION BY", ") WITH", "TABLESPACE", ") USING"];
    let special = create.if_not_exists || create.unlogged || create.temporary;
    if special
        || more.iter().any(|more| plain.contains(more))
        || !(plain.starts_with("FOR VALUES") || plain == "DEFAULT")
    {
        return None;
    }
    let sql = format!(
        "CREATE TABLE {table} (LIKE {of} {});\nALTER TABLE {of} ATTACH PARTITION {table} {bounds};",
        likeness(scene)
    );
    rewrite::statement(
        scene,
        "create the table by itself, then attach it",
        vec![Step::here(sql)],
    )
}
