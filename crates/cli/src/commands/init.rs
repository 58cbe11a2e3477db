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
    after_help = "Examples:\n  greylag init\n  greylag init services/orders --project orders --engine mysql\n\nNothing that is there already is overwritten."
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Postgres,
    Mysql,
    Mariadb,
    Sqlite,
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
    let text = project_file(&name, &verb.environment, verb.engine);
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
    screen.say(format!(
        "\nNext:\n  1. name your shards in {}\n  2. {}\n  3. {}\n  4. {}",
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

fn project_file(name: &str, environment: &str, engine: Kind) -> String {
    let (one, two) = match engine {
        Kind::Postgres => (
            "postgres://greylag@127.0.0.1/orders_1",
            "postgres://greylag@127.0.0.1/orders_2",
        ),
        Kind::Mysql => (
            "mysql://greylag@127.0.0.1/orders_1",
            "mysql://greylag@127.0.0.1/orders_2",
        ),
        Kind::Mariadb => (
            "mariadb://greylag@127.0.0.1/orders_1",
            "mariadb://greylag@127.0.0.1/orders_2",
        ),
        Kind::Sqlite => (
            "sqlite:shards/orders-1.db?mode=rwc",
            "sqlite:shards/orders-2.db?mode=rwc",
        ),
    };
    let password = match engine {
        Kind::Sqlite => "",
        _ => "password = { env = \"GREYLAG_PASSWORD\" }\n",
    };
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        r#"project = {name}
environment = {environment}            # written on each shard; another one is refused
migrations = "migrations"

[[shard]]
name = "orders-1"
primary = "{one}"
{password}labels = {{ tier = "canary" }}

[[shard]]
name = "orders-2"
primary = "{two}"
{password}
# Shards can be found, too: in a file, a catalog, a folder, the databases of a server.
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
soak = "10s"
[[rollout.wave]]
name = "fleet"                           # what is left
"#,
        name = quoted(name),
        environment = quoted(environment),
    )
}
