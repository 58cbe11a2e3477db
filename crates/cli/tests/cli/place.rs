//! A project in a folder of its own, and the binary run in it.

use assert_cmd::Command;
use regex::Regex;
use serde_json::Value;
use std::{path::PathBuf, sync::LazyLock, time::Instant};
use tempfile::TempDir;

/// What a run said, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub struct Place {
    pub folder: TempDir,
}

impl Place {
    /// An empty folder.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A project with so many SQLite shards (`s1`, `s2`, …; `s1` is the canary) and these migrations.
    pub fn with(shards: usize, migrations: &[(&str, &str)]) -> Self {
        let place = Self::empty();
        place.write("greylag.toml", project(shards, ""));
        std::fs::create_dir(place.path("migrations")).unwrap();
        std::fs::create_dir(place.path("shards")).unwrap();
        for (name, text) in migrations {
            place.write(&format!("migrations/{name}"), text);
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a line such as `apply --yes`; quotes hold words together.
    pub fn run(&self, line: &str) -> Said {
        self.command(line).into()
    }

    pub fn command(&self, line: &str) -> Ran<'_> {
        let mut command = Command::cargo_bin("greylag").unwrap();
        command
            .current_dir(self.folder.path())
            .env("TZ", "UTC")
            .env("USER", "ann")
            .env_remove("GREYLAG_CONFIG")
            .env_remove("NO_COLOR")
            .timeout(greylag_lab::patience() * 2)
            .args(words(line));
        Ran {
            place: self,
            command,
        }
    }

    /// A run that must end with a code; its results.
    pub fn out(&self, line: &str, code: i32) -> String {
        let said = self.run(line);
        assert_eq!(said.code, code, "{line}\n{}\n{}", said.out, said.err);
        said.out
    }

    /// A run that must end with a code; what it said on stderr.
    pub fn err(&self, line: &str, code: i32) -> String {
        let said = self.run(line);
        assert_eq!(said.code, code, "{line}\n{}\n{}", said.out, said.err);
        said.err
    }

    /// The document a run prints.
    pub fn json(&self, line: &str, code: i32) -> Value {
        serde_json::from_str(&self.out(line, code)).unwrap()
    }

    /// Runs a verb until its document is as wanted.
    pub fn until(&self, line: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + greylag_lab::patience();
        loop {
            let said = self.run(line);
            let document: Value = serde_json::from_str(&said.out).unwrap();
            if wanted(&document) {
                return document;
            }
            assert!(Instant::now() < deadline, "it never came: {document:#}");
        }
    }

    /// The lines a run prints, each JSON.
    pub fn lines(&self, line: &str, code: i32) -> Vec<Value> {
        let out = self.out(line, code);
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Runs SQL on a shard.
    pub fn sql(&self, shard: &str, sql: &str) {
        let path = self.path(&format!("shards/{shard}.db"));
        rusqlite::Connection::open(path)
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }

    /// Asks a shard for a number.
    pub fn ask(&self, shard: &str, sql: &str) -> i64 {
        let path = self.path(&format!("shards/{shard}.db"));
        rusqlite::Connection::open(path)
            .unwrap()
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }
}

/// A run being prepared.
pub struct Ran<'a> {
    place: &'a Place,
    command: Command,
}

impl Ran<'_> {
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn within(mut self, folder: &str) -> Self {
        self.command.current_dir(self.place.path(folder));
        self
    }
}

impl From<Ran<'_>> for Said {
    fn from(mut ran: Ran<'_>) -> Said {
        let output = ran.command.output().unwrap();
        let text = |bytes| plain(&String::from_utf8(bytes).unwrap(), ran.place);
        Said {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// A project file over SQLite shards, and more of it.
pub fn project(shards: usize, more: &str) -> String {
    let mut text = String::from("project = \"shop\"\nenvironment = \"test\"\n");
    text.push_str(more);
    for n in 1..=shards {
        let tier = if n == 1 { "canary" } else { "standard" };
        text.push_str(&format!(
            "\n[[shard]]\nname = \"s{n}\"\nprimary = \"sqlite:shards/s{n}.db?mode=rwc\"\nlabels = {{ tier = \"{tier}\" }}\n"
        ));
    }
    text
}

/// What differs from run to run, made alike.
fn plain(text: &str, place: &Place) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"\d{8}-\d{6}-[0-9a-f]{4}", "ROLLOUT"),
            (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
            (r"sha256:[0-9a-f]{12}", "sha256:SHORT"),
            (r"(?m)^\d\d:\d\d:\d\d ", "TIME "),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN"),
            (r"\b\d\d:\d\d:\d\d\b", "WHEN"),
            (r"\b\d+(\.\d)? m?s\b", "SPAN"),
            (r"ann@[\w.-]+", "ann@HOST"),
        ]
        .map(|(rule, name)| (Regex::new(rule).unwrap(), name))
        .into_iter()
        .collect()
    });
    let here = place.folder.path().canonicalize().unwrap();
    let mut text = text.replace(&here.display().to_string(), "/here");
    text = text.replace(&place.folder.path().display().to_string(), "/here");
    for (rule, name) in RULES.iter() {
        text = rule.replace_all(&text, *name).into_owned();
    }
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    let end = if text.ends_with('\n') { "\n" } else { "" };
    lines.join("\n") + end
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut begun) = (false, false);
    for c in line.chars() {
        match c {
            '"' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}
