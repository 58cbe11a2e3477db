//! It runs as an account that other nodes may lack.

use crate::operation::{Kind, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static DEFINER_MAY_BE_MISSING: Rule = Rule {
    id: "definer-may-be-missing",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "it runs as an account, or on a node, that is not the same everywhere",
    about: "DEFINER names an account; a view, trigger or routine fails at its first use (error 1449) on a node that \
            lacks it, and accounts are often not replicated, or another shard's. Events are switched off on replicas, \
            and stay off after a failover until somebody switches them on.",
    bad: include_str!("definer_may_be_missing/bad.sql"),
    good: include_str!("definer_may_be_missing/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Create(create) = scene.operation else {
        return Vec::new();
    };
    let name = create
        .name
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    let mut drafts = Vec::new();
    if let Some(account) = &create.definer {
        drafts.push(
            Draft::new(scene.whole(), format!("{name} runs as {account}, which other nodes may lack"))
                .why("Whoever uses it gets an error if the account is not there, though it was made without one.")
                .replicas("A replica that lacks the account fails at the first use, or stops replaying a trigger's writes.")
                .shards("Each shard's server has accounts of its own.")
                .instead("Leave DEFINER out (it is then whoever migrates), or use SQL SECURITY INVOKER."),
        );
    }
    if create.kind == Kind::Event && scene.has_replicas() {
        drafts.push(
            Draft::new(scene.whole(), format!("the event {name} sleeps on replicas, and after a failover"))
                .severity(Severity::Note)
                .why("The server switches events off on replicas, so that they run once; nothing switches them on at a promotion.")
                .replicas("There it is there, and doesn't run.")
                .instead("Let a scheduler outside of the database do it, or switch events on as a step of each failover."),
        );
    }
    drafts
}
