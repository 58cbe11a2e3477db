//! VACUUM can't run in a transaction.

use crate::operation::{Operation, Work};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SQLITE},
};

pub(super) static VACUUM_IN_TRANSACTION: Rule = Rule {
    id: "vacuum-in-transaction",
    group: Group::Transactions,
    severity: Some(Severity::Error),
    dialects: SQLITE,
    title: "VACUUM can't run in a transaction",
    about: "SQLite refuses VACUUM inside a transaction, and it writes the whole file anew, which whoever \
            copies the file (Litestream, LiteFS) has to send whole.",
    bad: include_str!("vacuum_in_transaction/bad.sql"),
    good: include_str!("vacuum_in_transaction/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Maintain(maintain) = scene.operation else {
        return Vec::new();
    };
    if maintain.work != Work::VacuumFull
        || scene.transaction().is_none() && scene.content.mode.is_ok()
    {
        return Vec::new();
    }
    Draft::new(scene.whole(), "VACUUM is refused inside a transaction")
        .why("The file fails here, and everything before it is undone.")
        .replicas("It writes the whole file anew: copies of the file are sent whole.")
        .instead("Run VACUUM apart from migrations.")
        .alone()
}
