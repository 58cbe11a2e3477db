//! NOT VALID and VALIDATE share a transaction.

use super::super::{rewrite, words};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{
    fix::Step,
    operation::{Action, Name, Operation},
};

pub(super) static VALIDATE_IN_SAME_TRANSACTION: Rule = Rule {
    id: "validate-in-same-transaction",
    group: Group::Transactions,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "NOT VALID and VALIDATE share a transaction",
    about: "The lock of ADD CONSTRAINT … NOT VALID is held to the end of the transaction. A VALIDATE in the \
            same transaction reads the whole table under that lock: nothing is gained. Validate in a file of \
            its own.",
    bad: include_str!("validate_in_same_transaction/bad.sql"),
    good: include_str!("validate_in_same_transaction/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(transaction) = scene.transaction() else {
        return Vec::new();
    };
    scene
        .actions()
        .filter_map(|(table, action, span)| match action {
            Action::ValidateConstraint { name } if added_before(scene, transaction, table, name) => Some((table, name, span)),
            _ => None,
        })
        .map(|(table, name, span)| {
            let sql = format!("ALTER TABLE {} VALIDATE CONSTRAINT {};", scene.sql(&table.span), words::ident(name));
            let steps = vec![Step::apart(format!("validate {name}"), sql)];
            words::about(scene, table, span, format!("{name} is validated under the lock that added it"))
                .why("The stronger lock of ADD CONSTRAINT is held until the transaction ends, so all of the table is read under it.")
                .instead("Validate in a file of its own.")
                .fix(rewrite::clause(scene, span, "validate in a file of its own", steps))
        })
        .collect()
}

fn added_before(scene: &Scene<'_>, transaction: usize, table: &Name, name: &str) -> bool {
    scene.operations[..=scene.index].iter().enumerate().any(|(at, operation)| {
        let Operation::AlterTable(alter) = operation else { return false };
        let adds = |action: &Action| matches!(action, Action::AddConstraint(c) if c.not_valid && c.name.as_deref() == Some(name));
        scene.transactions[at] == Some(transaction)
            && alter.name.is(table)
            && alter.actions.iter().any(|(action, _)| adds(action))
    })
}
