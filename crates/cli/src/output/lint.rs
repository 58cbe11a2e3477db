//! Findings, in the shape that is asked for: for a person, for scripts, for code scanning, for merge requests.

mod github;
mod gitlab;
mod human;
mod json;
mod sarif;
mod traced;

use super::Screen;
use clap::ValueEnum;
use greylag_lint::{Finding, Report, Rule};
use greylag_orchestrator::{facts::Gathered, files::FoundFile};
use sha2::{Digest, Sha256};

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// For a person, with the text
    Human,
    /// The document `greylag.lint/v1`
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands, which GitHub shows beside the lines
    Github,
    /// A Code Quality report
    Gitlab,
}

/// A report, with the files it is about.
pub struct Reviewed<'a> {
    pub report: &'a Report,
    pub files: &'a [FoundFile],
    /// How many of the files were judged.
    pub judged: usize,
    /// What was seen of the fleet, if anybody looked.
    pub seen: Option<&'a Gathered>,
}

pub fn print(screen: &Screen, shape: Shape, reviewed: &Reviewed<'_>) {
    match shape {
        Shape::Human => human::print(screen, reviewed),
        Shape::Json => json::print(screen, reviewed),
        Shape::Sarif => screen.result(pretty(&sarif::document(reviewed))),
        Shape::Github => github::print(screen, reviewed),
        Shape::Gitlab => screen.result(pretty(&gitlab::document(reviewed))),
    }
}

/// All rules, by group.
pub fn print_rules(screen: &Screen) {
    match screen.human() {
        true => human::print_rules(screen),
        false => screen.document("greylag.lint-rules/v1", &json::rules()),
    }
}

/// What a rule finds, why, and what to do.
pub fn print_rule(screen: &Screen, rule: &Rule) {
    match screen.human() {
        true => human::print_rule(screen, rule),
        false => screen.document("greylag.lint-rule/v1", &json::rule(rule)),
    }
}

impl Reviewed<'_> {
    /// The file of a finding, as a path from here with `/` between.
    fn path(&self, script: &str) -> String {
        let file = self.files.iter().find(|file| file.script == script);
        let Some(file) = file else {
            return script.to_owned();
        };
        let path = crate::workplace::shown_path(&file.path);
        path.to_string_lossy().replace('\\', "/")
    }

    /// The file's text, as far as it is any; empty where it could not be read.
    fn text(&self, script: &str) -> String {
        let file = self.files.iter().find(|file| file.script == script);
        let bytes = file.map_or(&[][..], |file| &file.bytes);
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        String::from_utf8(bytes.to_owned()).unwrap_or_default()
    }
}

/// The same for the same finding, wherever in its file it has moved to: two at one place are told apart by their order.
fn fingerprint(finding: &Finding, text: &str, nth: usize) -> String {
    let about = text
        .get(finding.span.start..finding.span.end)
        .unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [&finding.rule, &finding.script, about, &nth.to_string()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(20)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Each finding with its fingerprint.
fn fingerprints<'a>(reviewed: &Reviewed<'a>) -> Vec<(&'a Finding, String)> {
    let mut seen = std::collections::HashMap::new();
    let mut texts = std::collections::HashMap::new();
    let findings = reviewed.report.findings.iter();
    findings
        .map(|finding| {
            let text = texts
                .entry(&finding.script)
                .or_insert_with(|| reviewed.text(&finding.script));
            let about = text.get(finding.span.start..finding.span.end);
            let key = (&finding.rule, &finding.script, about.map(str::to_owned));
            let nth = seen.entry(key).or_insert(0_usize);
            *nth += 1;
            (finding, fingerprint(finding, text, *nth))
        })
        .collect()
}

/// All parts of the message, for shapes that have one text.
fn whole(reviewed: &Reviewed<'_>, finding: &Finding) -> String {
    let mut parts = parts(finding);
    let measured = reviewed.measured(finding).map(traced::words);
    if let Some(words) = &measured {
        parts.push(("measured", words));
    }
    if let Some(traced) = finding.traced {
        parts.push(("trace", traced::verdict(traced)));
    }
    let parts = parts.iter().map(|(name, text)| match *name {
        "why" => (*text).to_owned(),
        name => format!("{}: {text}", capital(name)),
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// The parts that say anything, in order.
fn parts(finding: &Finding) -> Vec<(&'static str, &str)> {
    let message = &finding.message;
    let all = [
        ("why", Some(message.why.as_str())),
        ("lock", message.lock.as_deref()),
        ("replicas", message.replicas.as_deref()),
        ("shards", message.shards.as_deref()),
        ("do instead", message.instead.as_deref()),
    ];
    all.into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
