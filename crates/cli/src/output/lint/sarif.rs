//! SARIF 2.1.0, for code scanning. Columns are counted in characters, and say so.

use super::{Reviewed, fingerprints, whole};
use greylag_lint::{Rule, Severity, rules};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn document(reviewed: &Reviewed<'_>) -> Value {
    let report = reviewed.report;
    let used: BTreeSet<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    let used: Vec<&Rule> = used.into_iter().filter_map(rules::find).collect();
    let results: Vec<Value> = fingerprints(reviewed)
        .into_iter()
        .map(|(finding, fingerprint)| {
            let mut result = json!({
                "ruleId": finding.rule,
                "level": level(Some(finding.severity)),
                "message": {"text": format!("{}\n{}", finding.title, whole(reviewed, finding))},
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": {"uri": uri(&reviewed.path(&finding.script))},
                        "region": {
                            "startLine": finding.start.line,
                            "startColumn": finding.start.column,
                            "endLine": finding.end.line,
                            "endColumn": finding.end.column,
                        },
                    },
                }],
                "partialFingerprints": {"greylag/v1": fingerprint},
                "properties": {
                    "engine": finding.engine.as_str(),
                    "decided": finding.decided.as_str(),
                },
            });
            if let Some(at) = used.iter().position(|rule| rule.id == finding.rule) {
                result["ruleIndex"] = at.into();
            }
            if let Some(traced) = finding.traced {
                result["properties"]["traced"] = serde_json::to_value(traced).unwrap_or_default();
            }
            if let Some(allowed) = &finding.allowed {
                result["suppressions"] = json!([{
                    "kind": "inSource",
                    "justification": allowed.because,
                }]);
            }
            result
        })
        .collect();
    // What was not judged is told as a word of the tool: nobody may take it for clean.
    let mut notifications: Vec<Value> = report
        .coverage
        .unjudged
        .iter()
        .map(|one| {
            json!({
                "level": "warning",
                "message": {"text": format!("can't be judged: {}", one.why)},
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": {"uri": uri(&reviewed.path(&one.script))},
                        "region": {"startLine": one.start.line, "startColumn": one.start.column},
                    },
                }],
            })
        })
        .collect();
    for one in &report.coverage.unasked {
        notifications.push(json!({
            "level": "note",
            "message": {"text": format!("{}: {}", reviewed.path(&one.script), one.why)},
        }));
    }
    for one in reviewed.seen.iter().flat_map(|seen| &seen.unlooked) {
        let node = one.node.as_ref().map(|node| format!("/{node}"));
        let name = format!("{}{}", one.shard, node.unwrap_or_default());
        notifications.push(json!({
            "level": "warning",
            "message": {"text": format!("{name} was not looked at: {}", one.why)},
        }));
    }
    let mut document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "greylag",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": used.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    if !report.traces.is_empty() {
        let traces = serde_json::to_value(&report.traces).unwrap_or_default();
        document["runs"][0]["properties"] = json!({"traces": traces});
    }
    document
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.about},
        "help": {"text": rule.about},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"tags": [rule.group.as_str()]},
    })
}

fn level(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Error) => "error",
        Some(Severity::Warning) => "warning",
        Some(Severity::Note) => "note",
        None => "none",
    }
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    const KEEP: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'.')
        .remove(b'_')
        .remove(b'-')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(path, KEEP).to_string()
}
