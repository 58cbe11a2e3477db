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
                    .args([
                        "--url",
                        "{}?sslmode=disable",
                        "--no-dump-schema",
                        "--migrations-dir",
                    ])
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

/// What people use instead, as far as it is on this machine: real psql, dbmate, a loop around sqlx (benches/peers/sqlx).
pub fn others() -> Vec<Peer> {
    let mut found = Vec::new();
    // Not the first `psql` of PATH: on Debian that is a script that looks for the real one.
    let psql = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin/psql"))
        .find(|path| path.exists());
    match psql {
        Some(path) => found.push(Peer {
            name: "psql",
            what: What::Psql(path),
        }),
        None => eprintln!("psql is left out: not found below /usr/lib/postgresql"),
    }
    match env::var_os("GREYLAG_BENCH_DBMATE").map(PathBuf::from) {
        Some(path) => found.push(Peer {
            name: "dbmate",
            what: What::Dbmate(path),
        }),
        None => eprintln!("dbmate is left out: name its binary in GREYLAG_BENCH_DBMATE"),
    }
    match env::var_os("GREYLAG_BENCH_SQLX").map(PathBuf::from) {
        Some(path) => found.push(Peer {
            name: "sqlx",
            what: What::Sqlx(path),
        }),
        None => eprintln!(
            "sqlx is left out: build benches/peers/sqlx and name its binary in GREYLAG_BENCH_SQLX"
        ),
    }
    found
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
             [[rollout.wave]]\nname = \"fleet\"\n\n[replicas]\nwait = \"none\"\n",
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
