//! The document `greylag.lint/v1`, and those of rules.

use super::{Reviewed, fingerprints};
use crate::output::{Format, Screen};
use greylag_lint::{Rule, Severity, rules};
use serde_json::{Value, json};

/// One document; in NDJSON a line for each finding and one for the summary.
pub(super) fn print(screen: &Screen, reviewed: &Reviewed<'_>) {
    let findings: Vec<Value> = fingerprints(reviewed)
        .into_iter()
        .map(|(finding, fingerprint)| {
            let mut value = serde_json::to_value(finding).unwrap_or_default();
            value["path"] = reviewed.path(&finding.script).into();
            value["fingerprint"] = fingerprint.into();
            value
        })
        .collect();
    let report = reviewed.report;
    let of = |severity| {
        let open = report.findings.iter().filter(|f| f.allowed.is_none());
        open.filter(|f| f.severity == severity).count()
    };
    let counts = json!({
        "error": of(Severity::Error),
        "warning": of(Severity::Warning),
        "note": of(Severity::Note),
        "allowed": report.findings.iter().filter(|f| f.allowed.is_some()).count(),
    });
    if screen.format == Format::Ndjson {
        for mut finding in findings {
            finding["type"] = "finding".into();
            screen.json(&finding);
        }
        let mut summary = json!({"type": "summary", "counts": counts, "coverage": report.coverage});
        add_fleet(&mut summary, reviewed);
        screen.json(&summary);
        return;
    }
    let mut document = json!({
        "schema": "greylag.lint/v1",
        "findings": findings,
        "counts": counts,
        "coverage": report.coverage,
    });
    add_fleet(&mut document, reviewed);
    screen.result(super::pretty(&document));
}

/// What was looked at of the fleet, and what was traced, if anything was.
fn add_fleet(document: &mut Value, reviewed: &Reviewed<'_>) {
    if !reviewed.report.traces.is_empty() {
        document["traces"] = serde_json::to_value(&reviewed.report.traces).unwrap_or_default();
    }
    if let Some(seen) = reviewed.seen {
        document["fleet"] = json!({
            "shards": seen.shards,
            "not_looked_at": seen.unlooked,
            "not_seen": seen.unseen,
            "facts": seen.facts,
        });
    }
}

pub(super) fn rules() -> Value {
    json!({"rules": rules::all().iter().map(|found| rule(found)).collect::<Vec<_>>()})
}

pub(super) fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "group": rule.group.as_str(),
        "severity": rule.severity.map(Severity::as_str),
        "title": rule.title,
        "about": rule.about,
        "bad": rule.bad,
        "good": rule.good,
    })
}
