//! Writes meanwhile may overflow what is kept of them.

use super::super::{online, words};
use crate::effects::Algorithm;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};

pub(super) static ONLINE_LOG_OVERFLOWS: Rule = Rule {
    id: "online-log-overflows",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "writes meanwhile may overflow the log that is kept of them",
    about: "While a change builds an index or writes the table anew in place, writes go into a log in memory and in \
            tmpdir; past innodb_online_alter_log_max_size (128 MB) the change fails at its end, and all is undone. \
            The sort needs room in tmpdir as well, on each replica again.",
    bad: include_str!("online_log_overflows/bad.sql"),
    good: include_str!("online_log_overflows/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(cost) = online::cost(scene) else {
        return Vec::new();
    };
    let size = scene.size(cost.table);
    let long = matches!(
        cost.algorithm,
        Algorithm::InplaceBuild | Algorithm::InplaceRebuild
    );
    // It takes a large table, and writes, for the log to fill.
    if !long || cost.writes_wait || size.severity != Some(Severity::Error) {
        return Vec::new();
    }
    let table = cost.table;
    Draft::new(cost.span.clone(), format!("writes to {table} meanwhile may undo the change at its end"))
        .decided(size.decided)
        .why(words::why(scene, table, "Writes are kept until the change is done, in a log that has a limit; past it the change fails."))
        .replicas("Each replica needs the same room in tmpdir when it repeats the change.")
        .instead("Raise innodb_online_alter_log_max_size, see to room in tmpdir on every node, or hand it to `-- greylag:online pt-online-schema-change`.")
        .alone()
}
