//! Replicas need something first that no WAL brings them.

use crate::operation::{Action, Alter, Bytes, Change, ConstraintKind, Kind, Name, Operation};
use crate::{
    facts::StandbyFacts,
    finding::{Decided, Severity},
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static STANDBY_PREREQUISITE: Rule = Rule {
    id: "standby-prerequisite",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "replicas need something first that no WAL brings them",
    about: "A tablespace's folder, an extension's library of the version that is asked for, and settings like \
            max_connections must be there on each standby before the primary uses them; else it stops \
            replaying, or queries there fail. DROP DATABASE ends the sessions there. An index over text that \
            the primary has sorted finds too little on a standby whose C library sorts otherwise; only with \
            the fleet at hand is that known.",
    bad: include_str!("standby_prerequisite/bad.sql"),
    good: include_str!("standby_prerequisite/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.has_replicas() {
        return Vec::new();
    }
    let sorted = sorted_otherwise(scene);
    if !sorted.is_empty() {
        return sorted;
    }
    let (what, instead) = match scene.operation {
        Operation::Create(create) => match create.kind {
            Kind::Tablespace => (
                "the tablespace's folder must exist on each replica",
                "Make the folder on every node first.",
            ),
            Kind::Extension => (
                "the extension's library must be installed on each replica",
                "Install its package on every node first.",
            ),
            _ => return Vec::new(),
        },
        Operation::Alter(Alter {
            kind: Kind::Extension,
            change: Change::Other(text),
            ..
        }) if text.starts_with("UPDATE") => (
            "the extension's new library must be installed on each replica",
            "Install its new package on every node first.",
        ),
        Operation::Drop(drop) if drop.kind == Kind::Database => (
            "sessions on replicas are ended",
            "Make sure that nobody reads it there any more.",
        ),
        Operation::Alter(Alter {
            change: Change::Other(text),
            ..
        }) if GROWING.iter().any(|name| text.contains(name)) && text.starts_with("SET ") => (
            "the setting must be raised on each replica first",
            "Raise it on the replicas, then on the primary; lower it the other way round.",
        ),
        _ => return Vec::new(),
    };
    Draft::new(scene.whole(), what)
        .why("The WAL says that it is there, not what it is: a standby without it stops replaying, or fails its queries.")
        .replicas("A standby that can't replay pauses or ends; reads there go stale.")
        .instead(instead)
        .alone()
}

/// Indexes over text, where a standby sorts text otherwise than its primary.
fn sorted_otherwise(scene: &Scene<'_>) -> Vec<Draft> {
    let standbys = scene.fleet.map_or(&[][..], |fleet| &fleet.standbys);
    let other = |one: &StandbyFacts| Some((one.node.clone(), one.other_collation.clone()?));
    let Some((node, version)) = standbys.iter().find_map(other) else {
        return Vec::new();
    };
    let made = indexed(scene).into_iter();
    made.map(|(table, span, column)| {
        Draft::new(span, format!("the index of {table}.{column} is sorted otherwise on {node}"))
            .decided(Decided::Fleet)
            .why(format!(
                "The primary sorts it by its own C library, and {node} reads it by another one ({version})."
            ))
            .replicas("Queries there that use the index miss rows, and nobody is told.")
            .instead("Give all nodes of a shard the same release of the operating system, or sort the column by bytes: COLLATE \"C\".")
    })
    .collect()
}

/// The columns of text that come into an index, without those that are sorted by bytes.
fn indexed(scene: &Scene<'_>) -> Vec<(Name, Bytes, String)> {
    let mut found = Vec::new();
    let mut add = |table: &Name, span: &Bytes, columns: Vec<&String>| {
        let text = columns
            .into_iter()
            .find(|column| is_text(scene, table, column));
        found.extend(text.map(|column| (table.clone(), span.clone(), column.clone())));
    };
    match scene.operation {
        Operation::CreateIndex(create)
            if matches!(create.method.as_deref(), None | Some("btree"))
                && !scene.sql(&scene.whole()).contains("COLLATE \"C\"") =>
        {
            let columns = create.columns.iter().flatten().collect();
            add(&create.table, &scene.whole(), columns);
        }
        Operation::CreateTable(create) => {
            for column in &create.columns {
                if column.primary_key || column.unique {
                    add(&create.name, &column.span, vec![&column.name]);
                }
            }
            for constraint in &create.constraints {
                add(&create.name, &constraint.span, of_key(&constraint.kind));
            }
        }
        Operation::AlterTable(alter) => {
            for (action, span) in &alter.actions {
                match action {
                    Action::AddConstraint(constraint) => {
                        add(&alter.name, span, of_key(&constraint.kind));
                    }
                    Action::AddColumn { column, .. } if column.primary_key || column.unique => {
                        add(&alter.name, span, vec![&column.name]);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    found
}

fn of_key(kind: &ConstraintKind) -> Vec<&String> {
    match kind {
        ConstraintKind::PrimaryKey { columns, .. } => columns.iter().collect(),
        ConstraintKind::Unique { columns, .. } => columns.iter().flatten().collect(),
        _ => Vec::new(),
    }
}

/// Whether a column is text that a collation sorts.
fn is_text(scene: &Scene<'_>, table: &Name, column: &str) -> bool {
    let text = |name: &str| {
        matches!(
            name,
            "text" | "varchar" | "char" | "bpchar" | "citext" | "name"
        )
    };
    let bytes = |collation: Option<&String>| {
        collation.is_some_and(|c| matches!(c.trim_matches('"'), "C" | "POSIX" | "pg_catalog.C"))
    };
    let own = match scene.operation {
        Operation::CreateTable(create) => create.columns.iter().find(|c| c.name == column),
        Operation::AlterTable(alter) => alter.actions.iter().find_map(|(action, _)| match action {
            Action::AddColumn { column: own, .. } if own.name == column => Some(&**own),
            _ => None,
        }),
        _ => None,
    };
    match own {
        Some(own) => text(&own.data_type.name) && !bytes(own.collation.as_ref()),
        None => {
            let known = scene.known(table).and_then(|known| known.column(column));
            known.is_some_and(|known| {
                text(&known.data_type.name) && !bytes(known.collation.as_ref())
            })
        }
    }
}

/// Settings that a standby must have at least as large.
const GROWING: [&str; 5] = [
    "MAX_CONNECTIONS",
    "MAX_WORKER_PROCESSES",
    "MAX_WAL_SENDERS",
    "MAX_LOCKS_PER_TRANSACTION",
    "MAX_PREPARED_TRANSACTIONS",
];
