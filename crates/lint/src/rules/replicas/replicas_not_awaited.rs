//! Nobody waits until replicas have what is new.

use crate::{
    finding::Decided,
    operation::{Action, Kind, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::migration::Phase;

pub(super) static REPLICAS_NOT_AWAITED: Rule = Rule {
    id: "replicas-not-awaited",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "nobody waits until replicas have what is new",
    about: "What a migration adds is on a replica once that has replayed it. Greylag waits for that before a shard \
            counts as done, unless `[replicas] wait` says `none`: then code that is switched on after the rollout \
            may read a column from a replica that doesn't know it yet. `greylag-client` can wait for a position.",
    bad: include_str!("replicas_not_awaited/bad.sql"),
    good: include_str!("replicas_not_awaited/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let awaited = scene.settings.waits_for_replicas != Some(false);
    if awaited || !scene.has_replicas() || scene.phase() != Phase::Expand {
        return Vec::new();
    }
    let Some(what) = added(scene.operation) else {
        return Vec::new();
    };
    // The first of the file speaks for all of it. Asked last: a file may have very many statements.
    if scene.operations[..scene.index]
        .iter()
        .any(|earlier| added(earlier).is_some())
    {
        return Vec::new();
    }
    Draft::new(scene.whole(), format!("{what} is used before replicas have it"))
        .decided(Decided::Config)
        .why("The project doesn't wait for replicas: the rollout ends while some of them may lag behind.")
        .replicas("A query that names it fails there until the replica has replayed the migration.")
        .instead("Let `[replicas] wait` be `\"all\"`, or read what is new from the primary until replicas have it.")
        .alone()
}

/// What the statement adds for apps to read.
fn added(operation: &Operation) -> Option<String> {
    match operation {
        Operation::CreateTable(create) if !create.temporary => Some(create.name.to_string()),
        Operation::Create(create) if matches!(create.kind, Kind::View | Kind::MaterializedView) => {
            create.name.as_ref().map(ToString::to_string)
        }
        Operation::AlterTable(alter) => alter.actions.iter().find_map(|(action, _)| match action {
            Action::AddColumn { column, .. } => Some(format!("{}.{}", alter.name, column.name)),
            _ => None,
        }),
        _ => None,
    }
}
