//! The oldest server doesn't know this statement.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SQLITE},
};
use crate::{
    operation::{Action, Bytes, Operation},
    version::ServerVersion,
};

pub(super) static VERSION_TOO_OLD: Rule = Rule {
    id: "version-too-old",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: SQLITE,
    title: "the oldest server doesn't know this statement",
    about: "RENAME COLUMN needs SQLite 3.25, DROP COLUMN 3.35, STRICT tables 3.37. The versions of the fleet \
            are in `[lint.versions]`, or seen with --fleet.",
    bad: include_str!("version_too_old/bad.sql"),
    good: include_str!("version_too_old/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let needs: Vec<(Bytes, &str, ServerVersion)> = match scene.operation {
        Operation::AlterTable(alter) => alter
            .actions
            .iter()
            .filter_map(|(action, span)| match action {
                Action::RenameColumn { .. } => {
                    Some((span.clone(), "RENAME COLUMN", ServerVersion::new(3, 25, 0)))
                }
                Action::DropColumn { .. } => {
                    Some((span.clone(), "DROP COLUMN", ServerVersion::new(3, 35, 0)))
                }
                _ => None,
            })
            .collect(),
        Operation::CreateTable(create)
            if create.options.iter().any(|option| option == "STRICT") =>
        {
            vec![(
                create.name.span.clone(),
                "STRICT",
                ServerVersion::new(3, 37, 0),
            )]
        }
        _ => Vec::new(),
    };
    for (span, what, version) in needs {
        if !scene.may_be_older(version) {
            continue;
        }
        let Some((known, decided)) = scene.versions() else {
            continue;
        };
        drafts.push(
            Draft::new(
                span,
                format!(
                    "{what} needs SQLite {version}, and some shard has {}",
                    known.oldest
                ),
            )
            .decided(decided)
            .why("The statement fails on the older ones, after newer ones have it.")
            .instead("Build the table anew and copy the rows, or update those shards first."),
        );
    }
    drafts
}
