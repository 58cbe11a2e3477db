//! What only a trace finds. Its findings come from the comparison of what was seen with what was said.

use crate::{
    finding::Severity,
    rule::{ALL, Group, Look, Rule},
};

pub(crate) const RULES: &[&Rule] = &[&SEEN_BY_TRACE, &REFUSED_BY_TRACE];

/// The rules that speak only after a trace: a directive for one of them waits for it.
pub(crate) fn is_of_trace(rule: &str) -> bool {
    RULES.iter().any(|own| own.id == rule)
}

pub static SEEN_BY_TRACE: Rule = Rule {
    id: "seen-by-trace",
    group: Group::Trace,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "a trace saw what no rule had said",
    about: "On the scratch server the statement took a lock that keeps readers or writers out, wrote a table anew, or read one \
            from its beginning under such a lock, and nothing in its text had told so: a block of procedural code, a function, a \
            partition, a trigger of an extension. It is as true as what the rules say, and was only found by running it.",
    bad: "",
    good: "",
    look: Look::Elsewhere,
};

pub static REFUSED_BY_TRACE: Rule = Rule {
    id: "refused-by-trace",
    group: Group::Trace,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "the scratch server refuses it",
    about: "The statement ended with an error on the scratch server, on top of the migrations before it. It will most likely do \
            the same on the first shard. Where the scratch server only lacks something that shards have (an extension, a \
            schema made by hand), allow it with that reason.",
    bad: "",
    good: "",
    look: Look::Elsewhere,
};
