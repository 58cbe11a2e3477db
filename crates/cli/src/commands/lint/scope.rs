//! What is reviewed: which files, for which engines, with what known of them.

use super::{
    Lint,
    changed::Changed,
    seen::{self, Seen},
};
use crate::{
    arguments::Global,
    output::Screen,
    problem::Problem,
    workplace::{find, read_project, shown},
};
use greylag_core::{
    engine::Engine,
    migration::{Fault, FileName, MigrationId},
};
use greylag_lint::{Report, Settings};
use greylag_orchestrator::{
    Fleet,
    discover::discover,
    files::{FileFault, FilesError, FoundFile, list_folders, read_folders},
    journal::{self, Location},
    project::{Project, SourceKind},
    review::Review,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

/// What is reviewed, and what is known of it.
pub(super) struct Scope {
    pub(super) settings: Settings,
    pub(super) placeholders: BTreeMap<String, String>,
    pub(super) fleet: Option<Fleet>,
    pub(super) engines: BTreeSet<Engine>,
    /// All files that are known, those that are not judged too.
    pub(super) files: Vec<FoundFile>,
    folders: Vec<PathBuf>,
    /// What `--since` says has changed.
    changed: Option<Changed>,
    /// What is known to be on no shard yet: of a fleet that was looked at what none has, else what a branch adds.
    pub(super) pending: BTreeSet<MigrationId>,
    /// Where its journal is, and what it is asked about.
    pub(super) journal: Option<(Location, journal::Scope)>,
    /// What was seen of the fleet, with `--fleet`.
    pub(super) seen: Option<Seen>,
}

impl Scope {
    pub(super) async fn open(
        verb: &Lint,
        global: &Global,
        screen: &Screen,
    ) -> Result<Scope, Problem> {
        let seen = match verb.fleet {
            true => Some(seen::look(global, screen).await?),
            false => None,
        };
        let project = match find(global) {
            Ok(_) => Some(read_project(global)?),
            // Without a project there must be something else to go by.
            Err(_) if !verb.engine.is_empty() && !verb.paths.is_empty() => None,
            Err(problem) => {
                return Err(problem.hint(
                    "without a project, say what to review and for which engine: `greylag lint --engine postgres FOLDER`",
                ));
            }
        };
        let fleet = match (&seen, &project) {
            (Some(seen), _) => Some(seen.fleet.clone()),
            (None, Some(project)) => Some(declared(project).await?),
            (None, None) => None,
        };
        let engines = engines(verb, project.as_ref(), fleet.as_ref())?;
        let mut folders = project
            .as_ref()
            .map_or(Vec::new(), |p| p.migrations.clone());
        folders.extend(extra_folders(&verb.paths, &folders)?);
        let (files, faults) = list_folders(&folders);
        if !faults.is_empty() {
            return Err(Problem::of_files(&FilesError { faults }));
        }
        check_names(&folders)?;
        let changed = changed(verb, &folders)?;
        let pending = match (&seen, &changed) {
            (Some(seen), _) => seen.new.clone(),
            (None, Some(changed)) => {
                let is_added = |file: &&FoundFile| {
                    let real = file.path.canonicalize();
                    real.is_ok_and(|path| changed.added.contains(&path))
                };
                files.iter().filter(is_added).filter_map(id_of).collect()
            }
            (None, None) => BTreeSet::new(),
        };
        Ok(match project {
            Some(project) => Scope {
                fleet,
                journal: Some((
                    project.state.clone(),
                    journal::Scope {
                        project: project.name.to_string(),
                        environment: project.environment.to_string(),
                    },
                )),
                settings: project.lint,
                placeholders: project.placeholders,
                engines,
                files,
                folders,
                changed,
                pending,
                seen,
            },
            None => Scope {
                settings: Settings::default(),
                placeholders: BTreeMap::new(),
                fleet: None,
                journal: None,
                engines,
                files,
                folders,
                changed,
                pending,
                seen,
            },
        })
    }

    /// The report, and how many files were judged.
    pub(super) fn review(&self, verb: &Lint) -> Result<(Report, usize), Problem> {
        let wanted = self.wanted(verb)?;
        let is_wanted =
            |file: &FoundFile| wanted.as_ref().is_none_or(|some| some.contains(&file.path));
        let report = self.stands_on().of(&self.files, &self.engines, is_wanted);
        let judged = self.files.iter().filter(|file| is_wanted(file)).count();
        Ok((report, judged))
    }

    /// What the review stands on.
    pub(super) fn stands_on(&self) -> Review<'_> {
        Review {
            settings: &self.settings,
            placeholders: &self.placeholders,
            fleet: self.fleet.as_ref(),
            facts: self.seen.as_ref().map(|seen| &seen.gathered.facts),
            pending: &self.pending,
        }
    }

    /// The files that are judged; none means all.
    pub(super) fn wanted(&self, verb: &Lint) -> Result<Option<BTreeSet<PathBuf>>, Problem> {
        if let Some(changed) = &self.changed {
            let of_ours = self.files.iter().filter(|file| {
                let real = file.path.canonicalize();
                let config = file.path.with_extension("sql.conf").canonicalize();
                [real, config]
                    .into_iter()
                    .flatten()
                    .any(|path| changed.all.contains(&path))
            });
            return Ok(Some(of_ours.map(|file| file.path.clone()).collect()));
        }
        if let Some(from) = &verb.from {
            return Ok(Some(self.named(|id| match id {
                MigrationId::Versioned(version) => version > from,
                MigrationId::Repeatable(_) => true,
                MigrationId::Undo(_) => false,
            })));
        }
        if verb.paths.is_empty() {
            let pending = self.seen.as_ref().map(|seen| &seen.pending);
            return Ok(pending.map(|pending| self.named(|id| pending.contains(id))));
        }
        let mut wanted = BTreeSet::new();
        for path in &verb.paths {
            let real = path.canonicalize().map_err(|error| {
                Problem::usage(format!("{} can't be read", shown(path))).because(&error)
            })?;
            let before = wanted.len();
            for file in &self.files {
                if file
                    .path
                    .canonicalize()
                    .is_ok_and(|own| own.starts_with(&real))
                {
                    wanted.insert(file.path.clone());
                }
            }
            if wanted.len() == before && real.is_file() {
                return Err(Problem::usage(format!(
                    "{} is no migration by its name",
                    shown(path)
                ))
                .hint("names are `V<version>__<description>.sql`, `R__<description>.sql`, `U<version>__<description>.sql`"));
            }
        }
        Ok(Some(wanted))
    }

    /// What the same files, and others that were written since, come to now.
    pub(super) fn review_again(
        &mut self,
        wanted: Option<&BTreeSet<PathBuf>>,
        written: &BTreeSet<PathBuf>,
    ) -> Result<Report, Problem> {
        let (files, faults) = list_folders(&self.folders);
        if !faults.is_empty() {
            return Err(Problem::of_files(&FilesError { faults }));
        }
        self.files = files;
        let is_wanted = |file: &FoundFile| {
            wanted.is_none_or(|some| some.contains(&file.path)) || written.contains(&file.path)
        };
        Ok(self.stands_on().of(&self.files, &self.engines, is_wanted))
    }

    /// The files whose migration is as asked for.
    fn named(&self, wanted: impl Fn(&MigrationId) -> bool) -> BTreeSet<PathBuf> {
        let files = self.files.iter();
        files
            .filter(|file| id_of(file).is_some_and(|id| wanted(&id)))
            .map(|file| file.path.clone())
            .collect()
    }
}

