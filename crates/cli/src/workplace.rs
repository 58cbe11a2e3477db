//! What a verb works on: the project, its fleet and files, the journal.

use crate::{arguments::Global, output::Screen, problem::Problem};
use greylag_core::{fleet::ShardName, migration::Set};
use greylag_orchestrator::{
    Fleet, Migrations, Setup,
    discover::{Found, discover},
    files::read_folders,
    journal,
    project::{self, FILE_NAME, Project},
    replicas::Replication,
    setup::Servers,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Everything a verb needs.
pub struct Workplace {
    pub project: Project,
    pub found: Found,
    pub setup: Setup,
}

/// Whether a verb writes into the journal. Those that don't create nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    Write,
    Look,
}

/// Reads the project, asks discovery, reads the migrations and opens the journal.
pub async fn open(global: &Global, screen: &Screen, mode: Journal) -> Result<Workplace, Problem> {
    let project = read_project(global)?;
    tell_notes(&project, screen);
    let found = discover(&project)
        .await
        .map_err(|error| Problem::of_discovery(&error))?;
    let files = read_files(&project, &found, screen)?;
    assemble(project, found, files, mode).await
}

/// The same without reading migrations, for what is done by the journal's own copies of them: a file that is half written is in
/// nobody's way. There are none.
pub async fn open_without_files(
    global: &Global,
    screen: &Screen,
    mode: Journal,
) -> Result<Workplace, Problem> {
    let project = read_project(global)?;
    tell_notes(&project, screen);
    let found = discover(&project)
        .await
        .map_err(|error| Problem::of_discovery(&error))?;
    assemble(project, found, Set::default(), mode).await
}

/// Without asking discovery, too: a rollout can be halted while a catalog is down. The fleet is empty.
pub async fn open_for_steering(global: &Global, mode: Journal) -> Result<Workplace, Problem> {
    let project = read_project(global)?;
    let found = Found {
        fleet: Fleet {
            project: Arc::clone(&project.name),
            environment: Arc::clone(&project.environment),
            shards: Vec::new(),
        },
        replicas: Vec::new(),
        origins: Vec::new(),
    };
    assemble(project, found, Set::default(), mode).await
}

fn tell_notes(project: &Project, screen: &Screen) {
    for note in &project.notes {
        screen.say(format!(
            "note: {}:{}: {}",
            shown(&project.file),
            note.line,
            note.text
        ));
    }
}

/// The project's migrations, each fit for every shard.
fn read_files(project: &Project, found: &Found, screen: &Screen) -> Result<Set, Problem> {
    let files = read_folders(&project.migrations).map_err(|error| Problem::of_files(&error))?;
    for path in &files.passed_over {
        screen.say(format!(
            "note: {} is no migration by its name, and is passed over",
            shown(path)
        ));
    }
    let migrations = migrations(project, files.set);
    migrations
        .check(&found.fleet.shards)
        .map_err(|errors| Problem::of_scripts(&errors, &project.migrations))?;
    Ok(Arc::unwrap_or_clone(migrations.files))
}

fn migrations(project: &Project, files: Set) -> Migrations {
    Migrations {
        files: Arc::new(files),
        placeholders: project.placeholders.clone(),
    }
}

async fn assemble(
    project: Project,
    found: Found,
    files: Set,
    mode: Journal,
) -> Result<Workplace, Problem> {
    let journal = match mode {
        Journal::Write => journal::open(&project.state).await?,
        Journal::Look => journal::look(&project.state).await?,
    };
    let setup = Setup {
        fleet: found.fleet.clone(),
        folder: project.folder.as_path().into(),
        migrations: migrations(&project, files),
        policy: project.policy.clone(),
        checks: project.checks.clone(),
        lint: Some(Arc::new(project.lint.clone())),
        replication: Replication::of(&project.replicas, &found),
        seats: greylag_orchestrator::primary::Seats::default(),
        journal,
        open: Arc::new(Servers),
        by: who(),
    };
    Ok(Workplace {
        project,
        found,
        setup,
    })
}

/// The project file alone.
pub fn read_project(global: &Global) -> Result<Project, Problem> {
    let file = find(global)?;
    project::load(&file).map_err(Problem::of_project)
}

/// The project file's path: as named, or the nearest.
pub fn find(global: &Global) -> Result<PathBuf, Problem> {
    if let Some(file) = &global.config {
        return Ok(file.clone());
    }
    let here = std::env::current_dir()
        .map_err(|error| Problem::usage("the current folder can't be told").because(&error))?;
    let file = project::locate(&here).ok_or_else(|| {
        Problem::usage(format!("there is no {FILE_NAME} here or in a folder above"))
            .hint("start a project with `greylag init`, name its file with `--config FILE`, or see it work with `greylag demo`")
    })?;
    // Relative where it lies here, as a person would write it.
    Ok(file.strip_prefix(&here).map(Path::to_owned).unwrap_or(file))
}

impl Workplace {
    /// The first folder of migrations, for messages.
    pub fn folder(&self) -> Option<PathBuf> {
        let folder = self.project.migrations.first()?;
        Some(shown_path(folder))
    }

    /// Names typed by a person, each a shard of the fleet.
    pub fn shards(&self, names: &[String]) -> Result<Option<BTreeSet<ShardName>>, Problem> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut found = BTreeSet::new();
        for name in names {
            found.insert(self.shard(name)?);
        }
        Ok(Some(found))
    }

    /// A name typed by a person.
    pub fn shard(&self, name: &str) -> Result<ShardName, Problem> {
        let parsed = name
            .parse::<ShardName>()
            .map_err(|error| Problem::usage(error.to_string()))?;
        if self.setup.fleet.get(&parsed).is_some() {
            return Ok(parsed);
        }
        let near = self
            .setup
            .fleet
            .shards
            .iter()
            .map(|shard| shard.shard.name.as_str())
            .min_by_key(|known| strsim::damerau_levenshtein(known, name));
        let problem = Problem::usage(format!("`{name}` is no shard of this fleet"));
        Err(match near {
            Some(near) => problem.hint(format!(
                "the nearest name is `{near}`; `greylag fleet list` shows all"
            )),
            None => problem,
        })
    }
}

/// A path as a person here would write it.
pub fn shown_path(path: &Path) -> PathBuf {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned))
        .filter(|short| !short.as_os_str().is_empty())
        .unwrap_or_else(|| path.to_owned())
}

pub fn shown(path: &Path) -> String {
    shown_path(path).display().to_string()
}

/// `user@host`, for events and history.
fn who() -> String {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = env("USER")
        .or_else(|| env("LOGNAME"))
        .unwrap_or_else(|| "somebody".into());
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{user}@{host}")
}
