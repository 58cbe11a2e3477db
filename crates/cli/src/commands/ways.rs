//! The ways on from a failure, and the one from a doubt: only those that lead somewhere, each as a command.

use crate::output::{Paint, count, paint};
use greylag_core::{
    fleet::ShardName,
    outcome::{Failure, FailureClass, Left},
};
use greylag_orchestrator::apply::Summary;
use std::collections::BTreeMap;

/// So many shards are named in a command; of more, one stands for all.
const NAMED: usize = 5;

/// What to do next, for each kind of failure and for each doubt.
pub fn ways_on(summary: &Summary) -> Vec<String> {
    let mut lines = failed(summary);
    lines.extend(doubted(summary));
    lines
}

/// Shards that failed alike.
struct Alike<'a> {
    shards: Vec<&'a ShardName>,
    failure: &'a Failure,
    /// How many shards have the migration.
    having: usize,
}

fn failed(summary: &Summary) -> Vec<String> {
    let mut kinds: BTreeMap<_, Alike> = BTreeMap::new();
    for (shard, failure) in &summary.failed {
        let kind = (failure.migration.as_ref(), failure.class);
        let alike = kinds.entry(kind).or_insert_with(|| Alike {
            shards: Vec::new(),
            failure,
            having: (failure.migration.as_ref())
                .and_then(|migration| summary.having.get(migration))
                .copied()
                .unwrap_or(0),
        });
        alike.shards.push(shard);
    }
    let mut lines = Vec::new();
    for alike in kinds.values() {
        lines.push(String::new());
        lines.push(paint(Paint::Strong, "ways on"));
        lines.extend(alike.mend());
        lines.extend(alike.edit());
        lines.extend(alike.leave_out());
    }
    lines
}

impl Alike<'_> {
    /// The shard is mended, and tried again with the same file.
    fn mend(&self) -> Option<String> {
        let shard = self.shards[0];
        let whom = match self.shards.len() {
            1 => shard.to_string(),
            n => count(n, "shard"),
        };
        let what = match self.failure.class {
            FailureClass::Lock => format!("once the lock on {whom} is free"),
            FailureClass::Connection => format!("once {whom} can be reached"),
            FailureClass::Lag => format!("once the replicas of {whom} have caught up"),
            FailureClass::Cancelled => "try it again".to_owned(),
            FailureClass::Data | FailureClass::Verify => format!("mend the data on {whom}"),
            FailureClass::Permission => format!("grant what is missing on {whom}"),
            FailureClass::Refused => format!("once the guard's reason on {whom} is mended"),
            FailureClass::Conflict => format!("mend the schema of {whom}"),
            // Where it went through elsewhere, it is this shard that differs; otherwise it fails again.
            FailureClass::Syntax if self.having > 0 => format!("mend the schema of {whom}"),
            FailureClass::Syntax => return None,
            FailureClass::Other => format!("mend what is in its way on {whom}"),
        };
        let retry = format!("greylag rollout retry {} && greylag apply", self.names());
        Some(way(&what, &retry))
    }

    /// The file is at fault: possible where it is not applied here.
    fn edit(&self) -> Option<String> {
        let migration = self.failure.migration.as_ref()?;
        if !matches!(
            self.failure.class,
            FailureClass::Data
                | FailureClass::Syntax
                | FailureClass::Permission
                | FailureClass::Conflict
                | FailureClass::Other
        ) {
            return None;
        }
        let change = match self.failure.left {
            Left::Partial { done, .. } if done > 0 => format!(
                "change {migration} behind its first {}, then",
                count(done as usize, "statement")
            ),
            _ => format!("change {migration}, then"),
        };
        Some(match self.having {
            0 => way("edit the file", &format!("{change} greylag apply")),
            n => {
                let mend =
                    format!("{change} greylag repair {migration} --reason … && greylag apply");
                let have = if n == 1 { "has" } else { "have" };
                let already = format!("({} {have} it already)", count(n, "shard"));
                format!("{}  {already}", way("edit the file", &mend))
            }
        })
    }

    /// The others go on without it. A file that fails wherever it comes does so on the next as well.
    fn leave_out(&self) -> Option<String> {
        if self.failure.class == FailureClass::Syntax && self.having == 0 {
            return None;
        }
        let skip = format!(
            "greylag rollout skip {} --reason … && greylag apply",
            self.names()
        );
        Some(way("leave it out", &skip))
    }

    fn names(&self) -> String {
        let mut names: Vec<String> = self.shards.iter().map(ToString::to_string).collect();
        if names.len() > NAMED {
            names.truncate(NAMED);
            names.push("…".into());
        }
        names.join(" ")
    }
}

fn way(what: &str, command: &str) -> String {
    format!("  {what}:  {}", paint(Paint::Name, command))
}

fn doubted(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let command = |text: String| paint(Paint::Name, text);
    for (shard, doubt) in summary
        .unknown
        .iter()
        .filter(|(_, doubt)| doubt.needs_person)
    {
        let migration = doubt
            .migration
            .as_ref()
            .map_or("V…".into(), ToString::to_string);
        lines.push(String::new());
        lines.push(format!(
            "look at {shard}, then say what became of {migration}"
        ));
        for (answer, happened) in [
            ("applied", "all of it happened"),
            ("absent", "none of it did"),
        ] {
            lines.push(format!(
                "  {happened}:  {}",
                command(format!(
                    "greylag rollout settle {shard} {migration} --{answer} --reason 'looked' && greylag apply"
                ))
            ));
        }
    }
    if summary.unknown.values().any(|doubt| !doubt.needs_person) {
        lines.push(format!(
            "  {} looks what became of it before anything else happens there",
            command("greylag apply".into())
        ));
    }
    lines
}
