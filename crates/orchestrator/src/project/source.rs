//! `[[discover]]`: where further shards are to be found.

use super::{
    address::Address,
    interner::Secrets,
    secret::{SecretRef, StoredSecret},
    section::{At, Section, nearest},
};
use greylag_core::{engine::Engine, fleet::Labels};
use regex::Regex;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A source of shards.
#[derive(Clone, Debug)]
pub struct Source {
    /// How messages call it: its `name`, or its kind and place.
    pub title: String,
    pub kind: SourceKind,
    /// Given to each shard found, under the labels of its own.
    pub labels: Labels,
    pub host: Option<String>,
    /// For shards found without one.
    pub shard_password: Option<SecretRef>,
    pub session: Vec<String>,
    pub timeout: Duration,
    /// Finding nothing is no mistake.
    pub allow_empty: bool,
}

#[derive(Clone, Debug)]
pub enum SourceKind {
    /// A list in a file: TOML, JSON or CSV, by its ending.
    File { path: PathBuf },
    /// SQLite files.
    Glob { pattern: String, naming: Naming },
    /// A catalog.
    Sql {
        address: Address,
        password: Option<Arc<StoredSecret>>,
        query: String,
    },
    /// JSON on stdout.
    Command { argv: Vec<String> },
    /// The databases of a server.
    Databases {
        address: Address,
        password: Option<Arc<StoredSecret>>,
        matching: Regex,
        naming: Naming,
    },
    /// The schemas of a database.
    Schemas {
        address: Address,
        password: Option<Arc<StoredSecret>>,
        matching: Regex,
        naming: Naming,
    },
}

/// How a shard is called after what was found: `{name}` stands for that, `{folder}` for a file's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming(String);

const KINDS: [&str; 6] = ["file", "glob", "sql", "command", "databases", "schemas"];

impl Naming {
    pub fn call(&self, found: &str, folder: &str) -> String {
        self.0.replace("{name}", found).replace("{folder}", folder)
    }
}

impl Source {
    pub(crate) fn read(section: Section<'_>, folder: &Path, secrets: &Secrets) -> Option<Source> {
        let problems = section.problems();
        let hint = format!("kinds are `{}`", KINDS.join("`, `"));
        let kind = section.required("kind", &hint);
        let title = section.string("name").map(|at| at.value);
        let labels = section
            .words("labels")
            .into_iter()
            .map(|(k, v)| (k.value, v.value))
            .collect();
        let host = section.string("host").map(|at| at.value);
        let session = section.strings("session").unwrap_or_default();
        let shard_password = section
            .section("shard-password", "`shard-password`")
            .and_then(|section| SecretRef::read(section, folder));
        let timeout = section
            .duration("timeout")
            .unwrap_or(Duration::from_secs(30));
        let allow_empty = section.boolean("allow-empty").unwrap_or_default();
        let kind = kind?;
        let before = problems.count();
        let parts = Parts {
            section: &section,
            folder,
            secrets,
        };
        let found = match kind.value.as_str() {
            "file" => parts.file(),
            "glob" => parts.glob(),
            "sql" => parts.sql(),
            "command" => parts.command(),
            "databases" => parts.databases(),
            "schemas" => parts.schemas(),
            "kubernetes" => {
                problems.add(
                    kind.span,
                    "discovery from Kubernetes comes in a later version of greylag",
                    "until then a `command` can list the Secrets: `kubectl get secrets -o json | jq …`"
                        .to_owned(),
                );
                return None;
            }
            other => {
                let message = format!("there is no kind of discovery named `{other}`");
                problems.add(kind.span, message, nearest(other, &KINDS));
                return None;
            }
        };
        let (line, _) = problems.place(section.span.start);
        // A password of the source is also that of the shards that lie on the same server.
        let shard_password =
            shard_password.or(found.as_ref().and_then(|(_, shared)| shared.clone()));
        section.finish();
        let (kind, _) = found.filter(|_| problems.count() == before)?;
        Some(Source {
            title: title.unwrap_or_else(|| format!("{} at line {line}", kind.word())),
            kind,
            labels,
            host,
            shard_password,
            session: session.into_iter().map(|at| at.value).collect(),
            timeout,
            allow_empty,
        })
    }
}

impl SourceKind {
    pub fn word(&self) -> &'static str {
        match self {
            SourceKind::File { .. } => "file",
            SourceKind::Glob { .. } => "glob",
            SourceKind::Sql { .. } => "sql",
            SourceKind::Command { .. } => "command",
            SourceKind::Databases { .. } => "databases",
            SourceKind::Schemas { .. } => "schemas",
        }
    }
}

/// A kind, and the password its shards share with it.
type Found = Option<(SourceKind, Option<SecretRef>)>;

