//! A Code Quality report, which GitLab shows in merge requests.

use super::{Reviewed, fingerprints, traced};
use greylag_lint::Severity;
use serde_json::{Value, json};

pub(super) fn document(reviewed: &Reviewed<'_>) -> Value {
    let open = fingerprints(reviewed)
        .into_iter()
        .filter(|(finding, _)| finding.allowed.is_none());
    let issues = open.map(|(finding, fingerprint)| {
        let mut description = format!("{}. {}", finding.title, finding.message.why);
        if let Some(seen) = finding.traced {
            description += &format!(" ({})", traced::verdict(seen));
        }
        json!({
            "check_name": finding.rule,
            "description": description,
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
