use crate::{Finding, Report, Settings, Severity, Trace, Traced, Unit, lint, weigh};
use greylag_core::engine::Engine;
use serde_json::json;
use std::collections::BTreeMap;

const INDEX: &str = "CREATE INDEX orders_email ON orders (email);";

/// The report on one file after a table of orders, weighed with what was seen of it.
fn weighed(sql: &str, seen: serde_json::Value) -> Report {
    weighed_on(Engine::Postgres, sql, seen)
}

fn weighed_on(engine: Engine, sql: &str, seen: serde_json::Value) -> Report {
    let none = BTreeMap::new();
    let read = |script, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let units = [
        read(
            "V1__orders.sql",
            "CREATE TABLE orders (id bigint PRIMARY KEY, email text);",
        )
        .earlier(),
        read("V2__change.sql", sql),
    ];
    let settings = Settings::default();
    let mut report = lint(&units, &settings, None);
    let mut file = json!({"script": "V2__change.sql", "statements": []});
    for (name, value) in seen.as_object().unwrap() {
        file[name] = value.clone();
    }
    let trace =
        json!({"engine": engine.as_str(), "version": "15.4", "replayed": 1, "files": [file]});
    let trace: Trace = serde_json::from_value(trace).unwrap();
    weigh(&mut report, &units, &settings, None, trace);
    report
}

fn measured(locks: &[(&str, &str)], built: &[&str]) -> serde_json::Value {
    let locks: Vec<_> = locks
        .iter()
        .map(|(name, mode)| json!({"on": {"name": name}, "mode": mode, "held": false}))
        .collect();
    let built: Vec<_> = built
        .iter()
        .map(|name| json!({"name": name, "index_of": "orders", "new": true}))
        .collect();
    json!({"statements": [{
        "statement": 0, "duration_us": 10, "locks": locks, "rewritten": [], "built": built,
        "read": [{"name": "orders"}], "log_bytes": 10, "replayed_locks": [], "in_transaction": true,
    }]})
}

fn of<'a>(report: &'a Report, rule: &str) -> Option<&'a Finding> {
    report.findings.iter().find(|finding| finding.rule == rule)
}

#[test]
fn what_was_seen_confirms_and_what_was_not_contradicts() {
    let seen = measured(&[("orders", "SHARE")], &["orders_email"]);
    let report = weighed(INDEX, seen);
    assert_eq!(
        of(&report, "add-index-blocking").unwrap().traced,
        Some(Traced::Confirmed)
    );
    assert!(
        of(&report, "seen-by-trace").is_none(),
        "{:?}",
        report.findings
    );
    assert_eq!(report.traces.len(), 1);
    let report = weighed(
        INDEX,
        measured(&[("orders", "ROW SHARE")], &["orders_email"]),
    );
    assert_eq!(
        of(&report, "add-index-blocking").unwrap().traced,
        Some(Traced::Contradicted)
    );
}

#[test]
fn a_lock_that_nobody_had_foreseen_is_a_finding_of_its_own() {
    let block = "DO $$ BEGIN EXECUTE 'ALTER TABLE orders ADD c int'; END $$;";
    let seen = measured(&[("orders", "ACCESS EXCLUSIVE")], &[]);
    let report = weighed(block, seen.clone());
    let found = of(&report, "seen-by-trace").unwrap();
    assert_eq!(found.traced, Some(Traced::SeenOnly));
    assert!(
        found.title.contains("ACCESS EXCLUSIVE on orders"),
        "{}",
        found.title
    );
    // What any reader takes, and what the script itself has made, is nobody's matter.
    let quiet = weighed(
        block,
        measured(&[("orders", "ROW EXCLUSIVE")], &["new_index"]),
    );
    assert!(
        of(&quiet, "seen-by-trace").is_none(),
        "{:?}",
        quiet.findings
    );
    let allowed = format!("-- greylag:allow seen-by-trace because nobody is up then\n{block}");
    let report = weighed(&allowed, seen);
    assert!(of(&report, "seen-by-trace").unwrap().allowed.is_some());
    assert!(of(&report, "unused-allow").is_none());
}

#[test]
fn a_directive_for_a_trace_is_not_unused_without_one() {
    let text = format!("-- greylag:allow seen-by-trace because nobody is up then\n{INDEX}");
    let report = weighed(&text, measured(&[("orders", "SHARE")], &["orders_email"]));
    assert!(
        of(&report, "unused-allow").is_none(),
        "{:?}",
        report.findings
    );
}

#[test]
fn what_the_server_refuses_is_an_error_unless_a_rule_had_said_so() {
    let refused =
        json!({"refused": {"statement": 0, "code": "42703", "message": "no such column"}});
    let report = weighed(INDEX, refused.clone());
    let found = of(&report, "refused-by-trace").unwrap();
    assert_eq!(
        (found.severity, found.traced),
        (Severity::Error, Some(Traced::SeenOnly))
    );
    assert_eq!(of(&report, "add-index-blocking").unwrap().traced, None);
    let inside = "-- greylag:transaction on\nALTER TABLE orders ADD c int;\nSELECT 1;";
    assert!(of(&weighed(inside, refused), "refused-by-trace").is_some());
}

#[test]
fn a_copy_that_no_clause_had_foreseen_is_a_finding_of_its_own_on_mysql_too() {
    let seen = |algorithm: Option<&str>| {
        json!({"statements": [{
            "statement": 0, "duration_us": 10, "locks": [], "rewritten": [{"name": "orders"}], "built": [],
            "log_bytes": 10, "algorithm": algorithm, "in_transaction": false,
        }]})
    };
    let told = |engine, sql: &str, algorithm| {
        let report = weighed_on(engine, sql, seen(algorithm));
        let found = of(&report, "seen-by-trace");
        found.map(|found| (found.severity, found.title.clone()))
    };
    for engine in [Engine::Mysql, Engine::Mariadb] {
        // What another server's version, or its settings, make of it.
        let add = "ALTER TABLE orders ADD COLUMN note int;";
        let (severity, title) = told(engine, add, Some("COPY")).unwrap();
        assert_eq!(severity, Severity::Warning);
        assert!(title.contains("orders copied"), "{title}");
        assert!(
            told(engine, add, None)
                .unwrap()
                .1
                .contains("orders written anew")
        );
        assert!(told(engine, "ALTER TABLE unknown MODIFY a int;", Some("COPY")).is_some());
        for foreseen in [
            "ALTER TABLE orders MODIFY email int;",
            "ALTER TABLE orders ADD COLUMN note int, ALGORITHM=COPY;",
            "TRUNCATE orders;",
            "ALTER TABLE orders RENAME TO others;",
            "-- greylag:online gh-ost\nALTER TABLE orders ADD COLUMN note int;",
        ] {
            assert_eq!(told(engine, foreseen, Some("COPY")), None, "{foreseen}");
        }
    }
}
