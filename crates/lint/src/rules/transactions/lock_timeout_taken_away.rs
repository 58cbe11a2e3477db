//! The file waits for locks without a limit.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static LOCK_TIMEOUT_TAKEN_AWAY: Rule = Rule {
    id: "lock-timeout-taken-away",
    group: Group::Transactions,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "the file waits for locks without a limit",
    about: "Greylag bounds how long a statement waits for a lock, because everything else waits behind it. A \
            SET lock_timeout = 0 in the file, set_config() or RESET ALL takes the bound away. The directive `-- greylag:lock-timeout` \
            is the way to another bound.",
    bad: include_str!("lock_timeout_taken_away/bad.sql"),
    good: include_str!("lock_timeout_taken_away/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let assignments = scene.assignments();
    let gone = |(name, value): &(String, String)| match name.to_lowercase().as_str() {
        "lock_timeout" => is_none(value),
        // RESET ALL.
        "all" => value == "DEFAULT",
        _ => false,
    };
    if !assignments.iter().any(gone) {
        return Vec::new();
    }
    Draft::new(
        scene.whole(),
        "statements after this wait for locks for ever",
    )
    .why("A statement that waits for a lock keeps out everything that comes after it.")
    .instead("Take it out, or choose another bound with `-- greylag:lock-timeout 500ms`.")
    .alone()
}

/// DEFAULT, or zero of any unit.
fn is_none(value: &str) -> bool {
    let value = value.trim_matches('\'').trim();
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let zero = !number.trim().is_empty() && number.chars().all(|c| "0. ".contains(c));
    zero || value.eq_ignore_ascii_case("default")
}