struct Parts<'s, 'a> {
    section: &'s Section<'a>,
    folder: &'s Path,
    secrets: &'s Secrets,
}

impl Parts<'_, '_> {
    fn file(&self) -> Found {
        let path = self
            .section
            .required("path", "write `path = \"shards.csv\"`")?;
        let ending = Path::new(&path.value).extension().and_then(|e| e.to_str());
        if !matches!(ending, Some("toml" | "json" | "csv")) {
            self.section.problems().add(
                path.span,
                format!("`{}` is neither .toml, .json nor .csv", path.value),
                None,
            );
            return None;
        }
        let path = self.folder.join(path.value);
        Some((SourceKind::File { path }, None))
    }

    fn glob(&self) -> Found {
        let naming = self.naming();
        let pattern = self
            .section
            .required("pattern", "write `pattern = \"shards/*.db\"`")?;
        if let Err(error) = globset::Glob::new(&pattern.value) {
            let message = format!("the pattern can't be read: {}", error.kind());
            self.section.problems().add(pattern.span, message, None);
            return None;
        }
        let pattern = pattern.value;
        Some((SourceKind::Glob { pattern, naming }, None))
    }

    fn sql(&self) -> Found {
        let server = self.server("postgres://user@host/catalog");
        let query = self.section.required(
            "query",
            "write `query = \"SELECT name, primary_url FROM shards WHERE active\"`",
        )?;
        let (address, password) = server?;
        let kind = SourceKind::Sql {
            address,
            password: password.map(|reference| self.secrets.get(&reference)),
            query: query.value,
        };
        Some((kind, None))
    }

    fn command(&self) -> Found {
        let argv = self.section.strings("command").unwrap_or_default();
        if argv.is_empty() {
            self.section.problems().add(
                self.section.span.clone(),
                "a source of kind `command` lacks `command`",
                "write `command = [\"./list-shards\"]`".to_owned(),
            );
            return None;
        }
        let argv = argv.into_iter().map(|At { value, .. }| value).collect();
        Some((SourceKind::Command { argv }, None))
    }

    fn databases(&self) -> Found {
        let naming = self.naming();
        let matching = self.matching("databases");
        let (address, password) = self.server("postgres://user@host/postgres")?;
        if address.engine == Engine::Sqlite {
            self.section.problems().add(
                self.section.place("url"),
                "SQLite has no server with databases",
                "use `kind = \"glob\"` for SQLite files".to_owned(),
            );
            return None;
        }
        let kind = SourceKind::Databases {
            address,
            password: password
                .as_ref()
                .map(|reference| self.secrets.get(reference)),
            matching: matching?,
            naming,
        };
        Some((kind, password))
    }

    fn schemas(&self) -> Found {
        let naming = self.naming();
        let matching = self.matching("schemas");
        let (address, password) = self.server("postgres://user@host/database")?;
        if !address.engine.facts().schema_shards {
            let message = format!(
                "{} has no schemas that could be shards",
                address.engine.title()
            );
            let hint = "use `kind = \"databases\"`".to_owned();
            self.section
                .problems()
                .add(self.section.place("url"), message, hint);
            return None;
        }
        let kind = SourceKind::Schemas {
            address,
            password: password
                .as_ref()
                .map(|reference| self.secrets.get(reference)),
            matching: matching?,
            naming,
        };
        Some((kind, password))
    }

    fn server(&self, example: &str) -> Option<(Address, Option<SecretRef>)> {
        let hint = format!("write `url = \"{example}\"`");
        let url = self.section.required("url", &hint);
        let password = self
            .section
            .section("password", "`password`")
            .and_then(|section| SecretRef::read(section, self.folder));
        let url = url?;
        match Address::read(&url.value, self.folder) {
            Ok(address) => Some((address, password)),
            Err(error) => {
                self.section
                    .problems()
                    .add(url.span, format!("`url`: {error}"), hint);
                None
            }
        }
    }

    fn matching(&self, of: &str) -> Option<Regex> {
        let hint = "write `match = \"^tenant_\"`; `match = \".*\"` takes all";
        let text = self.section.required("match", hint)?;
        match Regex::new(&text.value) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().to_owned();
                let message = format!("`match` for {of} is no regular expression: {why}");
                self.section
                    .problems()
                    .add(text.span, message, hint.to_owned());
                None
            }
        }
    }

    fn naming(&self) -> Naming {
        let Some(text) = self.section.string("shard-name") else {
            return Naming("{name}".into());
        };
        if !text.value.contains("{name}") && !text.value.contains("{folder}") {
            self.section.problems().add(
                text.span,
                "`shard-name` holds no `{name}`, so that all shards would be called alike",
                "write `shard-name = \"eu-{name}\"`".to_owned(),
            );
        }
        Naming(text.value)
    }
}
