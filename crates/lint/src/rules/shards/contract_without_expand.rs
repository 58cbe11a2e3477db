//! A contract has no expand before it.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static CONTRACT_WITHOUT_EXPAND: Rule = Rule {
    id: "contract-without-expand",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "a contract has no expand before it",
    about: "A contract waits until every shard and replica has its change's expand, and a finished backfill. Where no \
            earlier migration of the same change is there, it waits for nothing: a shard that lags behind, or one \
            that is made tomorrow from an old template, loses what its apps still use.",
    bad: include_str!("contract_without_expand/bad.sql"),
    good: include_str!("contract_without_expand/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.index > 0 || scene.phase() != Phase::Contract {
        return Vec::new();
    }
    let Some(change) = scene.content.migration.directives.change.as_deref() else {
        return Vec::new();
    };
    if scene.catalog.knows_change(change) {
        return Vec::new();
    }
    Draft::new(scene.whole(), format!("no earlier migration is of the change {change}"))
        .why("Nothing says what this replaces, so nothing is waited for before it is taken away.")
        .shards("Shards and replicas that lag behind are not looked for.")
        .instead("Name the change that the expand names; where the expand went out long ago, say so with `-- greylag:allow`.")
        .alone()
}
