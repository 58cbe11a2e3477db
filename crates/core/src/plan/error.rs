//! Why there is no plan. Each says what would help.

use crate::{
    fleet::ShardName,
    migration::{MigrationId, Version},
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the fleet has no shards")]
    NoShards,
    #[error("two shards are called `{0}`")]
    DuplicateShard(ShardName),
    #[error("two files are {id}: `{first}` and `{second}`")]
    DuplicateMigration {
        id: MigrationId,
        first: String,
        second: String,
    },
    #[error(
        "--only names {}, which the fleet does not have{}",
        quoted(.names),
        did_you_mean(.nearest)
    )]
    UnknownShards {
        names: Vec<ShardName>,
        nearest: Option<String>,
    },
    #[error("--to names version {to}, but no file has it{}", did_you_mean(.nearest))]
    UnknownVersion {
        to: Version,
        nearest: Option<String>,
    },
    /// Files that shards have applied under another checksum.
    #[error("{}", changed(.0))]
    ChangedOnDisk(Vec<ChangedFile>),
    #[error("this version of Greylag can't do what {} yet", asked(.0))]
    NotBuiltYet(Vec<Unbuilt>),
    #[error(
        "`{script}` asks for the tool `{tool}` with `-- greylag:online`, and there is none of that name: known are {}; others are described under [online.tool.NAME]",
        .known.join(", ")
    )]
    UnknownTool {
        script: String,
        tool: String,
        known: Vec<String>,
    },
    #[error(
        "`{script}` asks for the tool `{tool}` with `-- greylag:online`, which is not for {}: {why}; ask for pt-online-schema-change, or describe a command line of your own under [online.tool.{tool}]",
        listed(.shards)
    )]
    UnfitTool {
        script: String,
        tool: String,
        why: &'static str,
        shards: Vec<ShardName>,
    },
    #[error(
        "`{script}` says `-- greylag:online`, which is for MySQL and MariaDB; {} of another engine: {}",
        shards_are(.shards.len()),
        listed(.shards)
    )]
    NoOnlineDdl {
        script: String,
        shards: Vec<ShardName>,
    },
    #[error("wave `{wave}` selects `{select}`, which can't be read: {why}")]
    Selector {
        wave: String,
        select: String,
        why: String,
    },
    #[error(
        "wave `{wave}` selects `{select}`, which matches no shard{}; labels present: {}",
        that_can_go(.left_out),
        or_none(.labels)
    )]
    EmptyWave {
        wave: String,
        select: String,
        /// Shards that match, but can't be reached or are refused.
        left_out: Vec<ShardName>,
        /// `key=value` of the fleet's shards.
        labels: Vec<String>,
    },
    #[error(
        "{} in no wave: {}; end the waves with one that has no `count`, `percent` or `select`, which takes what is left",
        shards_are(.shards.len()),
        listed(.shards)
    )]
    Leftover { shards: Vec<ShardName> },
    #[error(
        "{} can't be undone: {} there; write {}",
        listed_ids(.missing),
        if .missing.len() == 1 { "its undo file is not" } else { "their undo files are not" },
        undo_files(.missing)
    )]
    MissingUndo {
        missing: Vec<MigrationId>,
        shards: Vec<ShardName>,
    },
}

/// A directive that changes how a file runs, and that can't be carried out yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbuilt {
    pub script: String,
    pub directive: &'static str,
}

/// A file that changed after shards applied it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    pub migration: MigrationId,
    /// What these shards' histories say.
    pub applied: Option<i32>,
    /// What the file says now; none if it is gone.
    pub file: Option<i32>,
    pub shards: Vec<ShardName>,
}

impl PlanError {
    /// Whether a guard refused (exit 6), rather than that something is set up wrongly (exit 2).
    pub fn is_refusal(&self) -> bool {
        matches!(self, PlanError::ChangedOnDisk(_))
    }
}

fn changed(files: &[ChangedFile]) -> String {
    let mut text = String::from("applied migrations have changed on disk:");
    for file in files {
        let was = |checksum: Option<i32>, none: &str| {
            checksum.map_or_else(|| none.to_owned(), |c| c.to_string())
        };
        text += &format!(
            "\n  {}: checksum {} on {}, {} on disk",
            file.migration,
            was(file.applied, "none"),
            listed(&file.shards),
            was(file.file, "gone"),
        );
    }
    let first = files
        .first()
        .map_or_else(String::new, |file| file.migration.to_string());
    text += &format!(
        "\nthree ways on:\n  \
         1. put the file back as it was, mend the data where it fails, and `greylag rollout retry`\n  \
         2. keep the edit and `greylag repair {first} --reason …`: these shards take the new checksum, both are recorded\n  \
         3. put the file back, `greylag rollout skip SHARD --reason …`, and write the change as the next version"
    );
    text
}

/// The first few names, and how many more.
pub(super) fn listed(shards: &[ShardName]) -> String {
    const SHOWN: usize = 6;
    let mut text = shards
        .iter()
        .take(SHOWN)
        .map(ShardName::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if shards.len() > SHOWN {
        text += &format!(" and {} more", shards.len() - SHOWN);
    }
    text
}

fn asked(unbuilt: &[Unbuilt]) -> String {
    unbuilt
        .iter()
        .map(|Unbuilt { script, directive }| format!("`{script}` asks for with `{directive}`"))
        .collect::<Vec<_>>()
        .join(" and ")
}

fn quoted(names: &[ShardName]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn did_you_mean(name: &Option<String>) -> String {
    name.as_ref()
        .map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn that_can_go(shards: &[ShardName]) -> String {
    if shards.is_empty() {
        return String::new();
    }
    format!(
        " that can go (left out, as unreachable or refused: {})",
        listed(shards)
    )
}

fn or_none(present: &[String]) -> String {
    if present.is_empty() {
        "none".to_owned()
    } else {
        present.join(", ")
    }
}

fn shards_are(count: usize) -> String {
    if count == 1 {
        "1 shard is".to_owned()
    } else {
        format!("{count} shards are")
    }
}

fn listed_ids(ids: &[MigrationId]) -> String {
    ids.iter()
        .map(MigrationId::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn undo_files(ids: &[MigrationId]) -> String {
    ids.iter()
        .filter_map(MigrationId::version)
        .map(|version| format!("`U{version}__….sql`"))
        .collect::<Vec<_>>()
        .join(", ")
}
