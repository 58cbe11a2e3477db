//! Which server programs this machine has, and where.
//!
//! Looked for, in this order: the folder that `GREYLAG_LAB_PG_BIN`, `GREYLAG_LAB_MARIADB` or `GREYLAG_LAB_MYSQL` names; the
//! usual places of Debian's packages; PATH; and the lab's cache folders, where `scripts/setup-lab` unpacks servers that the
//! machine's own packages lack (`postgres-18`, `mysql-9`, …). A folder may hold the programs itself, or in `bin`, `sbin`,
//! `usr/bin`, `usr/sbin`, `native/bin`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account;
use crate::engine::Engine;

/// Server programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Whose.
    pub engine: Engine,
    /// Its version, as the program says: `15.18`, `10.11.19`, `9.7.4`.
    pub version: String,
    /// The folder with the server program.
    pub bin: PathBuf,
    /// For programs unpacked beside a foreign system library: the folder of theirs, with the loader in it.
    pub(crate) libraries: Option<PathBuf>,
}

impl Installation {
    /// The first number of the version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.version
            .split('.')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }

    /// A command for `program` (a path), through the loader it needs.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let Some(libraries) = &self.libraries else {
            return Command::new(program);
        };
        let mut command = Command::new(loader(libraries).unwrap_or_else(|| program.to_owned()));
        command
            .arg("--library-path")
            .arg(libraries)
            .arg("--argv0")
            .arg(program)
            .arg(program);
        command
    }

    /// A command for one of the engine's client programs (`psql`, `pg_dump`, `mysql`, `mariadb-dump`, …), if it is there:
    /// beside the server, or on PATH.
    #[must_use]
    pub fn client(&self, name: &str) -> Option<Command> {
        if let Some(own) = self.beside(name) {
            return Some(own);
        }
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())?;
        Some(Command::new(found))
    }

    /// One of the server's own release: what takes its log (`pg_receivewal`, `mariadb-binlog`) takes that of no newer server than itself.
    /// Loud where there is none.
    #[must_use]
    pub fn own_client(&self, name: &str) -> Option<Command> {
        let own = self.beside(name);
        if own.is_none() {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            let folder = self.bin.display();
            eprintln!("\n##### SKIPPED: {test}: no {name} in {folder}\n");
        }
        own
    }

    fn beside(&self, name: &str) -> Option<Command> {
        let places = [self.bin.join(name), self.prefix().join("bin").join(name)];
        let own = places.iter().find(|path| path.is_file())?;
        Some(self.command(own))
    }

    /// The folder above `bin` or `sbin`, where the rest lies.
    pub(crate) fn prefix(&self) -> PathBuf {
        self.bin.parent().unwrap_or(Path::new("/")).to_owned()
    }
}

/// All installations of `engine`: what the environment variable names, then the machine's own, then what the cache folders
/// hold; the newest first among each.
#[must_use]
pub fn installed(engine: Engine) -> Vec<Installation> {
    let named = std::env::var_os(variable(engine))
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for places in [named, usual_places(engine), unpacked_places(engine)] {
        let mut found: Vec<Installation> = places
            .iter()
            .flat_map(|folder| INSIDE.map(|bin| folder.join(bin)))
            .filter_map(|bin| probe(engine, &bin))
            .filter(|installation| seen.insert(installation.version.clone()))
            .collect();
        found.sort_by_key(|installation| std::cmp::Reverse(numbers(&installation.version)));
        all.append(&mut found);
    }
    all
}

/// Where the programs may lie in a folder.
const INSIDE: [&str; 6] = ["", "bin", "sbin", "usr/sbin", "usr/bin", "native/bin"];

/// The installation in one given folder (or in its `bin`, `sbin`, …).
#[must_use]
pub fn installed_in(engine: Engine, folder: &Path) -> Option<Installation> {
    INSIDE
        .iter()
        .find_map(|bin| probe(engine, &folder.join(bin)))
}

/// The environment variable that names a folder with this engine's programs.
#[must_use]
pub(crate) fn variable(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "GREYLAG_LAB_PG_BIN",
        Engine::MySql => "GREYLAG_LAB_MYSQL",
        Engine::MariaDb => "GREYLAG_LAB_MARIADB",
        Engine::Sqlite => "GREYLAG_LAB_SQLITE",
    }
}

/// The folders that `scripts/setup-lab` unpacks into.
pub(crate) fn cache_folders() -> Vec<PathBuf> {
    let own = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    own.into_iter()
        .chain([PathBuf::from("/var/cache")])
        .map(|folder| folder.join("greylag-lab"))
        .collect()
}

fn usual_places(engine: Engine) -> Vec<PathBuf> {
    let mut places = Vec::new();
    match engine {
        Engine::Postgres => places.extend(subfolders(Path::new("/usr/lib/postgresql"), "")),
        Engine::MySql | Engine::MariaDb => places.push("/usr/sbin".into()),
        Engine::Sqlite => {}
    }
    if let Some(path) = std::env::var_os("PATH") {
        places.extend(std::env::split_paths(&path));
    }
    places
}

fn unpacked_places(engine: Engine) -> Vec<PathBuf> {
    let prefix = format!("{}-", engine.word());
    cache_folders()
        .iter()
        .flat_map(|cache| subfolders(cache, &prefix))
        .collect()
}

pub(crate) fn subfolders(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

/// Asks the server program in `bin` who it is.
fn probe(engine: Engine, bin: &Path) -> Option<Installation> {
    let program = match engine {
        Engine::Postgres => "postgres",
        Engine::MySql => "mysqld",
        Engine::MariaDb => "mariadbd",
        Engine::Sqlite => return None,
    };
    let path = bin.join(program);
    if !path.is_file() || !servers_can_reach(&path) {
        return None;
    }
    let mut installation = Installation {
        engine,
        version: String::new(),
        bin: bin.canonicalize().ok()?,
        libraries: None,
    };
    // An unpacked package of a newer system brings its own C library: take that loader, or it won't start.
    let beside = bin.parent()?.join("lib").join("x86_64-linux-gnu");
    if loader(&beside).is_some() && !beside.starts_with("/usr/lib") {
        installation.libraries = Some(beside);
    }
    let output = installation.command(&path).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // `mysqld` may be MariaDB's under its old name.
    if engine == Engine::MySql && text.contains("MariaDB") {
        return None;
    }
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))?;
    let end = version
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(version.len());
    version[..end].clone_into(&mut installation.version);
    Some(installation)
}

fn loader(libraries: &Path) -> Option<PathBuf> {
    let path = libraries.join("ld-linux-x86-64.so.2");
    path.is_file().then_some(path)
}

/// Whether the account that servers run as may enter every folder on the way: root's own home is closed to it.
fn servers_can_reach(path: &Path) -> bool {
    if !account::is_root() {
        return true;
    }
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    path.ancestors().all(|part| {
        std::fs::metadata(part).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
    })
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}
