//! The file waits for locks without a limit.

use crate::operation::Operation;
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
            SET lock_timeout = 0 in the file takes the bound away. The directive `-- greylag:lock-timeout` \
            is the way to another bound.",
    bad: include_str!("lock_timeout_taken_away/bad.sql"),
    good: include_str!("lock_timeout_taken_away/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Set { name, value, .. } = scene.operation else {
        return Vec::new();
    };
    let none = ["0", "'0'", "DEFAULT", "'0s'", "'0ms'"].contains(&value.as_str());
    if name != "lock_timeout" || !none {
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
