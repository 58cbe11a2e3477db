//! Commits wait for replicas that wait for their readers.

use crate::{effects::StandbyEffect, finding::Decided};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static SYNCHRONOUS_REPLAY: Rule = Rule {
    id: "synchronous-replay",
    group: Group::Replicas,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "commits wait for replicas that wait for their readers",
    about: "With synchronous_commit = remote_apply each commit waits until a standby has replayed it. A lock \
            that a reader on the standby holds up then holds up every commit on the primary.",
    bad: include_str!("synchronous_replay/bad.sql"),
    good: include_str!("synchronous_replay/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.fleet.is_some_and(|fleet| fleet.waits_for_replay) {
        return Vec::new();
    }
    let taken = scene.taken();
    let locking = taken
        .iter()
        .find(|taken| taken.effect.standby != StandbyEffect::None);
    let Some(taken) = locking else {
        return Vec::new();
    };
    Draft::new(taken.span.clone(), format!("a reader of {} on a standby holds up every commit", taken.table))
        .decided(Decided::Fleet)
        .why("The fleet has primaries that wait for replay (remote_apply), and replay waits for readers of the locked table.")
        .replicas("Replay stops for up to max_standby_streaming_delay.")
        .instead("Set synchronous_commit to remote_write for the time of the migration, or move readers off those standbys.")
        .alone()
}
