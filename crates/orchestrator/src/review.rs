//! Reviews migration files: the project's text and settings, put to the lint once for each engine of the fleet.
//!
//! Knows where files and placeholders come from; what is wrong with a migration is the lint's to say.

use crate::{Fleet, Setup, Surveyed, executor::placeholders, files::FoundFile};
use greylag_core::{
    engine::Engine,
    migration::{Fault, FileName, Migration, MigrationError, MigrationId},
    plan::Reviewed,
};
use greylag_lint::{Coverage, Finding, FleetFacts, Report, Settings, Unit, lint};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Reviews what is pending somewhere and on no shard yet; none where that is nothing. What some shard has already is not
/// judged: holding it would leave the fleet split over a matter of taste.
pub fn review_pending(
    setup: &Setup,
    surveyed: &Surveyed,
    facts: Option<&BTreeMap<Engine, FleetFacts>>,
) -> Option<Reviewed> {
    let settings = setup.lint.as_deref()?;
    let new = new_migrations(surveyed);
    let files = setup.migrations.files.as_slice();
    let is_new = |migration: &Migration| new.contains(&migration.id);
    if !files.iter().any(is_new) {
        return None;
    }
    let review = Review {
        settings,
        placeholders: &setup.migrations.placeholders,
        fleet: Some(&setup.fleet),
        facts,
        pending: &BTreeSet::new(),
    };
    let shards = setup.fleet.shards.iter();
    let engines: BTreeSet<Engine> = shards.map(|shard| shard.shard.engine).collect();
    let forward = |migration: &&Migration| !matches!(migration.id, MigrationId::Undo(_));
    let report = review.on_each(&engines, |engine, values| {
        let units = files.iter().filter(forward);
        units
            .map(|migration| {
                let unit = Unit::of(engine, migration.clone(), values);
                if is_new(migration) {
                    unit.pending()
                } else {
                    unit.earlier()
                }
            })
            .collect()
    });
    Some(reviewed(&report))
}

/// What is pending somewhere and on no shard yet.
pub fn new_migrations(surveyed: &Surveyed) -> BTreeSet<&MigrationId> {
    let (pending, applied) = standing(surveyed);
    pending
        .into_iter()
        .filter(|id| id.is_repeatable() || !applied.contains(id))
        .collect()
}

/// What is pending on some shard.
pub fn pending_migrations(surveyed: &Surveyed) -> BTreeSet<&MigrationId> {
    standing(surveyed).0
}

/// What is pending somewhere, and what is applied somewhere.
fn standing(surveyed: &Surveyed) -> (BTreeSet<&MigrationId>, BTreeSet<&MigrationId>) {
    let mut pending: BTreeSet<&MigrationId> = BTreeSet::new();
    let mut applied: BTreeSet<&MigrationId> = BTreeSet::new();
    let mut read = HashSet::new();
    for seen in surveyed.shards.iter().filter_map(|s| s.seen.as_ref().ok()) {
        // Shards that read alike share one reading.
        if read.insert(std::sync::Arc::as_ptr(&seen.reading)) {
            pending.extend(&seen.reading.pending);
            applied.extend(&seen.reading.applied);
        }
    }
    (pending, applied)
}

fn reviewed(report: &Report) -> Reviewed {
    let mut errors: BTreeMap<MigrationId, Vec<String>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.holds()) {
        if let Some(id) = &finding.migration {
            let rules = errors.entry(id.clone()).or_default();
            if !rules.contains(&finding.rule) {
                rules.push(finding.rule.clone());
            }
        }
    }
    let findings = report.findings.iter();
    Reviewed {
        findings: findings
            .filter_map(|finding| serde_json::to_value(finding).ok())
            .collect(),
        errors,
    }
}

/// What a review stands on.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    pub settings: &'a Settings,
    /// The project's.
    pub placeholders: &'a BTreeMap<String, String>,
    /// The shards that are known; none where discovery was not asked.
    pub fleet: Option<&'a Fleet>,
    /// What the fleet looks like, by engine, if anybody looked.
    pub facts: Option<&'a BTreeMap<Engine, FleetFacts>>,
    /// What is known to be on no shard yet.
    pub pending: &'a BTreeSet<MigrationId>,
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
        let settings = self.settings();
        for engine in engines {
            let units = self.units(*engine, files, &judged);
            let facts = self.facts.and_then(|facts| facts.get(engine));
            join(&mut whole, lint(&units, &settings, facts));
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

    /// The files as the lint takes them, for one engine.
    pub fn units(
        &self,
        engine: Engine,
        files: &[FoundFile],
        judged: impl Fn(&FoundFile) -> bool,
    ) -> Vec<Unit> {
        let values = self.values(engine);
        let units = files.iter().map(|file| {
            let unit = read(engine, file, &values);
            let is_pending = || {
                let id = FileName::parse(&file.script).ok()?.ok()?.id;
                Some(self.pending.contains(&id))
            };
            match judged(file) {
                true if is_pending() == Some(true) => unit.pending(),
                true => unit,
                false => unit.earlier(),
            }
        });
        units.collect()
    }

    /// What the lint says on each of the engines, together.
    fn on_each(
        &self,
        engines: &BTreeSet<Engine>,
        units: impl Fn(Engine, &BTreeMap<String, String>) -> Vec<Unit>,
    ) -> Report {
        let mut whole = Report::default();
        let settings = self.settings();
        for engine in engines {
            let units = units(*engine, &self.values(*engine));
            let facts = self.facts.and_then(|facts| facts.get(engine));
            join(&mut whole, lint(&units, &settings, facts));
        }
        whole
    }

    /// The project's, with the number of shards that are declared.
    fn settings(&self) -> Settings {
        Settings {
            declared_shards: self.fleet.map_or(0, |fleet| fleet.shards.len()),
            ..self.settings.clone()
        }
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
        unasked,
    } = one.coverage;
    // A fleet of two engines has each file once, and its statements twice.
    whole.coverage.files = whole.coverage.files.max(files);
    whole.coverage.statements += statements;
    whole.coverage.judged += judged;
    whole.coverage.unjudged.extend(unjudged);
    whole.coverage.unasked.extend(unasked);
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
