//! A table is written anew while nobody may read it.

use super::super::words;
use crate::operation::{Operation, Work};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static TABLE_REWRITE: Rule = Rule {
    id: "table-rewrite",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a table is written anew while nobody may read it",
    about: "VACUUM FULL, CLUSTER, SET LOGGED, SET UNLOGGED, SET TABLESPACE and SET ACCESS METHOD write the \
            table and its indexes anew under ACCESS EXCLUSIVE. pg_repack does the first two beside running \
            traffic.",
    bad: include_str!("table_rewrite/bad.sql"),
    good: include_str!("table_rewrite/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let taken = scene.taken();
    let rewriting = taken.iter().filter(|taken| {
        matches!(
            &*taken.effect.id,
            "cluster" | "vacuum-full" | "set-logged" | "set-tablespace" | "set-access-method"
        )
    });
    let mut drafts: Vec<Draft> = rewriting
        .map(|taken| {
            let table = &taken.table;
            let instead = match &*taken.effect.id {
                "cluster" | "vacuum-full" => {
                    "Use pg_repack, which writes the table anew beside running traffic."
                }
                _ => "Make a new table as it is to be, copy with a backfill, and swap the names.",
            };
            words::about(
                scene,
                table,
                &taken.span,
                format!("{table} and all its indexes are written anew"),
            )
            .why(words::why(
                scene,
                table,
                "Reads and writes wait until it is done, and it needs as much disk again.",
            ))
            .instead(instead)
        })
        .collect();
    if let Operation::Maintain(maintain) = scene.operation {
        let whole =
            matches!(maintain.work, Work::VacuumFull | Work::Cluster) && maintain.tables.is_empty();
        if whole {
            drafts.push(
                Draft::new(scene.whole(), "every table of the database is written anew")
                    .why("Each table in turn keeps out reads and writes until it is done.")
                    .instead("Use pg_repack on the tables that need it."),
            );
        }
    }
    drafts
}
