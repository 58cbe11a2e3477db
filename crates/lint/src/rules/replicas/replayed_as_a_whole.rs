//! Replicas repeat the whole change after the primary has finished.

use super::super::{online, words};
use crate::effects::Algorithm;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static REPLAYED_AS_A_WHOLE: Rule = Rule {
    id: "replayed-as-a-whole",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "replicas repeat the whole change after the primary has finished",
    about: "An ALTER that builds an index or writes the table anew in place lets writes go on, on the \
            primary. It goes into the binary log when it is done, and a replica then does it all again \
            before it goes on with anything: its lag is as long as the change took. (MariaDB 10.8 and later \
            can begin earlier: binlog_alter_two_phase.) INSTANT changes cost replicas nothing. A Galera cluster has no such replicas: it carries DDL out on all nodes at \
            one point of the order (TOI), in place too, and no node commits a write until it is done; in a group (Group Replication) each secondary repeats it, and flow control \
            slows the primary down meanwhile.",
    bad: include_str!("replayed_as_a_whole/bad.sql"),
    good: include_str!("replayed_as_a_whole/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.has_replicas() || online::is_handed_over(scene) {
        return Vec::new();
    }
    let Some(cost) = online::cost(scene) else {
        return Vec::new();
    };
    if !matches!(
        cost.algorithm,
        Algorithm::InplaceBuild | Algorithm::InplaceRebuild
    ) {
        return Vec::new();
    }
    let table = cost.table;
    let does = if cost.algorithm == Algorithm::InplaceBuild {
        "builds an index of"
    } else {
        "writes anew"
    };
    Draft::new(cost.span.clone(), format!("each replica stands still while it {does} {table} a second time"))
        .sized(&scene.size(table))
        .decided(cost.decided)
        .why(words::why(scene, table, &format!("{} is carried out in place by {}, and logged only when it is done.", cost.title, scene.unit.engine.title())))
        .replicas("The lag is as long as the change took on the primary; with several at once, their sum. A Galera cluster does it on all nodes at once, and none commits meanwhile.")
        .shards("Shards that share a replica's host repeat it one beside the other.")
        .instead("Hand it to `-- greylag:online pt-online-schema-change`, or do it while nobody reads from replicas.")
        .alone()
}
