//! The corpora that an engine's own client ran to the end.

use greylag_core::{
    engine::{Dialect, Engine},
    migration::{FileName, Migration, Set},
    script::{Script, split},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub struct Corpus {
    pub name: String,
    pub files: Vec<File>,
}

pub struct File {
    pub path: PathBuf,
    pub script: Script,
}

/// Those of an engine, in order of their names; none (said loudly) where the corpora are not beside the repository.
pub fn of(engine: Engine) -> Vec<Corpus> {
    let Some(root) = root() else {
        eprintln!("SKIPPED: no corpora beside the repository; set GREYLAG_CORPORA to their folder");
        return Vec::new();
    };
    let suffix = match engine.dialect() {
        Dialect::Postgres => "_postgres",
        Dialect::Mysql => "_mysql",
        Dialect::Sqlite => "_sqlite",
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    folders.retain(|folder| folder.to_str().unwrap().ends_with(suffix) && ran_whole(folder));
    folders.sort();
    assert!(folders.len() >= 3, "{folders:?}");
    folders
        .into_iter()
        .map(|folder| read(folder, engine.dialect()))
        .collect()
}

fn root() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora");
    let deeper = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/corpora");
    let given = std::env::var_os("GREYLAG_CORPORA").map(PathBuf::from);
    let mut candidates = given.into_iter().chain([beside.into(), deeper.into()]);
    candidates.find(|path: &PathBuf| path.join("_flyway").is_dir())
}

/// Those with steps missing, or written for another server, never ran whole.
fn ran_whole(folder: &Path) -> bool {
    let told = fs::read(folder.join("RESULT.json")).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    told["failed"].as_array().unwrap().is_empty()
}

fn read(folder: PathBuf, dialect: Dialect) -> Corpus {
    let names = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| matches!(FileName::parse(name), Ok(Ok(_))));
    let migrations = names.map(|name| {
        let bytes = fs::read(folder.join(&name)).unwrap();
        Migration::read(&name, &bytes, None).unwrap()
    });
    let set = Set::new(migrations.collect()).unwrap();
    let files = set.iter().map(|migration| File {
        path: folder.join(&migration.script),
        script: split(dialect, migration.text.clone()).unwrap(),
    });
    Corpus {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        files: files.collect(),
    }
}

/// What a client printed; it must have gone well.
pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The first line that differs, for a message that can be read.
pub fn assert_same(corpus: &str, theirs: &str, ours: &str) {
    let differs = theirs.lines().zip(ours.lines()).find(|(a, b)| a != b);
    assert!(differs.is_none(), "{corpus}: client and ours: {differs:#?}");
    assert_eq!(theirs.lines().count(), ours.lines().count(), "{corpus}");
    assert!(theirs.len() > 100, "{corpus} has a schema");
}