/// What git says, where it is asked.
fn changed(verb: &Lint, folders: &[PathBuf]) -> Result<Option<Changed>, Problem> {
    let Some(since) = &verb.since else {
        return Ok(None);
    };
    let mut changed = Changed::default();
    for folder in folders {
        changed.look(since, folder)?;
    }
    Ok(Some(changed))
}

/// The migration that a file is by its name.
pub(super) fn id_of(file: &FoundFile) -> Option<MigrationId> {
    match FileName::parse(&file.script) {
        Ok(Ok(name)) => Some(name.id),
        _ => None,
    }
}

/// The engines of the shards that the project names, or as asked for.
fn engines(
    verb: &Lint,
    project: Option<&Project>,
    fleet: Option<&Fleet>,
) -> Result<BTreeSet<Engine>, Problem> {
    if !verb.engine.is_empty() {
        return Ok(verb.engine.iter().copied().collect());
    }
    let Some(project) = project else {
        return Ok(BTreeSet::new());
    };
    let shards = fleet.map_or(&[][..], |fleet| &fleet.shards);
    let named = shards.iter().map(|shard| shard.shard.engine);
    let sources = project
        .sources
        .iter()
        .filter_map(|source| match &source.kind {
            SourceKind::Glob { .. } => Some(Engine::Sqlite),
            SourceKind::Databases { address, .. } | SourceKind::Schemas { address, .. } => {
                Some(address.engine)
            }
            SourceKind::File { .. } | SourceKind::Sql { .. } | SourceKind::Command { .. } => None,
        });
    let found: BTreeSet<Engine> = named.chain(sources).collect();
    if found.is_empty() {
        return Err(
            Problem::usage("the project file does not tell which engine its shards run")
                .hint("say so with `--engine postgres` (mysql, mariadb, sqlite)"),
        );
    }
    Ok(found)
}

/// The shards that the project file names, and those of the lists beside it: no server is asked for them.
async fn declared(project: &Project) -> Result<Fleet, Problem> {
    let mut near = project.clone();
    near.sources
        .retain(|source| matches!(source.kind, SourceKind::File { .. }));
    if near.shards.is_empty() && near.sources.is_empty() {
        return Ok(Fleet {
            project: Arc::clone(&project.name),
            environment: Arc::clone(&project.environment),
            shards: Vec::new(),
        });
    }
    let found = discover(&near).await;
    Ok(found.map_err(|error| Problem::of_discovery(&error))?.fleet)
}

/// Folders of what was named and is in none of the project's.
fn extra_folders(paths: &[PathBuf], known: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let known: Vec<PathBuf> = known.iter().filter_map(|f| f.canonicalize().ok()).collect();
    let mut extra: Vec<PathBuf> = Vec::new();
    for path in paths {
        let real = path.canonicalize().map_err(|error| {
            Problem::usage(format!("{} can't be read", shown(path))).because(&error)
        })?;
        if known.iter().any(|folder| real.starts_with(folder)) {
            continue;
        }
        let folder = match (path.is_dir(), path.parent()) {
            (true, _) => path.clone(),
            (false, Some(parent)) if !parent.as_os_str().is_empty() => parent.to_owned(),
            (false, _) => PathBuf::from("."),
        };
        if !extra.contains(&folder) {
            extra.push(folder);
        }
    }
    Ok(extra)
}

/// Two files of one version are no matter of a review: nothing could run.
fn check_names(folders: &[PathBuf]) -> Result<(), Problem> {
    let Err(error) = read_folders(folders) else {
        return Ok(());
    };
    let duplicates = error.faults.into_iter().filter(|fault| {
        matches!(fault, FileFault::File { error, .. }
            if matches!(*error.fault, Fault::DuplicateVersion { .. } | Fault::DuplicateRepeatable { .. }))
    });
    let faults: Vec<_> = duplicates.collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Problem::of_files(&FilesError { faults }))
}
