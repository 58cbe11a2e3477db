//! Reviews migration files: the project's text and settings, put to the lint once for each engine of the fleet.
//!
//! Knows where files and placeholders come from; what is wrong with a migration is the lint's to say.

use crate::{Fleet, executor::placeholders, files::FoundFile};
use greylag_core::{
    engine::Engine,
    migration::{Fault, MigrationError},
};
use greylag_lint::{Coverage, Finding, FleetFacts, Report, Settings, Unit, lint};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What a review stands on.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    pub settings: &'a Settings,
    /// The project's.
    pub placeholders: &'a BTreeMap<String, String>,
    /// The shards that are known; none where discovery was not asked.
    pub fleet: Option<&'a Fleet>,
    pub facts: Option<&'a FleetFacts>,
}

impl Review<'_> {
    /// Judges the files that `judged` names; the others say what tables there are. In the order given, for each of the engines.
    pub fn of(
        &self,
        files: &[FoundFile],
        engines: &BTreeSet<Engine>,
        judged: impl Fn(&FoundFile) -> bool,
    ) -> Report {
        let mut whole = Report::default();
        for engine in engines {
            let values = self.values(*engine);
            let units: Vec<Unit> = files
                .iter()
                .map(|file| {
                    let unit = read(*engine, file, &values);
                    if judged(file) { unit } else { unit.earlier() }
                })
                .collect();
            join(&mut whole, lint(&units, self.settings, self.facts));
        }
        let place: BTreeMap<&str, usize> = files
            .iter()
            .enumerate()
            .map(|(at, file)| (file.script.as_str(), at))
            .collect();
        // Stable: what one engine's lint put in order stays so.
        whole.findings.sort_by_key(|finding| {
            let file = place.get(finding.script.as_str()).copied();
            (file.unwrap_or(usize::MAX), finding.span)
        });
        whole
    }

    /// One shard stands for all of its engine: they differ in names, hardly in what a migration does.
    fn values(&self, engine: Engine) -> BTreeMap<String, String> {
        let shards = self.fleet.map_or(&[][..], |fleet| &fleet.shards);
        match shards.iter().find(|shard| shard.shard.engine == engine) {
            Some(shard) => placeholders(self.placeholders, shard),
            None => self.placeholders.clone(),
        }
    }
}

fn read(engine: Engine, file: &FoundFile, values: &BTreeMap<String, String>) -> Unit {
    let config = file.config.as_ref();
    let config = config.map(|(script, bytes)| (script.as_str(), bytes.as_slice()));
    let read = |values| Unit::read(engine, &file.script, &file.bytes, config, values);
    let unit = read(values);
    let Err(errors) = &unit.content else {
        return unit;
    };
    let missing = unknown_placeholders(errors);
    if missing.is_empty() {
        return unit;
    }
    // Labels and names that only discovery knows: what they stand for is a name, whichever it is.
    let mut more = values.clone();
    for name in missing {
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        more.insert(name, plain);
    }
    read(&more)
}

/// Those of Greylag's and Flyway's own that have no value here. One of the project's is a mistake, and stays one.
fn unknown_placeholders(errors: &[MigrationError]) -> Vec<String> {
    let mut found = Vec::new();
    for error in errors {
        match &*error.fault {
            Fault::MissingPlaceholders { names } => found.extend(names.iter().cloned()),
            _ => return Vec::new(),
        }
    }
    let own = |name: &String| name.starts_with("greylag:") || name.starts_with("flyway:");
    if found.iter().all(own) {
        found
    } else {
        Vec::new()
    }
}

fn join(whole: &mut Report, one: Report) {
    let Coverage {
        files,
        statements,
        judged,
        unjudged,
    } = one.coverage;
    // A fleet of two engines has each file once, and its statements twice.
    whole.coverage.files = whole.coverage.files.max(files);
    whole.coverage.statements += statements;
    whole.coverage.judged += judged;
    whole.coverage.unjudged.extend(unjudged);
    let key = |finding: &Finding| {
        let Finding {
            rule,
            script,
            span,
            title,
            ..
        } = finding;
        (rule.clone(), script.clone(), *span, title.clone())
    };
    // What is wrong with a file as such is wrong on every engine, and is said once.
    let said: HashSet<_> = whole.findings.iter().map(key).collect();
    let new = one.findings.into_iter();
    whole
        .findings
        .extend(new.filter(|finding| !said.contains(&key(finding))));
}
