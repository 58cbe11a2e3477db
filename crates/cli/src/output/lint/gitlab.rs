//! A Code Quality report, which GitLab shows in merge requests.

use super::{Reviewed, fingerprints};
use greylag_lint::Severity;
use serde_json::{Value, json};

pub(super) fn document(reviewed: &Reviewed<'_>) -> Value {
    let open = fingerprints(reviewed)
        .into_iter()
        .filter(|(finding, _)| finding.allowed.is_none());
    let issues = open.map(|(finding, fingerprint)| {
        json!({
            "check_name": finding.rule,
            "description": format!("{}. {}", finding.title, finding.message.why),
            "severity": match finding.severity {
                Severity::Error => "major",
                Severity::Warning => "minor",
                Severity::Note => "info",
            },
            "fingerprint": fingerprint,
            "location": {
                "path": reviewed.path(&finding.script),
                "lines": {"begin": finding.start.line, "end": finding.end.line},
            },
        })
    });
    Value::Array(issues.collect())
}
