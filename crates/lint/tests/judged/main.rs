//! What harms is told, or said to be unjudged; nothing in between. Each line was silent once, or loud without a cause.

mod adopted;
mod checks;
mod contracts;
mod copied;
mod joined;
mod kept_keys;
mod letters;
mod modified;
mod new_columns;
mod newness;
mod numbers;
mod odd;
mod partitioned;
mod past_keys;
mod phases;
mod reached;
mod rebuilt;
mod renamed;
mod replaced;
mod replicas;
mod restricts;
mod rights;
mod run_out;
mod settings;
mod shards;
mod sources;
mod statements;
mod tables;
mod volumes;
mod writes;

use greylag_core::engine::Engine;
use greylag_lint::{
    Finding, Report, Settings, Severity, Unit, lint,
    rules::{self as known, example::Example},
};
use std::collections::BTreeMap;

/// Its rules, by id; `unjudged` among them.
fn rules(engine: Engine, given: &str, sql: &str) -> Vec<String> {
    let report = findings(engine, given, sql);
    report.into_iter().map(|(rule, _)| rule).collect()
}

fn findings(engine: Engine, given: &str, sql: &str) -> Vec<(String, Severity)> {
    history(engine, &[given], sql)
}

/// The titles of its findings.
fn titles(engine: Engine, given: &str, sql: &str) -> Vec<String> {
    let report = report(engine, &[given], sql);
    report.findings.into_iter().map(|f| f.title).collect()
}

/// Several files that ran before.
fn history(engine: Engine, given: &[&str], sql: &str) -> Vec<(String, Severity)> {
    let report = report(engine, given, sql);
    let findings = report.findings.into_iter();
    findings.map(|f| (f.rule, f.severity)).collect()
}

fn report(engine: Engine, given: &[&str], sql: &str) -> Report {
    let none = BTreeMap::new();
    let read = |script: &str, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let earlier = given.iter().enumerate();
    let mut units: Vec<Unit> = earlier
        .map(|(at, text)| read(&format!("V{}__given.sql", at + 1), text).earlier())
        .collect();
    units.push(read("V9__judged.sql", sql));
    for (unit, text) in units.iter().zip(given.iter().chain([&sql])) {
        assert!(unit.content.is_ok(), "{text}: {:?}", unit.content);
    }
    let report = lint(&units, &Settings::default(), None);
    let unjudged = report.coverage.unjudged.len();
    let told = report.findings.iter().filter(|f| f.rule == "unjudged");
    assert_eq!(told.count(), unjudged, "{sql}");
    report
}

const TABLES: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, note text, total int);\n";
const NUMBERED: &str = "CREATE TABLE users (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, total int, note varchar(50));\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, note text, a int, KEY orders_a (a));\n\
    CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (100));\n";

/// That a rule is silent says something only where there is such a rule, and it speaks this engine's SQL.
fn must_be_known(rule: &str, engine: Engine) {
    let found = known::find(rule).unwrap_or_else(|| panic!("there is no rule {rule}"));
    let speaks = found.severity.is_some() && found.dialects.contains(&engine.dialect());
    assert!(speaks, "{rule} never speaks about {engine}");
}

/// And only where the statement is understood.
fn must_be_judged(rule: &str, report: &Report, sql: &str) {
    let unjudged = &report.coverage.unjudged;
    assert!(
        unjudged.is_empty() || rule == "unjudged",
        "{sql}: {unjudged:?}"
    );
}

/// Engine, what is given, the statement, and the rule that must speak.
fn must_tell(cases: &[(Engine, &str, &str, &str)]) {
    let mut silent = Vec::new();
    for (engine, given, sql, rule) in cases {
        must_be_known(rule, *engine);
        let told = rules(*engine, given, sql);
        if !told.iter().any(|id| id == rule) {
            silent.push(format!("{engine}: {sql}: {rule} is silent; {told:?}"));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

fn must_not_tell(cases: &[(Engine, &str, &str, &str)]) {
    let mut loud = Vec::new();
    for (engine, given, sql, rule) in cases {
        must_be_known(rule, *engine);
        let report = report(*engine, &[given], sql);
        must_be_judged(rule, &report, sql);
        let told: Vec<String> = report.findings.into_iter().map(|f| f.rule).collect();
        if told.iter().any(|id| id == rule) {
            loud.push(format!("{engine}: {sql}: {rule}; {told:?}"));
        }
    }
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

/// What a rule says about a small project in one file, as `bad.sql` has them.
fn of_example(rule: &str, text: &str) -> Vec<Finding> {
    let findings = example(rule, text).findings.into_iter();
    findings.filter(|finding| finding.rule == rule).collect()
}

/// What all rules say about it.
fn example(rule: &str, text: &str) -> Report {
    let example = Example::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let engine = example.engines.first().copied();
    let engine = engine.unwrap_or(Engine::Postgres);
    must_be_known(rule, engine);
    let units = example.units(engine);
    for unit in &units {
        assert!(unit.content.is_ok(), "{text}: {:?}", unit.content);
    }
    lint(&units, &example.settings, example.fleet.as_ref())
}

/// Each of these projects has something for the rule to say.
fn speaks(rule: &str, head: &str, cases: &[&str]) {
    let projects = cases.iter().map(|case| format!("{head}{case}"));
    let silent: Vec<String> = projects
        .filter(|project| of_example(rule, project).is_empty())
        .map(|project| excerpt(&project))
        .collect();
    assert!(
        silent.is_empty(),
        "{rule} is silent:\n{}",
        silent.join("\n\n")
    );
}

/// And none of these.
fn is_silent(rule: &str, head: &str, cases: &[&str]) {
    let projects = cases.iter().map(|case| format!("{head}{case}"));
    let told = projects.filter_map(|project| {
        let report = example(rule, &project);
        must_be_judged(rule, &report, &excerpt(&project));
        let mut findings = report.findings.iter();
        let first = findings.find(|finding| finding.rule == rule)?;
        Some(format!("{}\n{}", excerpt(&project), first.title))
    });
    let loud: Vec<String> = told.collect();
    assert!(loud.is_empty(), "{rule} is loud:\n{}", loud.join("\n\n"));
}

/// As much of a project as anybody reads.
fn excerpt(project: &str) -> String {
    let end: String = project.chars().rev().take(200).collect();
    let end: String = end.chars().rev().collect();
    project
        .chars()
        .take(2_000)
        .chain(" … ".chars())
        .chain(end.chars())
        .collect()
}
