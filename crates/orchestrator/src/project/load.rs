//! Reads a project file: all of it, whatever is wrong with it.

use super::{
    backfill::BackfillSettings,
    check,
    interner::Secrets,
    lint,
    model::{Note, Project},
    online,
    problem::{ConfigError, Problems},
    replica_settings::{Expected, ReplicaSettings},
    rollout,
    section::Section,
    session::SessionSql,
    shard::{Draft, Member, Recipe},
    source::Source,
    state,
};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use toml::de::DeTable;

/// The file could not be had, or is full of mistakes.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{} can't be read", .file.display())]
    Read {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Loads a project from its file.
pub fn load(file: &Path) -> Result<Project, LoadError> {
    let bytes = std::fs::read(file).map_err(|source| LoadError::Read {
        file: file.to_owned(),
        source,
    })?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let problems = Problems::new(&file.display().to_string(), &text);
            problems.add(
                at..at + 1,
                "the file is not valid UTF-8",
                "save it as UTF-8".to_owned(),
            );
            return Err(problems.into_error().map_or_else(
                || LoadError::Read {
                    file: file.to_owned(),
                    source: std::io::ErrorKind::InvalidData.into(),
                },
                LoadError::Config,
            ));
        }
    };
    Ok(read(file, &text)?)
}

/// Reads a project file's text; `file` says where it lies.
pub fn read(file: &Path, text: &str) -> Result<Project, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let problems = Problems::new(&file.display().to_string(), text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        problems.add(span, error.message().trim().to_owned(), None);
    }
    let project = whole(file, &document, &problems);
    match (problems.into_error(), project) {
        (None, Some(project)) => Ok(project),
        (Some(error), _) => Err(error),
        // A project is only missing where a mistake was reported.
        (None, None) => Err(ConfigError {
            file: file.display().to_string(),
            problems: Vec::new(),
        }),
    }
}

fn whole(
    file: &Path,
    document: &toml::Spanned<DeTable<'_>>,
    problems: &Problems,
) -> Option<Project> {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    let root = Section::new("greylag.toml", document.get_ref(), 0..0, problems);
    let secrets = Secrets::default();
    let mut notes = Vec::new();

    let name = root.required(
        "project",
        "write `project = \"orders\"` at the top of the file",
    );
    let environment = root.string("environment");
    let migrations = root.strings("migrations");
    let history_table = root.string("history-table");
    let placeholders: BTreeMap<String, String> = root
        .words("placeholders")
        .into_iter()
        .map(|(k, v)| (k.value, v.value))
        .collect();
    let connect_timeout = root.duration("connect-timeout");
    for (found, what) in [(&name, "project"), (&environment, "environment")] {
        if let Some(found) = found
            && (found.value.chars().count() > 100 || found.value.chars().any(char::is_control))
        {
            let message =
                format!("`{what}` is longer than 100 characters, or holds control characters");
            problems.add(found.span.clone(), message, None);
        }
    }
    if let Some(table) = &history_table {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if table.value.is_empty() || table.value.len() > 50 || !table.value.chars().all(plain) {
            problems.add(
                table.span.clone(),
                "`history-table` is no plain table name of at most 50 characters",
                "the schema comes from the shard; write `greylag_schema_history` or `flyway_schema_history`".to_owned(),
            );
        }
    }

    let session = root
        .section("session", "[session]")
        .map_or_else(SessionSql::default, SessionSql::read);
    let state = match root.section("state", "[state]") {
        Some(section) => state::read(section, &folder, &secrets),
        None => Some(state::beside(&folder)),
    };
    let mut policy = rollout::usual();
    if let Some(section) = root.section("rollout", "[rollout]") {
        rollout::read_rollout(section, &mut policy);
    }
    if let Some(section) = root.section("lock", "[lock]") {
        rollout::read_lock(section, &mut policy);
    }
    if let Some(section) = root.section("online", "[online]") {
        policy.online = online::read(section);
    }
    let checks = check::read(root.sections("check", "[[check]]"), &folder);
    rollout::name_checks(&mut policy, &checks);
    let mut note = |at: usize, text: &str| {
        let (line, _) = problems.place(at);
        let text = text.to_owned();
        notes.push(Note { line, text });
    };
    let replicas = root
        .section("replicas", "[replicas]")
        .map(ReplicaSettings::read);
    let backfill = root.section("backfill", "[backfill]").map(|section| {
        note(
            section.span.start,
            "[backfill] is read and kept; this version of greylag runs no backfills yet",
        );
        BackfillSettings::read(section, rollout::windows)
    });
    let mut lint = root
        .section("lint", "[lint]")
        .map_or_else(Default::default, lint::read);
    // The lint asks whether anybody waits until replicas have what a migration adds.
    let waits = replicas
        .as_ref()
        .map(|replicas| replicas.wait != Expected::None);
    lint.waits_for_replicas = lint.waits_for_replicas.or(waits);

    let recipe = Recipe {
        project: name.as_ref().map_or("", |name| &name.value).into(),
        history_table: history_table
            .map_or("greylag_schema_history".into(), |table| table.value.into()),
        session,
        connect_timeout: connect_timeout.unwrap_or(Duration::from_secs(10)),
        folder: folder.as_path().into(),
        secrets: secrets.clone(),
    };
    let shards = read_shards(&root, &recipe, file, problems);
    let sources: Vec<Source> = root
        .sections("discover", "[[discover]]")
        .into_iter()
        .filter_map(|section| Source::read(section, &folder, &secrets))
        .collect();
    root.finish();

    let migrations = migrations.map_or_else(
        || vec![folder.join("migrations")],
        |list| {
            list.into_iter()
                .map(|at| folder.join(at.path().value))
                .collect()
        },
    );
    Some(Project {
        name: name?.value.into(),
        environment: environment.map_or("default".into(), |at| at.value.into()),
        file: file.to_owned(),
        migrations,
        placeholders,
        state: state?,
        recipe,
        shards,
        sources,
        policy,
        checks,
        replicas: replicas.unwrap_or_default(),
        backfill: backfill.unwrap_or_default(),
        lint,
        notes,
        folder,
    })
}

/// The `[[shard]]`s, and where the first of them names replicas.
fn read_shards(
    root: &Section<'_>,
    recipe: &Recipe,
    file: &Path,
    problems: &Problems,
) -> Vec<Member> {
    let mut members = Vec::new();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for section in root.sections("shard", "[[shard]]") {
        let draft = Draft::read(&section, &recipe.folder);
        if let Some(draft) = draft {
            let place = section.place("name");
            let (line, _) = problems.place(place.start);
            if let Some(first) = lines.insert(draft.name.clone(), line) {
                problems.add(
                    place,
                    format!(
                        "the shard `{}` is named twice; the first is at line {first}",
                        draft.name
                    ),
                    "each shard has a name of its own, which is written into its database"
                        .to_owned(),
                );
            }
            let origin: Arc<str> = format!("{}:{line}", file.display()).into();
            match recipe.member(draft, origin) {
                Ok(member) => members.push(member),
                Err(complaints) => {
                    for complaint in complaints {
                        let place = section.place(complaint.key);
                        problems.add(place, complaint.message, complaint.hint);
                    }
                }
            }
        }
        section.finish();
    }
    members
}
