//! What harms is told, or said to be unjudged; nothing in between. Each line was silent once, or loud without a cause.

mod statements;
mod tables;
mod writes;

use greylag_core::engine::Engine;
use greylag_lint::{Settings, Severity, Unit, lint};
use std::collections::BTreeMap;

/// Its rules, by id; `unjudged` among them.
fn rules(engine: Engine, given: &str, sql: &str) -> Vec<String> {
    let report = findings(engine, given, sql);
    report.into_iter().map(|(rule, _)| rule).collect()
}

fn findings(engine: Engine, given: &str, sql: &str) -> Vec<(String, Severity)> {
    let none = BTreeMap::new();
    let read = |script, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", given).earlier(),
        read("V2__judged.sql", sql),
    ];
    assert!(units[1].content.is_ok(), "{sql}: {:?}", units[1].content);
    let report = lint(&units, &Settings::default(), None);
    let unjudged = report.coverage.unjudged.len();
    let told = report.findings.iter().filter(|f| f.rule == "unjudged");
    assert_eq!(told.count(), unjudged, "{sql}");
    let findings = report.findings.into_iter();
    findings.map(|f| (f.rule, f.severity)).collect()
}

const TABLES: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, note text, total int);\n";
const NUMBERED: &str = "CREATE TABLE users (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, total int, note varchar(50));\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, note text, a int, KEY orders_a (a));\n\
    CREATE TABLE part (id int NOT NULL) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (100));\n";

/// Engine, what is given, the statement, and the rule that must speak.
fn must_tell(cases: &[(Engine, &str, &str, &str)]) {
    let mut silent = Vec::new();
    for (engine, given, sql, rule) in cases {
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
        let told = rules(*engine, given, sql);
        if told.iter().any(|id| id == rule) {
            loud.push(format!("{engine}: {sql}: {rule}; {told:?}"));
        }
    }
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}
