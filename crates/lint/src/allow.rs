//! `-- greylag:allow RULE because REASON`: what is let pass, and which of them let nothing pass.

use crate::{
    finding::{Allowed, Finding},
    judge::{Draft, File},
    rules,
};
use std::ops::Range;

/// Marks what the file's directives let pass. Returns the numbers of the directives that were used.
pub(crate) fn mark(file: &File<'_>, findings: &mut [Finding]) -> Vec<usize> {
    let allows = &file.content.migration.directives.allow;
    let mut used = Vec::new();
    for finding in findings {
        let found = allows.iter().position(|allow| allow.rule == finding.rule);
        if let Some(at) = found {
            let because = allows[at].because.clone();
            finding.allowed = Some(Allowed { because });
            used.push(at);
        }
    }
    used
}

/// Directives that name no rule.
pub(crate) fn unknown(file: &File<'_>) -> Vec<Draft> {
    let allows = file.content.migration.directives.allow.iter().enumerate();
    allows
        .filter(|(_, allow)| !rules::is_known(&allow.rule))
        .map(|(at, allow)| {
            let nearest = rules::nearest(&allow.rule);
            Draft::new(
                place(file, at),
                format!("there is no rule `{}`", allow.rule),
            )
            .why("The directive lets nothing pass: no rule has this name.")
            .instead(match nearest {
                Some(rule) => format!("Did you mean `{rule}`?"),
                None => "Write the id that the finding has.".to_owned(),
            })
        })
        .collect()
}

/// Directives of known rules that let nothing pass.
pub(crate) fn unused(file: &File<'_>, used: &[usize]) -> Vec<Draft> {
    let allows = file.content.migration.directives.allow.iter().enumerate();
    allows
        .filter(|(at, allow)| {
            // Only a trace tells whether those are needed.
            let waits = rules::trace::is_of_trace(&allow.rule);
            !used.contains(at) && rules::is_known(&allow.rule) && !waits
        })
        .map(|(at, allow)| {
            Draft::new(place(file, at), format!("`{}` is allowed, and finds nothing here", allow.rule))
                .why("A directive that lets nothing pass would hide the next thing that its rule finds in this file.")
                .instead("Remove the directive.")
        })
        .collect()
}

/// The bytes of the file's directive of this number.
fn place(file: &File<'_>, number: usize) -> Range<usize> {
    let text: &str = &file.content.script.text;
    let lower = text.to_ascii_lowercase();
    let mut directives = lower.match_indices("greylag:allow");
    let Some((at, _)) = directives.nth(number) else {
        return 0..0;
    };
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    let end = text[at..]
        .find(['\n', '\r'])
        .map_or(text.len(), |len| at + len);
    start..end
}
