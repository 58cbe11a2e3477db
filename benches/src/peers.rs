//! The programs that are compared, and how each is told what to do.

use crate::{floor::Kind, measure::timed, migrations::File, postgres};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

pub struct Peer {
    pub name: &'static str,
    what: What,
}

enum What {
    Floor(Kind),
    Greylag(PathBuf),
    Psql(PathBuf),
    Dbmate(PathBuf),
    Sqlx(PathBuf),
}

/// A folder with the migrations in each peer's form, and the list of shards.
pub struct Project {
    folder: PathBuf,
    list: PathBuf,
}

impl Peer {
    pub fn floor(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            what: What::Floor(kind),
        }
    }

    pub fn greylag(binary: PathBuf) -> Self {
        Self {
            name: "greylag",
            what: What::Greylag(binary),
        }
    }

    pub fn is_floor(&self) -> bool {
        matches!(self.what, What::Floor(_))
    }

    /// The command that applies (or, `again`, finds nothing to do). Its last line tells its usage.
    pub fn command(&self, project: &Project, again: bool) -> Command {
        match &self.what {
            What::Floor(kind) => {
                let mut command = timed(
                    &env::current_exe()
                        .expect("this program")
                        .display()
                        .to_string(),
                );
                command
                    .args(["floor", "--kind", kind.as_str(), "--shards"])
                    .arg(&project.list);
                command
            }
            What::Greylag(binary) => {
                let mut command = timed(&binary.display().to_string());
                command
                    .args(["apply", "--yes", "--config"])
                    .arg(project.folder.join("greylag.toml"))
                    .current_dir(&project.folder);
                command
            }
            What::Psql(binary) => {
                let mut command = timed("xargs");
                let script = if again {
                    "SELECT version FROM greylag_schema_history;\n".to_owned()
                } else {
                    String::new()
                };
                let file = project
                    .folder
                    .join(if again { "again.sql" } else { "all.sql" });
                if again {
                    fs::write(&file, script).expect("a script");
                }
                command
                    .args(["-P", "8", "-I{}", "-a"])
                    .arg(&project.list)
                    .arg(binary)
                    .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "{}", "-f"])
                    .arg(file);
                command
            }
            What::Dbmate(binary) => {
                let mut command = timed("xargs");
                command
                    .args(["-P", "8", "-I{}", "-a"])
                    .arg(&project.list)
                    .arg(binary);
                command
                    .args(["--url", "{}", "--no-dump-schema", "--migrations-dir"])
                    .arg(project.folder.join("dbmate"))
                    .arg("migrate");
                command
            }
            What::Sqlx(binary) => {
                let mut command = timed(&binary.display().to_string());
                command.arg(project.folder.join("sqlx")).arg(&project.list);
                command
            }
        }
    }
}

/// What people use instead, as far as it is on this machine: real psql, dbmate, a loop around sqlx.
///
/// Each is looked for where its variable says, then on the PATH, then where the command that gets it puts it.
pub fn others() -> Vec<Peer> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let found = [
        // Not the first `psql` of PATH: on Debian that is a script that looks for the real one.
        peer(
            "psql",
            What::Psql,
            find("GREYLAG_BENCH_PSQL", None, &servers("bin/psql")),
            "install PostgreSQL's own packages",
        ),
        peer(
            "dbmate",
            What::Dbmate,
            find(
                "GREYLAG_BENCH_DBMATE",
                Some("dbmate"),
                &[peers.join("dbmate/node_modules/@dbmate/linux-x64/bin/dbmate")],
            ),
            "npm install --no-save --prefix benches/peers/dbmate @dbmate/linux-x64",
        ),
        peer(
            "sqlx",
            What::Sqlx,
            find(
                "GREYLAG_BENCH_SQLX",
                None,
                &[peers.join("sqlx/target/release/sqlx-peer")],
            ),
            "cargo build --release --manifest-path benches/peers/sqlx/Cargo.toml --target-dir benches/peers/sqlx/target",
        ),
    ];
    found.into_iter().flatten().collect()
}

fn peer(
    name: &'static str,
    what: fn(PathBuf) -> What,
    binary: Option<PathBuf>,
    get: &str,
) -> Option<Peer> {
    if binary.is_none() {
        eprintln!("{name} is left out: not found. To have it: {get}");
    }
    Some(Peer {
        name,
        what: what(binary?),
    })
}

/// The program that the variable names, or one of PATH, or the first that is there.
fn find(variable: &str, program: Option<&str>, places: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter_map(|folder| Some(folder.join(program?)));
    env::var_os(variable).map(PathBuf::from).or_else(|| {
        on_path
            .chain(places.iter().cloned())
            .find(|place| place.is_file())
    })
}

/// A file of each installed PostgreSQL, the newest first.
fn servers(file: &str) -> Vec<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut places: Vec<PathBuf> = installed
        .flatten()
        .map(|entry| entry.path().join(file))
        .collect();
    places.sort();
    places.reverse();
    places
}

impl Project {
    pub fn write(folder: &Path, files: &[File], shards: &[String]) -> Self {
        let list = postgres::list(folder, shards);
        for (sub, name) in [("migrations", 0), ("dbmate", 1), ("sqlx", 2)] {
            let sub = folder.join(sub);
            fs::create_dir(&sub).expect("a folder");
            for file in files {
                let (name, text) = match name {
                    0 => (file.file_name(), file.sql.clone()),
                    1 => (
                        format!("{:04}_m.sql", file.version),
                        format!("-- migrate:up\n{}\n-- migrate:down\n", file.sql),
                    ),
                    _ => (format!("{:04}_m.sql", file.version), file.sql.clone()),
                };
                fs::write(sub.join(name), text).expect("a migration");
            }
        }
        let all: String = files
            .iter()
            .map(|file| format!("BEGIN;\n{}{}\nCOMMIT;\n", file.sql, file.history_row()))
            .collect();
        fs::write(
            folder.join("all.sql"),
            format!("{}\n{all}", crate::migrations::HISTORY_TABLE),
        )
        .expect("a script");
        let mut toml = String::from(
            "project = \"bench\"\nenvironment = \"bench\"\nmigrations = \"migrations\"\n\n[rollout]\nmax-in-flight = 8\nmax-per-host = 8\n\n\
             [[rollout.wave]]\nname = \"fleet\"\n\n[replicas]\nwait = \"none\"\n\n\
             # The floors do not wait with an index either.\n[lint.severity]\nadd-index-blocking = \"off\"\n",
        );
        for (at, url) in shards.iter().enumerate() {
            toml += &format!("\n[[shard]]\nname = \"s{at:04}\"\nprimary = \"{url}\"\n");
        }
        fs::write(folder.join("greylag.toml"), toml).expect("the project file");
        Self {
            folder: folder.to_owned(),
            list,
        }
    }
}
