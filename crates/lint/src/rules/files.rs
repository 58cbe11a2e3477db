//! Rules about files and directives. Their findings come from where files are read.

use crate::{
    finding::Severity,
    judge::{Draft, Scene, unjudged},
    rule::{ALL, Group, Look, Rule},
};

pub(crate) const RULES: &[&Rule] = &[&UNREADABLE, &UNJUDGED, &UNKNOWN_ALLOW, &UNUSED_ALLOW];

pub static UNREADABLE: Rule = Rule {
    id: "unreadable",
    group: Group::Files,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a file that can't be read",
    about: "The file is no text, ends too early, or holds a directive that means nothing. Nothing in it is judged, and \
            Greylag would not run it.",
    bad: "",
    good: "",
    look: Look::Elsewhere,
};

pub static UNJUDGED: Rule = Rule {
    id: "unjudged",
    group: Group::Files,
    severity: Some(Severity::Note),
    dialects: ALL,
    title: "a statement that can't be judged",
    about: "A block of procedural code, a call, a function that isn't the server's own, or a clause that is not understood may do anything; CASCADE drops what nobody \
            names; and what MODIFY costs depends on what the column was, which only the migration that made it tells. It is not taken for \
            safe: it is counted, and named here. Read it yourself.",
    bad: include_str!("files/unjudged/bad.sql"),
    good: include_str!("files/unjudged/good.sql"),
    look: Look::Statement(cannot_be_judged),
};

pub static UNKNOWN_ALLOW: Rule = Rule {
    id: "unknown-allow",
    group: Group::Files,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a directive allows a rule that there is none of",
    about: "`-- greylag:allow RULE because REASON` with a name that no rule has lets nothing pass. It is an error, so that \
            nobody believes the file was reviewed for it.",
    bad: include_str!("files/unknown_allow/bad.sql"),
    good: include_str!("files/unknown_allow/good.sql"),
    look: Look::Elsewhere,
};

pub static UNUSED_ALLOW: Rule = Rule {
    id: "unused-allow",
    group: Group::Files,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "a directive allows what is not found",
    about: "A directive that lets nothing pass today hides the next finding of its rule tomorrow. Remove it.",
    bad: include_str!("files/unused_allow/bad.sql"),
    good: include_str!("files/unused_allow/good.sql"),
    look: Look::Elsewhere,
};

fn cannot_be_judged(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(why) = unjudged(scene) else {
        return Vec::new();
    };
    Draft::new(scene.whole(), format!("can't be judged: {why}"))
        .why("Nobody knows what it locks, rewrites or deletes.")
        .instead("Read it with the rules in mind, and try it on a copy.")
        .alone()
}
