//! `greylag init`: starts a project.

use crate::{
    output::{Paint, Screen, paint},
    problem::Problem,
    workplace::shown,
};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use greylag_core::engine::{Engine, Exclusion};
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
    #[arg(long, default_value = "postgres", value_parser = engines())]
    engine: Engine,
    /// How many shards to begin with
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    shards: u32,
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
    if is_file(verb.engine) {
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
    let shards = if is_file(verb.engine) {
        "look at the shards"
    } else {
        "name your shards"
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

fn project_file(name: &str, environment: &str, engine: Engine, shards: u32) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let shards: String = (1..=shards).map(|n| shard(engine, n)).collect();
    // The canary of files needs no time to show itself.
    let soak = if is_file(engine) {
        "soak = \"0s\""
    } else {
        "soak = \"10s\""
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

fn shard(engine: Engine, n: u32) -> String {
    let (primary, password) = if is_file(engine) {
        (format!("sqlite:shards/shard-{n}.db?mode=rwc"), "")
    } else {
        (
            format!("{engine}://greylag@127.0.0.1/shard_{n}"),
            "password = { env = \"GREYLAG_PASSWORD\" }\n",
        )
    };
    let labels = match n {
        1 => "labels = { tier = \"canary\" }\n",
        _ => "",
    };
    format!("[[shard]]\nname = \"shard-{n}\"\nprimary = \"{primary}\"\n{password}{labels}\n")
}

/// A shard is a file here, and no server has to be named.
fn is_file(engine: Engine) -> bool {
    engine.facts().exclusion == Exclusion::SidecarFile
}

fn engines() -> impl TypedValueParser<Value = Engine> {
    PossibleValuesParser::new(Engine::ALL.map(Engine::as_str))
        .try_map(|name| Engine::from_scheme(&name).ok_or("no such engine"))
}
