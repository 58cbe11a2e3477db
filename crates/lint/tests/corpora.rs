//! Real migration histories: no rule panics, and what isn't judged is counted.

use greylag_core::engine::Engine;
use greylag_lint::{Report, Settings, Unit, lint};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The corpora's folder (`GREYLAG_CORPORA`, or beside the repository); says so loudly where there is none.
fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora");
    // A worktree lies a level deeper than the repository itself.
    let deeper = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/corpora");
    let given = std::env::var_os("GREYLAG_CORPORA").map(PathBuf::from);
    let candidates = given.into_iter().chain([beside.into(), deeper.into()]);
    let found = candidates.into_iter().find(|path| path.join("_flyway").is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: no corpora beside the repository; set GREYLAG_CORPORA to their folder");
    }
    found
}

struct Corpus {
    name: String,
    engine: Engine,
    units: Vec<Unit>,
}

fn corpora(folder: &Path) -> Vec<Corpus> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(engine) = name.rsplit_once('_').and_then(|(_, engine)| Engine::from_scheme(engine)) else {
            continue;
        };
        let engines = if engine == Engine::Mysql { vec![Engine::Mysql, Engine::Mariadb] } else { vec![engine] };
        for engine in engines {
            let units = units(&path, engine);
            let name = name.clone();
            found.push(Corpus { name, engine, units });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// In the order they run. Placeholders get a value, as far as the corpora have them.
fn units(folder: &Path, engine: Engine) -> Vec<Unit> {
    let mut files: Vec<(u64, PathBuf)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "sql"))
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            let digits: String = name.strip_prefix('V')?.chars().take_while(char::is_ascii_digit).collect();
            Some((digits.parse().ok()?, path))
        })
        .collect();
    files.sort();
    let none = BTreeMap::new();
    files
        .into_iter()
        .map(|(_, path)| {
            let bytes = std::fs::read(&path).unwrap();
            let conf = std::fs::read(format!("{}.conf", path.display())).ok();
            let config = conf.as_deref().map(|conf| ("x.sql.conf", conf));
            Unit::read(engine, &path.file_name().unwrap().to_string_lossy(), &bytes, config, &none)
        })
        .collect()
}

fn all_on() -> Settings {
    let mut settings: Settings = toml_settings(
        "default-class = \"sharded\"\nshard-key = [\"tenant_id\"]\nlogical-replication = true\nshared-servers = true",
    );
    for rule in greylag_lint::rules::all() {
        settings.severity.insert(rule.id.to_owned(), greylag_lint::Level::Warning);
    }
    settings
}

fn toml_settings(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

#[test]
fn real_histories_are_judged_and_what_is_not_is_counted() {
    let Some(folder) = folder() else { return };
    let (mut statements, mut judged) = (0, 0);
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    for corpus in corpora(&folder) {
        let report = lint(&corpus.units, &Settings::default(), None);
        let coverage = &report.coverage;
        println!(
            "{:26} {:9} {:4} files {:5} statements {:3} % judged, {:4} findings",
            corpus.name,
            corpus.engine.as_str(),
            coverage.files,
            coverage.statements,
            coverage.percent(),
            report.findings.len()
        );
        statements += coverage.statements;
        judged += coverage.judged;
        for unjudged in &coverage.unjudged {
            assert!(!unjudged.why.is_empty());
            println!("    {}:{} {} | {}", unjudged.script, unjudged.start.line, unjudged.why, unjudged.excerpt);
            *why.entry(unjudged.why.split('`').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        assert_eq!(coverage.files, corpus.units.len(), "{}", corpus.name);
        assert_eq!(coverage.statements, coverage.judged + coverage.unjudged.iter().filter(|u| u.statement.is_some()).count());
        for finding in &report.findings {
            *told.entry(finding.rule.clone()).or_default() += 1;
        }
        check(&report, &corpus);
    }
    println!("{told:#?}");
    println!("{judged} of {statements} statements judged; the rest: {why:#?}");
    let percent = judged * 100 / statements;
    assert!(percent >= 97, "{percent} % judged");
}

#[test]
fn no_rule_panics_with_everything_switched_on() {
    let Some(folder) = folder() else { return };
    let settings = all_on();
    for corpus in corpora(&folder) {
        let report = lint(&corpus.units, &settings, None);
        check(&report, &corpus);
    }
}

/// Every finding points into its file.
fn check(report: &Report, corpus: &Corpus) {
    let texts: BTreeMap<&str, &str> = corpus
        .units
        .iter()
        .filter_map(|unit| Some((unit.script.as_str(), &*unit.content.as_ref().ok()?.migration.text)))
        .collect();
    for finding in &report.findings {
        let Some(text) = texts.get(finding.script.as_str()) else { continue };
        let span = finding.span.start..finding.span.end;
        assert!(text.get(span).is_some(), "{finding:?}");
        assert!(finding.start <= finding.end, "{finding:?}");
    }
}
