//! Some server builds broken indexes concurrently.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{operation::Operation, version::ServerVersion};

pub(super) static CONCURRENT_INDEX_CORRUPTS: Rule = Rule {
    id: "concurrent-index-corrupts",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "some server builds broken indexes concurrently",
    about: "PostgreSQL 14.0 to 14.3 may leave rows out of an index that is built or rebuilt CONCURRENTLY \
            while others write, and says nothing of it. Replicas get the broken index too. Update those \
            servers, and check their indexes with amcheck.",
    bad: include_str!("concurrent_index_corrupts/bad.sql"),
    good: include_str!("concurrent_index_corrupts/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let concurrent = match scene.operation {
        Operation::CreateIndex(create) => create.concurrently,
        Operation::Reindex(reindex) => reindex.concurrently,
        _ => false,
    };
    let Some((versions, decided)) = scene.versions().filter(|_| concurrent) else {
        return Vec::new();
    };
    let broken = |version: ServerVersion| version.major == 14 && version.minor < 4;
    if !broken(versions.oldest) && !broken(versions.newest) {
        return Vec::new();
    }
    let version = if broken(versions.oldest) {
        versions.oldest
    } else {
        versions.newest
    };
    Draft::new(scene.whole(), format!("PostgreSQL {version} may leave rows out of this index"))
        .decided(decided)
        .why("Rows that are written while the index is built may be missing from it, and queries that use it don't find them.")
        .replicas("Replicas get the same broken index.")
        .instead("Update those servers to 14.4 or later first, and check their indexes with amcheck.")
        .alone()
}
