//! Real migration histories, read as units. They are no part of the repository.

use greylag_core::engine::Engine;
use greylag_lint::Unit;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The corpora's folder (`GREYLAG_CORPORA`, or beside the repository); says so loudly where there is none.
pub fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora");
    // A worktree lies a level deeper than the repository itself.
    let deeper = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/corpora");
    let given = std::env::var_os("GREYLAG_CORPORA").map(PathBuf::from);
    let candidates = given.into_iter().chain([beside.into(), deeper.into()]);
    let found = candidates
        .into_iter()
        .find(|path| path.join("_flyway").is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: no corpora beside the repository; set GREYLAG_CORPORA to their folder");
    }
    found
}

pub struct Corpus {
    pub name: String,
    pub engine: Engine,
    pub units: Vec<Unit>,
}

pub fn all(folder: &Path) -> Vec<Corpus> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(engine) = name
            .rsplit_once('_')
            .and_then(|(_, engine)| Engine::from_scheme(engine))
        else {
            continue;
        };
        let engines = if engine == Engine::Mysql {
            vec![Engine::Mysql, Engine::Mariadb]
        } else {
            vec![engine]
        };
        for engine in engines {
            let units = units(&path, engine);
            let name = name.clone();
            found.push(Corpus {
                name,
                engine,
                units,
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// In the order they run. Placeholders get a value, as far as the corpora have them.
fn units(folder: &Path, engine: Engine) -> Vec<Unit> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "sql"))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('V'))
        });
    let none = BTreeMap::new();
    let mut units: Vec<Unit> = files
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            let conf = std::fs::read(format!("{}.conf", path.display())).ok();
            let config = conf.as_deref().map(|conf| ("x.sql.conf", conf));
            Unit::read(
                engine,
                &path.file_name().unwrap().to_string_lossy(),
                &bytes,
                config,
                &none,
            )
        })
        .collect();
    units.sort_by(|a, b| a.migration_id().cmp(&b.migration_id()));
    units
}
