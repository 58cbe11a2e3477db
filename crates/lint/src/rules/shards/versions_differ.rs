//! The oldest and the newest server do it differently.

use super::super::online;
use crate::{
    effects::clauses as clauses_of,
    operation::{Action, Bytes, Constraint, ConstraintKind},
    version::ServerVersion,
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::engine::Dialect;

pub(super) static VERSIONS_DIFFER: Rule = Rule {
    id: "versions-differ",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "the oldest and the newest server do it differently",
    about: "A fleet with several versions does one thing in several ways: instant on the newest, a copy of \
            the table on the oldest; or it isn't known there at all. Each rule judges by the oldest; this \
            one says that there is a difference.",
    bad: include_str!("versions_differ/bad.sql"),
    good: include_str!("versions_differ/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some((versions, decided)) = scene.versions() else {
        return Vec::new();
    };
    if versions.oldest == versions.newest {
        return Vec::new();
    }
    let told = |span: Bytes, title: String, why: String| {
        Draft::new(span, title)
            .decided(decided)
            .why(why)
            .shards("The canary may run a newer version than the shard that takes an hour.")
            .instead(
                "Update the oldest servers first, or write it so that all of them do the same.",
            )
    };
    if scene.dialect() == Dialect::Mysql {
        let engine = scene.unit.engine;
        let clauses = online::clauses(scene).into_iter();
        return clauses
            .filter_map(|cost| {
                let clause = clauses_of(engine)
                    .iter()
                    .find(|clause| clause.title == cost.title)?;
                let (newest, _) = clause.at(versions.newest)?;
                (newest != cost.algorithm).then(|| {
                    let old = format!("{} {}", versions.oldest, cost.algorithm.keyword());
                    let new = format!("{} {}", versions.newest, newest.keyword());
                    told(
                        cost.span,
                        format!("{} is another thing on older servers", cost.title),
                        format!("On {old}, on {new}."),
                    )
                })
            })
            .collect();
    }
    let needs = |action: &Action| match action {
        Action::DetachPartition {
            concurrently: true, ..
        } => Some(("DETACH PARTITION … CONCURRENTLY", 14)),
        Action::SetCompression { .. } => Some(("SET COMPRESSION", 14)),
        Action::SetAccessMethod => Some(("SET ACCESS METHOD", 15)),
        Action::SetExpression { .. } => Some(("SET EXPRESSION", 17)),
        Action::AddConstraint(Constraint {
            kind: ConstraintKind::NotNull { .. },
            ..
        }) => Some(("ADD NOT NULL", 18)),
        _ => None,
    };
    scene
        .actions()
        .filter_map(|(_, action, span)| {
            let (what, major) = needs(action)?;
            let version = ServerVersion::new(major, 0, 0);
            (versions.oldest < version).then(|| {
                let why = format!(
                    "{what} needs PostgreSQL {major}, and some shard has {}.",
                    versions.oldest
                );
                told(
                    span.clone(),
                    format!("{what} is not known on the oldest server"),
                    why,
                )
                .severity(Severity::Error)
            })
        })
        .collect()
}
