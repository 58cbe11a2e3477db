//! CONCURRENTLY is none for replicas.

use crate::effects::StandbyEffect;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static CONCURRENTLY_CANCELS_STANDBY: Rule = Rule {
    id: "concurrently-cancels-standby",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "CONCURRENTLY is none for replicas",
    about: "DROP INDEX CONCURRENTLY and REINDEX CONCURRENTLY end with ACCESS EXCLUSIVE on the old index. The \
            primary waits for its own queries first, not for those of standbys; every query on a table there \
            locks all its indexes, so they are cancelled, hot_standby_feedback or not. CREATE INDEX \
            CONCURRENTLY and VALIDATE CONSTRAINT take no such lock.",
    bad: include_str!("concurrently_cancels_standby/bad.sql"),
    good: include_str!("concurrently_cancels_standby/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.has_replicas() {
        return Vec::new();
    }
    let taken = scene.taken();
    let on_index = taken.iter().find(|taken| {
        taken.effect.standby == StandbyEffect::Index && taken.effect.outside_transaction
    });
    let Some(taken) = on_index else {
        return Vec::new();
    };
    let known = scene.known(&taken.table).is_some();
    let table = if known {
        taken.table.to_string()
    } else {
        "the table".to_owned()
    };
    Draft::new(scene.whole(), format!("queries on {table} are cancelled on replicas all the same"))
        .why("It ends with ACCESS EXCLUSIVE on the old index, and queries on a standby lock every index of their table.")
        .replicas("The primary waits only for its own transactions; the standby's are cancelled when the lock is replayed.")
        .instead("Do it in a quiet hour, and let readers on replicas retry.")
        .alone()
}
