//! Directives: comments at the top of a file that say how it goes out (`-- greylag:phase expand`).

use super::{
    config::nearest,
    duration::parse_duration,
    error::{Fault, MigrationError},
};
use crate::source::Source;
use serde::{Deserialize, Serialize};
use std::{ops::Range, time::Duration};

/// What the comments at the top of a file ask for (`-- greylag:…`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directives {
    pub phase: Phase,
    pub change: Option<String>,
    /// `-- greylag:transaction on|off`.
    pub transaction: Option<bool>,
    pub requires_app: Vec<String>,
    pub lock_timeout: Option<Duration>,
    pub allow: Vec<Allow>,
    pub verify: Vec<String>,
    pub table: Option<String>,
    pub online: Option<String>,
    /// `-- greylag:subscribers run|skip`: what logical subscribers make of the file, where its statements alone don't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribers: Option<OnSubscribers>,
}

/// What logical subscribers make of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSubscribers {
    /// All of it runs there.
    Run,
    /// Nothing of it runs there.
    Skip,
}

impl OnSubscribers {
    /// As a directive has it.
    pub fn as_str(self) -> &'static str {
        match self {
            OnSubscribers::Run => "run",
            OnSubscribers::Skip => "skip",
        }
    }
}

/// `-- greylag:allow RULE because REASON`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allow {
    pub rule: String,
    pub because: String,
}

/// What a migration does to readers and writers of the old schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Expand,
    Backfill,
    Contract,
}

impl Phase {
    /// As a directive has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Expand => "expand",
            Phase::Backfill => "backfill",
            Phase::Contract => "contract",
        }
    }
}

const NAMES: &[&str] = &[
    "phase",
    "change",
    "transaction",
    "requires-app",
    "lock-timeout",
    "allow",
    "verify",
    "table",
    "online",
    "subscribers",
];

/// A directive as it stands in the text.
struct Line<'a> {
    name: &'a str,
    value: &'a str,
    span: Range<usize>,
    /// It is a comment of two dashes.
    dashes: bool,
}

type Said = Result<(), (Fault, Option<String>)>;

impl Directives {
    /// The directives that change how a file runs and that this version of Greylag can't carry out yet, by name.
    pub fn not_built_yet(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if !self.requires_app.is_empty() {
            names.push("requires-app");
        }
        if self.table.is_some() && self.phase != Phase::Backfill {
            names.push("table");
        }
        names
    }

    /// Of a file's text; every fault at once.
    pub(super) fn parse(script: &str, source: &Source) -> Result<Self, Vec<MigrationError>> {
        let text = source.text();
        let head = head(text);
        let mut directives = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut errors = Vec::new();
        let mut fail = |span: &Range<usize>, fault: Fault, hint: Option<String>| {
            errors.push(MigrationError::new(
                script,
                source,
                span.clone(),
                fault,
                hint,
            ));
        };
        for line in lines(text) {
            let single = !matches!(line.name, "allow" | "verify" | "requires-app");
            let known = NAMES.contains(&line.name);
            let name = line.name.to_owned();
            if !line.dashes {
                let hint = "Give it a line of its own that begins with two dashes.".to_owned();
                fail(&line.span, Fault::DirectiveForm, Some(hint));
            } else if !known {
                fail(
                    &line.span,
                    Fault::UnknownDirective { name },
                    Some(nearest(line.name, NAMES)),
                );
            } else if line.span.start >= head {
                let hint = "Move it into the comments above the first statement.".to_owned();
                fail(&line.span, Fault::LateDirective { name }, Some(hint));
            } else if single && seen.contains(&line.name) {
                fail(
                    &line.span,
                    Fault::RepeatedDirective { name },
                    Some("Remove one of them.".to_owned()),
                );
            } else if line.value.is_empty() {
                fail(
                    &line.span,
                    Fault::EmptyDirective { name },
                    Some(example(line.name)),
                );
            } else if let Err((fault, hint)) = directives.set(&line) {
                fail(&line.span, fault, hint);
            }
            seen.push(line.name);
        }
        let whole = 0..text.find(['\n', '\r']).unwrap_or(text.len());
        let whole = lines(text)
            .find(|l| l.name == "phase")
            .map_or(whole, |l| l.span);
        if let Some(phase) = directives.needs_change() {
            let hint = "Add `-- greylag:change NAME`, the same name on each file of the change.";
            fail(&whole, Fault::NoChange { phase }, Some(hint.to_owned()));
        }
        if directives.phase == Phase::Backfill && !text.contains(":batch") {
            let hint = "Add `AND :batch` to the WHERE of its UPDATE, INSERT … SELECT or DELETE.";
            fail(&whole, Fault::NoBatch, Some(hint.to_owned()));
        }
        if errors.is_empty() {
            Ok(directives)
        } else {
            Err(errors)
        }
    }

