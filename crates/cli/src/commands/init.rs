//! `greylag init`: starts a project.

use crate::{
    output::{Paint, Screen, paint},
    problem::Problem,
    workplace::shown,
};
use clap::{Args, ValueEnum};
use greylag_orchestrator::{Exit, project::FILE_NAME};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Starts a project: greylag.toml and a folder for migrations
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  greylag init\n  greylag init shop --engine sqlite --shards 3\n  greylag init services/orders --project orders --engine mysql\n\nNothing that is there already is overwritten."
)]
pub struct Init {
    /// The folder; made where it is missing
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The project's name [default: the folder's]
    #[arg(long)]
    project: Option<String>,
    /// The environment, which is written on each shard
    #[arg(long, default_value = "development")]
    environment: String,
    /// Whose URLs the examples show
    #[arg(long, value_enum, default_value_t = Kind::Postgres)]
    engine: Kind,
    /// How many shards to begin with
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    shards: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Postgres,
    Mysql,
    Mariadb,
    Sqlite,
}

impl Kind {
    fn scheme(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Mysql => "mysql",
            Kind::Mariadb => "mariadb",
            Kind::Sqlite => "sqlite",
        }
    }
}

pub fn run(verb: &Init, screen: &Screen) -> Result<Exit, Problem> {
    let folder = &verb.folder;
    let inside = |name: &str| match folder == Path::new(".") {
        true => PathBuf::from(name),
        false => folder.join(name),
    };
    let file = inside(FILE_NAME);
    let migrations = inside("migrations");
    if file.exists() {
        return Err(
            Problem::usage(format!("{} is there already", file.display()))
                .hint("edit it, or name another folder: `greylag init FOLDER`"),
        );
    }
    let failed = |what: &Path, error: &std::io::Error| {
        Problem::new(Exit::Error, format!("{} can't be written", what.display())).because(error)
    };
    std::fs::create_dir_all(&migrations).map_err(|error| failed(&migrations, &error))?;
    if verb.engine == Kind::Sqlite {
        let shards = inside("shards");
        std::fs::create_dir_all(&shards).map_err(|error| failed(&shards, &error))?;
    }
    let name = match &verb.project {
        Some(name) => name.clone(),
        None => folder_name(folder),
    };
    let text = project_file(&name, &verb.environment, verb.engine, verb.shards);
    std::fs::write(&file, text).map_err(|error| failed(&file, &error))?;
    let ignore = inside(".gitignore");
    if !ignore.exists() {
        std::fs::write(&ignore, "/.greylag/\n").map_err(|error| failed(&ignore, &error))?;
    }
    if !screen.human() {
        screen.document(
            "greylag.init/v1",
            &json!({
                "project": name,
                "file": file,
                "migrations": migrations,
            }),
        );
        return Ok(Exit::Done);
    }
    let at = if folder == Path::new(".") {
        String::new()
    } else {
        format!("cd {} && ", folder.display())
    };
    screen.result(format!("Project `{name}` begins in {}.", shown(&file)));
    let shards = match verb.engine {
        Kind::Sqlite => "look at the shards",
        _ => "name your shards",
    };
    screen.say(format!(
        "\nNext:\n  1. {shards} in {}\n  2. {}\n  3. {}\n  4. {}",
        shown(&file),
        paint(Paint::Name, format!("{at}greylag new \"create orders\"")),
        paint(Paint::Name, "greylag plan"),
        paint(Paint::Name, "greylag apply"),
    ));
    Ok(Exit::Done)
}

fn folder_name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).ok();
    let name = absolute
        .as_deref()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    name.unwrap_or("project").to_owned()
}

fn project_file(name: &str, environment: &str, kind: Kind, shards: u32) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let shards: String = (1..=shards).map(|n| shard(kind, n)).collect();
    // The canary of files needs no time to show itself.
    let soak = match kind {
        Kind::Sqlite => "soak = \"0s\"",
        _ => "soak = \"10s\"",
    };
    format!(
        r#"project = {name}
environment = {environment}            # written on each shard; another one is refused
migrations = "migrations"

{shards}# Shards can be found, too: in a file, a catalog, a folder, the databases of a server.
# [[discover]]
# kind = "file"
# path = "shards.csv"                    # name,primary,host,region,…

[rollout]
max-in-flight = 8                        # shards at a time
max-per-host = 2
failure-budget = 0                       # failed shards tolerated: a number or "2%"

[[rollout.wave]]
name = "canary"
select = "tier=canary"
count = 1
{soak:<41}# how long to look at it before the next wave
[[rollout.wave]]
name = "fleet"                           # what is left
"#,
        name = quoted(name),
        environment = quoted(environment),
    )
}

fn shard(kind: Kind, n: u32) -> String {
    let (primary, password) = match kind {
        Kind::Sqlite => (format!("sqlite:shards/shard-{n}.db?mode=rwc"), ""),
        _ => (
            format!("{}://greylag@127.0.0.1/shard_{n}", kind.scheme()),
            "password = { env = \"GREYLAG_PASSWORD\" }\n",
        ),
    };
    let labels = match n {
        1 => "labels = { tier = \"canary\" }\n",
        _ => "",
    };
    format!("[[shard]]\nname = \"shard-{n}\"\nprimary = \"{primary}\"\n{password}{labels}\n")
}
