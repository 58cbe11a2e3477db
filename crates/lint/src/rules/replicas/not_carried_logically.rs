//! Logical subscribers get rows of tables, and neither large objects nor where a sequence is.

use crate::operation::{Action, Alter, Change, Operation};
use crate::{
    finding::{Decided, Severity},
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static NOT_CARRIED_LOGICALLY: Rule = Rule {
    id: "not-carried-logically",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "logical subscribers get neither large objects nor where a sequence is",
    about: "A publication carries rows of tables. What lo_create, lo_import, lo_from_bytea or lo_put write is in no table of yours: subscribers have its number, and \
            nothing under it. A sequence that setval or RESTART sets stands where it stood on subscribers (before PostgreSQL 19 nothing brings them its numbers): who fails over to one, or upgrades by way of one, sets every sequence there first, those of GENERATED ALWAYS too, \
            or the first INSERTs meet keys that are there. It speaks where publications or logical slots are known.",
    bad: include_str!("not_carried_logically/bad.sql"),
    good: include_str!("not_carried_logically/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(decided) = is_logical(scene) else {
        return Vec::new();
    };
    let moved = |what: &str| {
        Draft::new(
            scene.whole(),
            format!("{what} moves a sequence here, and on no subscriber"),
        )
        .severity(Severity::Note)
        .decided(decided)
        .why("Publications carry rows, not where sequences are.")
        .replicas("A subscriber that takes over gives numbers that its rows have already.")
        .instead(
            "Set it on subscribers too, and set all sequences there before one of them takes over.",
        )
        .alone()
    };
    let calls = match scene.operation {
        Operation::Select(write) | Operation::Write(write) => {
            write.all().flat_map(|one| &one.calls)
        }
        Operation::Alter(Alter {
            change: Change::Restart,
            ..
        }) => return moved("RESTART"),
        Operation::AlterTable(_) => {
            let restarts =
                |action: &Action| matches!(action, Action::SetIdentity { restart: true, .. });
            return match scene.actions().any(|(_, action, _)| restarts(action)) {
                true => moved("RESTART"),
                false => Vec::new(),
            };
        }
        _ => return Vec::new(),
    };
    let calls: Vec<&String> = calls.collect();
    let called = |names: &[&str]| calls.iter().find(|call| names.contains(&call.as_str()));
    if let Some(call) = called(&LARGE_OBJECTS) {
        return Draft::new(
            scene.whole(),
            format!("what {call}() writes reaches no logical subscriber"),
        )
        .decided(decided)
        .why("Large objects are in a catalog of the database, which no publication carries.")
        .replicas("Subscribers get rows with the object's number, and find nothing under it.")
        .instead("Keep it in a column of type bytea, or where files are kept.")
        .alone();
    }
    match called(&["setval"]) {
        Some(call) => moved(call),
        None => Vec::new(),
    }
}

/// Whether changes are carried by logical replication, and how that is known.
fn is_logical(scene: &Scene<'_>) -> Option<Decided> {
    let seen = scene.fleet.is_some_and(|fleet| {
        !fleet.publications.is_empty() || fleet.slots.iter().any(|slot| slot.logical)
    });
    match scene.settings.logical_replication {
        _ if seen => Some(Decided::Fleet),
        Some(true) => Some(Decided::Config),
        None if scene.catalog.publishes() => Some(Decided::Text),
        _ => None,
    }
}

const LARGE_OBJECTS: [&str; 10] = [
    "lo_create",
    "lo_creat",
    "lo_import",
    "lo_from_bytea",
    "lo_put",
    "lowrite",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "lo_open",
];
