//! One clause makes all others of the statement slow.

use super::super::{online, rewrite};
use crate::{
    effects::Algorithm,
    fix::{Fix, Step},
    operation::{Action, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static MIXED_CLAUSES: Rule = Rule {
    id: "mixed-clauses",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "one clause makes all others of the statement slow",
    about: "The server carries out an ALTER TABLE as its slowest clause needs it. A column that could be \
            added in an instant is added by a rebuild when an index stands beside it. Put what is instant \
            into a statement of its own.",
    bad: include_str!("mixed_clauses/bad.sql"),
    good: include_str!("mixed_clauses/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let clauses = online::clauses(scene);
    let instant = |c: &&online::Cost<'_>| c.algorithm <= Algorithm::InplaceMetadata;
    let quick = clauses.iter().filter(instant).count();
    let slow = clauses
        .iter()
        .filter(|c| c.algorithm.is_long())
        .max_by_key(|c| c.algorithm);
    let (Some(slow), true) = (slow, quick > 0) else {
        return Vec::new();
    };
    let draft = Draft::new(
        slow.span.clone(),
        format!(
            "{} makes {quick} quick clauses of the statement slow",
            slow.title
        ),
    )
    .decided(slow.decided)
    .why("All clauses of an ALTER TABLE are carried out the way that the slowest of them needs.")
    .replicas("Replicas repeat the whole statement, too.")
    .instead("Put the quick clauses into a statement of their own.");
    draft.fix(fix(scene, &clauses)).alone()
}

fn fix(scene: &Scene<'_>, clauses: &[online::Cost<'_>]) -> Option<Fix> {
    let Operation::AlterTable(alter) = scene.operation else {
        return None;
    };
    // A statement that says how it is to be carried out is left to its author.
    if alter.if_exists
        || alter.algorithm.is_some()
        || alter.lock.is_some()
        || clauses.len() != alter.actions.len()
    {
        return None;
    }
    // The clauses of one statement know each other's new names; two statements don't.
    let renames = |(action, _): &(Action, _)| match action {
        Action::RenameColumn { .. } => true,
        Action::ModifyColumn { from, column, .. } => *from != column.name,
        _ => false,
    };
    if alter.actions.iter().any(renames) {
        return None;
    }
    let table = scene.sql(&alter.name.span);
    let join = |long: bool| -> String {
        let own = clauses.iter().filter(|c| c.algorithm.is_long() == long);
        let own: Vec<&str> = own.map(|c| scene.sql(&c.span)).collect();
        format!("ALTER TABLE {table} {};", own.join(", "))
    };
    let steps = vec![
        Step::here(join(false)),
        Step::apart(format!("{} slow part", alter.name.name), join(true)),
    ];
    rewrite::statement(scene, "split it into a quick and a slow statement", steps)
}
