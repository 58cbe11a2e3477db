//! The whole database file is written anew.

use crate::operation::{Operation, Work};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SQLITE},
};

pub(super) static FILE_WRITTEN_ANEW: Rule = Rule {
    id: "file-written-anew",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: SQLITE,
    title: "the whole database file is written anew",
    about: "VACUUM, and a change of page_size or auto_vacuum with it, writes every page of the file. Tools that carry \
            SQLite's log to replicas (Litestream, LiteFS) send all of it again, and readers with an old snapshot hold \
            the log. journal_mode is kept in the file: it changes for every process that opens it.",
    bad: include_str!("file_written_anew/bad.sql"),
    good: include_str!("file_written_anew/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let kept = [
        "pragma page_size",
        "pragma auto_vacuum",
        "pragma journal_mode",
        "pragma encoding",
    ];
    let what = match scene.operation {
        Operation::Maintain(maintain) if maintain.work == Work::VacuumFull => {
            "VACUUM writes every page of the file".to_owned()
        }
        Operation::Set { name, value, .. }
            if kept.contains(&name.as_str()) && !value.is_empty() =>
        {
            let name = name.trim_start_matches("pragma ");
            format!("{name} is kept in the file, for everybody who opens it")
        }
        _ => return Vec::new(),
    };
    Draft::new(scene.whole(), what)
        .why("Nobody else writes meanwhile, and it takes as much disk again.")
        .replicas("What copies the file or its log to replicas sends all of it again.")
        .instead("Do it apart from migrations, shard by shard, when nobody waits.")
        .alone()
}
