//! The corpora, run by an engine's own client and by us, file by file: each file must fare alike in both.

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
    /// Whether every file ran where the corpus was made: those with steps missing, or written for another server, do not.
    whole: bool,
}

impl Corpus {
    /// What one session of a client can be given: all files, where none is known to fail.
    pub fn sessions(&self) -> impl Iterator<Item = &[File]> {
        let files = if self.whole { self.files.len() } else { 1 };
        self.files.chunks(files)
    }
}

/// How a client or we fared with one or more files, which end at the first error.
pub type Fate = Result<(), String>;

/// Both got to the end, or neither: what failed went as far in both, or the schemas will differ.
pub fn assert_alike(files: &[File], theirs: &Fate, ours: &Fate) {
    let first = files[0].path.display();
    assert_eq!(
        theirs.is_ok(),
        ours.is_ok(),
        "{first}: client: {theirs:?}, ours: {ours:?}"
    );
}

/// The fate of what a client was given.
pub fn fate(client: &mut Command) -> Fate {
    let output = client.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    Err(errors.into_owned())
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
    folders.retain(|folder| folder.to_str().unwrap().ends_with(suffix));
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
        whole: ran_whole(&folder),
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
