//! Real migration histories: no rule panics, and what isn't judged is counted.

mod corpus;

use corpus::Corpus;
use greylag_lint::{Report, Settings, lint};
use std::collections::BTreeMap;

fn all_on() -> Settings {
    let mut settings: Settings = toml_settings(
        "default-class = \"sharded\"\nshard-key = [\"tenant_id\"]\nlogical-replication = true\nshared-servers = true",
    );
    for rule in greylag_lint::rules::all() {
        settings
            .severity
            .insert(rule.id.to_owned(), greylag_lint::Level::Warning);
    }
    settings
}

fn toml_settings(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

#[test]
fn real_histories_are_judged_and_what_is_not_is_counted() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let (mut statements, mut judged) = (0, 0);
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    for corpus in corpus::all(&folder) {
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
            println!(
                "    {}:{} {} | {}",
                unjudged.script, unjudged.start.line, unjudged.why, unjudged.excerpt
            );
            *why.entry(
                unjudged
                    .why
                    .split('`')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
            .or_default() += 1;
        }
        assert_eq!(coverage.files, corpus.units.len(), "{}", corpus.name);
        assert_eq!(
            coverage.statements,
            coverage.judged
                + coverage
                    .unjudged
                    .iter()
                    .filter(|u| u.statement.is_some())
                    .count()
        );
        for finding in &report.findings {
            *told.entry(finding.rule.clone()).or_default() += 1;
            println!(
                "FOUND {} {:?} {} {}:{} {}",
                finding.rule,
                finding.severity,
                corpus.name,
                finding.script,
                finding.start.line,
                finding.title
            );
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
    let Some(folder) = corpus::folder() else {
        return;
    };
    let settings = all_on();
    for corpus in corpus::all(&folder) {
        let report = lint(&corpus.units, &settings, None);
        check(&report, &corpus);
    }
}

/// Every finding points into its file.
fn check(report: &Report, corpus: &Corpus) {
    let texts: BTreeMap<&str, &str> = corpus
        .units
        .iter()
        .filter_map(|unit| {
            Some((
                unit.script.as_str(),
                &*unit.content.as_ref().ok()?.migration.text,
            ))
        })
        .collect();
    for finding in &report.findings {
        let Some(text) = texts.get(finding.script.as_str()) else {
            continue;
        };
        let span = finding.span.start..finding.span.end;
        assert!(text.get(span).is_some(), "{finding:?}");
        assert!(finding.start <= finding.end, "{finding:?}");
    }
}