    fn needs_change(&self) -> Option<&'static str> {
        match self.phase {
            Phase::Backfill if self.change.is_none() => Some("backfill"),
            Phase::Contract if self.change.is_none() => Some("contract"),
            _ => None,
        }
    }

    fn set(&mut self, line: &Line<'_>) -> Said {
        let bad = || {
            let (name, value) = (line.name.to_owned(), line.value.to_owned());
            (
                Fault::DirectiveValue { name, value },
                Some(example(line.name)),
            )
        };
        match line.name {
            "phase" => {
                self.phase = match line.value {
                    "expand" => Phase::Expand,
                    "backfill" => Phase::Backfill,
                    "contract" => Phase::Contract,
                    _ => return Err(bad()),
                }
            }
            "transaction" => {
                self.transaction = match line.value {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => return Err(bad()),
                }
            }
            "change" if is_name(line.value) => self.change = Some(line.value.to_owned()),
            "requires-app" if is_requirement(line.value) => {
                self.requires_app.push(line.value.to_owned());
            }
            "lock-timeout" => {
                let duration =
                    parse_duration(line.value).map_err(|e| (Fault::Duration(e), None))?;
                self.lock_timeout = Some(duration);
            }
            "allow" => {
                let (rule, because) = line.value.split_once(" because ").ok_or_else(bad)?;
                let (rule, because) = (rule.trim(), because.trim());
                if !is_name(rule) || because.is_empty() {
                    return Err(bad());
                }
                self.allow.push(Allow {
                    rule: rule.to_owned(),
                    because: because.to_owned(),
                });
            }
            "verify" => {
                let query = line
                    .value
                    .trim_end_matches(|c: char| c == ';' || c.is_whitespace());
                if query.is_empty() {
                    let name = line.name.to_owned();
                    return Err((Fault::EmptyDirective { name }, Some(example(line.name))));
                }
                self.verify.push(query.to_owned());
            }
            "table" => self.table = Some(line.value.to_owned()),
            "online" if is_name(line.value) => self.online = Some(line.value.to_owned()),
            "subscribers" => {
                self.subscribers = match line.value {
                    "run" => Some(OnSubscribers::Run),
                    "skip" => Some(OnSubscribers::Skip),
                    _ => return Err(bad()),
                }
            }
            _ => return Err(bad()),
        }
        Ok(())
    }
}

fn example(name: &str) -> String {
    let (example, or) = match name {
        "phase" => ("phase expand", " (or `backfill`, or `contract`)"),
        "change" => ("change orders-total", ""),
        "transaction" => ("transaction off", " (or `on`)"),
        "requires-app" => ("requires-app web >= 2.4", ""),
        "lock-timeout" => ("lock-timeout 500ms", ""),
        "allow" => ("allow RULE because REASON", ""),
        "verify" => (
            "verify SELECT count(*) = 0 FROM orders WHERE total IS NULL",
            "",
        ),
        "table" => ("table orders", ""),
        "subscribers" => ("subscribers skip", " (or `run`)"),
        _ => (
            "online pt-online-schema-change",
            " (or `gh-ost`, a tool of `[online]`, `auto`, `instant`, `inplace`, `off`)",
        ),
    };
    format!("Write `-- greylag:{example}`{or}.")
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && text.starts_with(|c: char| c.is_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "-_./".contains(c))
}

/// `web >= 2.4`.
fn is_requirement(text: &str) -> bool {
    let mut parts = text.split_whitespace();
    let (name, op, version) = (parts.next(), parts.next(), parts.next());
    name.is_some_and(is_name)
        && op.is_some_and(|op| matches!(op, ">=" | ">" | "=" | "<=" | "<"))
        && version.is_some()
        && parts.next().is_none()
}

/// Every comment that speaks to Greylag, wherever it stands. What follows on its line is its value, whatever it looks like.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    const TAG: &str = "greylag";
    let mut said = 0;
    text.match_indices(':').filter_map(move |(colon, _)| {
        let tag = colon.checked_sub(TAG.len()).filter(|tag| *tag >= said)?;
        if !text.get(tag..colon)?.eq_ignore_ascii_case(TAG) {
            return None;
        }
        let before = text[..tag].trim_end_matches([' ', '\t']);
        let opening = ["--", "/*", "#"]
            .into_iter()
            .find(|o| before.ends_with(o))?;
        let rest = &text[colon + 1..];
        let rest = rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())].trim();
        let (name, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let end = rest.as_ptr() as usize - text.as_ptr() as usize + rest.len();
        said = end;
        Some(Line {
            name,
            value: value.trim(),
            span: before.len() - opening.len()..end,
            dashes: opening == "--",
        })
    })
}

/// Where the first statement begins: after blanks and comments of any dialect.
fn head(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let blank = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
                .len();
        let rest = &rest[blank..];
        at += blank;
        if rest.starts_with("--") || rest.starts_with('#') {
            at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        } else if rest.starts_with("/*") && !rest.starts_with("/*!") && !rest.starts_with("/*M!") {
            match block_comment(rest) {
                Some(len) => at += len,
                None => return text.len(),
            }
        } else {
            return at;
        }
    }
}

fn block_comment(rest: &str) -> Option<usize> {
    rest[2..].find("*/").map(|at| at + 4)
}
