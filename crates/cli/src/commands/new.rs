//! `greylag new`: starts a migration with the next version.

use crate::{
    arguments::Global,
    output::Screen,
    problem::Problem,
    workplace::{read_project, shown},
};
use clap::{Args, ValueEnum};
use greylag_core::migration::{MigrationId, Version};
use greylag_orchestrator::Exit;
use serde_json::json;
use std::path::Path;

/// Starts a migration file with the next version
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  greylag new \"create orders\"\n  greylag new add_total --phase expand --change orders-total\n  greylag new drop_old_total --phase contract --change orders-total\n  greylag new order_views --repeatable"
)]
pub struct New {
    /// What it does, in a few words: they become the file's name
    name: String,
    /// What it does to readers and writers of the old schema
    #[arg(long, value_enum)]
    phase: Option<PhaseName>,
    /// The change it belongs to; contract and backfill need one
    #[arg(long)]
    change: Option<String>,
    /// This version instead of the next one
    #[arg(long, conflicts_with = "repeatable")]
    version: Option<Version>,
    /// A repeatable: runs again whenever its text changes
    #[arg(long)]
    repeatable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PhaseName {
    Expand,
    Backfill,
    Contract,
}

pub fn run(verb: &New, global: &Global, screen: &Screen) -> Result<Exit, Problem> {
    let project = read_project(global)?;
    let folder = project
        .migrations
        .first()
        .ok_or_else(|| Problem::usage("the project names no folder of migrations"))?;
    let words = file_words(&verb.name)?;
    if let (Some(PhaseName::Backfill | PhaseName::Contract), None) = (verb.phase, &verb.change) {
        return Err(
            Problem::usage("a backfill or a contract belongs to a change").hint(
                "name it: `--change orders-total`; the expand of the change has the same name",
            ),
        );
    }
    let failed = |what: &Path, error: &std::io::Error| {
        Problem::new(Exit::Error, format!("{} can't be written", shown(what))).because(error)
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let name = if verb.repeatable {
        format!("R__{words}.sql")
    } else {
        let version = match &verb.version {
            Some(version) => version.to_string(),
            None => next_version(&versions(&project.migrations)?),
        };
        format!("V{version}__{words}.sql")
    };
    let file = folder.join(&name);
    let text = text(verb);
    let mut options = std::fs::OpenOptions::new();
    let written = options
        .write(true)
        .create_new(true)
        .open(&file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    if let Err(error) = written {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return Err(Problem::usage(format!("{} is there already", shown(&file))));
        }
        return Err(failed(&file, &error));
    }
    if screen.human() {
        screen.result(shown(&file));
    } else {
        screen.document("greylag.new/v1", &json!({"file": file}));
    }
    Ok(Exit::Done)
}

/// Words of a file's name: letters and digits, parted by `_`.
fn file_words(name: &str) -> Result<String, Problem> {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        return Err(
            Problem::usage("a migration needs a name of letters or digits")
                .hint("for instance: `greylag new \"add total\"`"),
        );
    }
    Ok(words.join("_"))
}

/// The versions that files in the folders have. Names alone: a file half written is no reason to fail.
fn versions(folders: &[std::path::PathBuf]) -> Result<Vec<Version>, Problem> {
    let mut found = Vec::new();
    let mut open: Vec<_> = folders.to_vec();
    while let Some(folder) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let message = format!("{} can't be read", shown(&folder));
                return Err(Problem::new(Exit::Error, message).because(&error));
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = entry.file_name();
            let id = name
                .to_str()
                .and_then(|name| name.split_once("__"))
                .map(|(head, _)| head);
            if let Some(Ok(MigrationId::Versioned(version))) = id.map(str::parse) {
                found.push(version);
            }
        }
    }
    Ok(found)
}

/// One more in the first part, as wide as people here write it: `7` → `8`, `0007` → `0008`, `2.1` → `3`.
fn next_version(versions: &[Version]) -> String {
    let Some(highest) = versions.iter().max() else {
        return "1".into();
    };
    let first = highest.as_str().split('.').next().unwrap_or("0");
    let next = first.parse::<u128>().map_or(1, |n| n.saturating_add(1));
    format!("{next:0width$}", width = first.len())
}

fn text(verb: &New) -> String {
    let mut lines = Vec::new();
    if let Some(phase) = verb.phase {
        let phase = phase.to_possible_value();
        let phase = phase.as_ref().map_or("expand", |value| value.get_name());
        lines.push(format!("-- greylag:phase {phase}"));
    }
    if let Some(change) = &verb.change {
        lines.push(format!("-- greylag:change {change}"));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_version_is_one_higher_and_as_wide() {
        let next = |texts: &[&str]| {
            let versions: Vec<Version> = texts.iter().map(|text| text.parse().unwrap()).collect();
            next_version(&versions)
        };
        assert_eq!(next(&[]), "1");
        assert_eq!(next(&["1", "2", "10"]), "11");
        assert_eq!(next(&["0009", "0003"]), "0010");
        assert_eq!(next(&["2.1", "1.9"]), "3");
        assert_eq!(next(&["20260131120000"]), "20260131120001");
    }

    #[test]
    fn a_name_becomes_words() {
        assert_eq!(file_words("add total, again!").unwrap(), "add_total_again");
        assert!(file_words("!?").is_err());
    }
}
