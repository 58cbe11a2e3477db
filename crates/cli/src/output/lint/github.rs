//! Workflow commands, which GitHub shows beside the lines of a change.

use super::{Reviewed, whole};
use crate::output::Screen;
use greylag_lint::Severity;

pub(super) fn print(screen: &Screen, reviewed: &Reviewed<'_>) {
    for finding in &reviewed.report.findings {
        if finding.allowed.is_some() {
            continue;
        }
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        screen.result(format!(
            "::{command} file={},line={},col={},endLine={},title={}::{}",
            property(&reviewed.path(&finding.script)),
            finding.start.line,
            finding.start.column,
            finding.end.line,
            property(&format!("{}: {}", finding.rule, finding.title)),
            data(&whole(reviewed, finding)),
        ));
    }
    for one in &reviewed.report.coverage.unjudged {
        screen.result(format!(
            "::notice file={},line={},title={}::{}",
            property(&reviewed.path(&one.script)),
            one.start.line,
            property("not judged"),
            data(&format!("Can't be judged: {}", one.why)),
        ));
    }
    for one in &reviewed.report.coverage.unasked {
        screen.result(format!(
            "::notice file={},title={}::{}",
            property(&reviewed.path(&one.script)),
            property("not asked"),
            data(&one.why),
        ));
    }
    for one in reviewed.seen.iter().flat_map(|seen| &seen.unlooked) {
        let node = one.node.as_ref().map(|node| format!("/{node}"));
        let name = format!("{}{}", one.shard, node.unwrap_or_default());
        screen.result(format!(
            "::warning title={}::{}",
            property("not looked at"),
            data(&format!("{name}: {}", one.why)),
        ));
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("50 %: a,\r\nb"), "50 %25: a,%0D%0Ab");
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
