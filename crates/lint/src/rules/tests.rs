//! Every rule against its own files: it speaks about the bad one, and is silent about the good one.

use super::{all, example::Example};
use crate::{
    judge::lint,
    report::Report,
    rule::{Group, Rule},
    settings::Level,
};
use greylag_core::engine::Engine;

fn engines(rule: &Rule, example: &Example) -> Vec<Engine> {
    if !example.engines.is_empty() {
        return example.engines.clone();
    }
    let of_rule = |engine: &Engine| rule.dialects.contains(&engine.dialect());
    let own: Vec<Engine> = Engine::ALL.into_iter().filter(of_rule).collect();
    if own.len() == Engine::ALL.len() {
        vec![Engine::Postgres]
    } else {
        own
    }
}

fn run(rule: &Rule, text: &str) -> Vec<(Engine, Report)> {
    let mut example = Example::parse(text).unwrap_or_else(|e| panic!("{}: {e}", rule.id));
    if rule.severity.is_none() {
        example
            .settings
            .severity
            .insert(rule.id.to_owned(), Level::Warning);
    }
    assert!(
        example.files.iter().any(|file| file.judged),
        "{}: nothing is judged",
        rule.id
    );
    engines(rule, &example)
        .into_iter()
        .map(|engine| {
            let units = example.units(engine);
            (
                engine,
                lint(&units, &example.settings, example.fleet.as_ref()),
            )
        })
        .collect()
}

fn with_examples() -> impl Iterator<Item = &'static Rule> {
    let own = all().iter().copied();
    own.filter(|rule| {
        !matches!(rule.group, Group::Squawk | Group::Trace) && rule.id != "unreadable"
    })
}

#[test]
fn every_rule_speaks_about_its_bad_file() {
    let mut silent = Vec::new();
    for rule in with_examples() {
        for (engine, report) in run(rule, rule.bad) {
            let told = report
                .findings
                .iter()
                .filter(|f| f.rule == rule.id && f.allowed.is_none());
            if told.count() == 0 {
                silent.push(format!(
                    "{} on {engine}: {:#?}",
                    rule.id,
                    report
                        .findings
                        .iter()
                        .map(|f| (&f.rule, &f.title))
                        .collect::<Vec<_>>()
                ));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn every_rule_is_silent_about_its_good_file() {
    let mut loud = Vec::new();
    for rule in with_examples() {
        for (engine, report) in run(rule, rule.good) {
            let told = report
                .findings
                .iter()
                .filter(|f| f.rule == rule.id && f.allowed.is_none());
            loud.extend(told.map(|f| format!("{} on {engine}: {}", rule.id, f.title)));
            let unread = report.findings.iter().filter(|f| f.rule == "unreadable");
            loud.extend(unread.map(|f| format!("{}: {}", rule.id, f.title)));
        }
    }
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

#[test]
fn every_finding_says_why_and_what_instead() {
    for rule in with_examples() {
        for (engine, report) in run(rule, rule.bad) {
            for finding in report.findings.iter().filter(|f| f.rule == rule.id) {
                let message = &finding.message;
                assert!(!message.why.is_empty(), "{} on {engine}: no why", rule.id);
                assert!(
                    message.instead.is_some(),
                    "{} on {engine}: nothing instead",
                    rule.id
                );
                for text in [
                    Some(&message.why),
                    message.instead.as_ref(),
                    message.lock.as_ref(),
                ]
                .into_iter()
                .flatten()
                {
                    let ends = text.ends_with(['.', '?', ';', ':']);
                    assert!(ends && !text.contains("  "), "{}: `{text}`", rule.id);
                }
                assert!(
                    !finding.title.ends_with('.'),
                    "{}: {}",
                    rule.id,
                    finding.title
                );
                assert!(finding.span.start <= finding.span.end);
            }
        }
    }
}

#[test]
fn ids_are_unique_and_can_be_allowed() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in all() {
        assert!(seen.insert(rule.id), "{} twice", rule.id);
        assert!(
            rule.id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-/".contains(c))
        );
    }
}
