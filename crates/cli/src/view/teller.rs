//! What is said of each notice: a line per change of state, for pipes and for what scrolls above the live view.

use super::{
    board::{Board, WaveBoard},
    frame::stage_words,
};
use crate::output::{Paint, count, draw_failure, paint, short_digest, span, wait_reason};
use greylag_core::{
    event::Event,
    fleet::ShardName,
    gate::{Verdict, WaitReason},
    outcome::{Blocker, Outcome},
    plan::StageKind,
};
use greylag_orchestrator::Notice;
use jiff::Timestamp;
use std::{collections::HashMap, path::PathBuf, time::Duration};

/// Turns notices into lines; remembers what it said, so as not to say it twice.
#[derive(Debug, Default)]
pub struct Teller {
    /// False above a live view, which shows the stage, its waves, the shards in flight and every wait by itself.
    each_shard: bool,
    each_migration: bool,
    folder: Option<PathBuf>,
    stage: Option<usize>,
    waiting: String,
    shards_waiting: HashMap<ShardName, String>,
    started: HashMap<ShardName, Timestamp>,
    waves_done: Vec<(usize, String)>,
}

impl Teller {
    /// `each_shard`: each shard that succeeds gets a line, not only waves and failures; `each_migration`: each migration,
    /// too. `folder` is where the migrations lie, for messages.
    pub fn new(each_shard: bool, each_migration: bool, folder: Option<PathBuf>) -> Self {
        Self {
            each_shard,
            each_migration,
            folder,
            ..Self::default()
        }
    }

    /// What is to be said of a notice; `board` has folded it already.
    pub fn tell(&mut self, notice: &Notice, board: &Board) -> Vec<String> {
        let mut lines = Vec::new();
        match notice {
            Notice::Surveyed {
                shard,
                unreachable: Some(why),
                ..
            } => lines.push(format!(
                "{} {shard} can't be reached: {}",
                paint(Paint::Bad, "✗"),
                // Most causes begin with the address and the same words.
                why.replacen(" can't be reached", "", 1)
            )),
            Notice::Surveyed { .. } => {}
            Notice::Taken {
                rollout,
                plan,
                past,
            } => {
                let (done, all) = (board.complete, board.total());
                let what = if past.is_empty() {
                    format!("rollout {rollout} begins: {}", count(all, "shard"))
                } else {
                    format!(
                        "rollout {rollout} goes on: {done} of {} done",
                        count(all, "shard")
                    )
                };
                lines.push(format!("{what}, plan {}", short_digest(&plan.digest)));
            }
            Notice::Event(stamped) => self.event(&stamped.event, stamped.at, board, &mut lines),
            Notice::Live { at, event } => self.event(event, *at, board, &mut lines),
            Notice::Waiting { reasons } => self.wait(reasons, &mut lines),
            Notice::Warning { shard, text } => {
                let whose = shard.as_ref().map(|shard| format!("{shard}: "));
                lines.push(format!(
                    "{} {}{text}",
                    paint(Paint::Waits, "!"),
                    whose.unwrap_or_default()
                ));
            }
            // The live view says it at its foot.
            Notice::Stopping { .. } if !self.each_shard => {}
            Notice::Stopping {
                cancelling,
                in_flight,
            } => {
                let n = count(in_flight.len(), "shard");
                lines.push(match (cancelling, in_flight.len()) {
                    (_, 0) => "stopping: nothing is in flight, and nothing new starts".into(),
                    (false, 1) => "stopping: 1 shard finishes its migration; ^C again cancels it on the server".into(),
                    (false, _) => format!("stopping: {n} finish their migrations; ^C again cancels them on the servers"),
                    (true, _) => format!("cancelling what is in flight on {n}"),
                });
            }
        }
        lines
    }

    fn event(&mut self, event: &Event, at: Timestamp, board: &Board, lines: &mut Vec<String>) {
        match event {
            Event::GateAnswered {
                stage,
                wave,
                verdict,
            } => {
                self.enter(*stage, board, lines);
                let name = board.waves.get(*wave).map_or("", |wave| &wave.name);
                match verdict {
                    Verdict::Pass if !self.each_shard => self.waiting.clear(),
                    Verdict::Pass => {
                        // After a break some are done already.
                        let left = board.waves.get(*wave).map_or(0, WaveBoard::left);
                        if left > 0 {
                            lines.push(format!("wave {name}: {} may start", count(left, "shard")));
                        }
                        self.waiting.clear();
                    }
                    Verdict::Wait { reasons } => {
                        let text = format!("wave {name} waits: {}", joined(reasons));
                        self.once(text, lines);
                    }
                    Verdict::Stop { why } => {
                        lines.push(format!(
                            "{} wave {name} can't start: {why}",
                            paint(Paint::Bad, "✗")
                        ));
                    }
                }
            }
            Event::ShardStarted { stage, shard } => {
                self.enter(*stage, board, lines);
                self.started.insert(shard.clone(), at);
            }
            Event::MigrationApplied {
                shard,
                migration,
                millis,
                ..
            } if self.each_migration => {
                let time = span(Duration::from_millis(*millis));
                lines.push(format!("  {shard}: {migration} applied in {time}"));
            }
            Event::ShardWaiting { shard, reasons, .. } => {
                let key = reasons.iter().map(about).collect::<Vec<_>>().join("; ");
                let news = !key.is_empty() && self.shards_waiting.get(shard) != Some(&key);
                self.shards_waiting.insert(shard.clone(), key);
                if news && self.each_shard {
                    lines.push(format!(
                        "{} {shard} waits: {}",
                        paint(Paint::Waits, "…"),
                        joined(reasons)
                    ));
                }
            }
            Event::ShardEnded {
                stage,
                shard,
                outcome,
            } => self.ended(*stage, shard, outcome, at, board, lines),
            Event::Approved { by, wave, .. } => {
                let name = board.waves.get(*wave).map_or("", |wave| &wave.name);
                lines.push(format!("wave {name} approved by {by}"));
            }
            Event::Paused { by, reason } => lines.push(format!(
                "{} by {by}{}",
                paint(Paint::Waits, "paused"),
                reason
                    .as_ref()
                    .map(|why| format!(": {why}"))
                    .unwrap_or_default()
            )),
            Event::Resumed { by } => lines.push(format!("resumed by {by}")),
            Event::Aborted { by, reason } => lines.push(format!(
                "{} by {by}{}",
                paint(Paint::Bad, "aborted"),
                reason
                    .as_ref()
                    .map(|why| format!(": {why}"))
                    .unwrap_or_default()
            )),
            Event::Retried { shard, by } => {
                lines.push(format!("{shard} is tried again, says {by}"))
            }
            Event::Skipped { shard, by, reason } => {
                lines.push(format!("{shard} is skipped, says {by}: {reason}"));
            }
            Event::Settled {
                shard,
                migration,
                applied,
                by,
                node,
                ..
            } => {
                let how = if *applied { "applied" } else { "absent" };
                let whom = match node {
                    Some(node) => format!("subscriber {node}"),
                    None => shard.to_string(),
                };
                lines.push(format!("{whom}: {migration} is settled as {how} by {by}"));
            }
            Event::NotReplayed { shard, nodes, .. } => {
                let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
                lines.push(format!(
                    "{} {shard} is applied, and not replayed in time by {}; nothing new starts until it is",
                    paint(Paint::Waits, "…"),
                    nodes.join(", ")
                ));
            }
            Event::PrimaryMoved { shard, from, to } => {
                lines.push(format!(
                    "shard {shard}: primary moved from {from} to {to} (promoted)"
                ));
            }
            Event::MigrationsLost {
                shard,
                migrations,
                primary,
                ..
            } => {
                let migrations: Vec<String> = migrations.iter().map(ToString::to_string).collect();
                lines.push(format!(
                    "{} shard {shard}: {} was applied, and is not in the history of {primary}: a failover lost it. It is run again there",
                    paint(Paint::Waits, "…"),
                    migrations.join(", ")
                ));
            }
            Event::Held { reasons } if reasons.is_empty() => {
                self.waiting.clear();
                lines.push("nodes let the rollout go on".to_owned());
            }
            Event::Held { reasons } => self.wait(reasons, lines),
            Event::OnlineDdl {
                shard,
                migration,
                statement,
                way,
                ..
            } if self.each_migration => {
                lines.push(format!(
                    "  {shard}: {migration}, statement {statement}: {way}"
                ));
            }
            Event::ToolSaid {
                shard, tool, line, ..
            } if self.each_shard => {
                lines.push(format!("  {shard}: {tool}: {line}"));
            }
            Event::Superseded { by_rollout, why } => {
                lines.push(format!("superseded by rollout {by_rollout}: {why}"));
            }
            Event::RolloutStarted { .. }
            | Event::Restarted { .. }
            | Event::ShardReplaying { .. }
            | Event::MigrationApplied { .. }
            | Event::OnlineDdl { .. }
            | Event::ToolSaid { .. }
            | Event::StatementDone { .. }
            | Event::Finished { .. } => {}
        }
    }

    fn ended(
        &mut self,
        stage: usize,
        shard: &ShardName,
        outcome: &Outcome,
        at: Timestamp,
        board: &Board,
        lines: &mut Vec<String>,
    ) {
        self.shards_waiting.remove(shard);
        let started = self.started.remove(shard);
        let took = started.and_then(|since| Duration::try_from(at.duration_since(since)).ok());
        let took = took
            .map(|took| format!(" in {}", span(took)))
            .unwrap_or_default();
        match outcome {
            Outcome::Applied => {
                if self.each_shard {
                    let work = board.work(stage, shard).len();
                    let wave = board.wave_of(shard);
                    let place =
                        wave.map(|wave| format!("  [{} {}/{}]", wave.name, wave.done, wave.total));
                    lines.push(format!(
                        "{} {shard} {} {}{took}{}",
                        paint(Paint::Good, "✓"),
                        if is_undo(board, stage) {
                            "took back"
                        } else {
                            "has"
                        },
                        count(work, "migration"),
                        paint(Paint::Dim, place.unwrap_or_default())
                    ));
                }
            }
            Outcome::Absent { .. } => lines.push(format!(
                "{shard}: nothing is under way there; what is left of its work can be taken again"
            )),
            Outcome::Failed { failure } => {
                let what = failure.migration.as_ref().map(|m| format!(" in {m}"));
                lines.push(format!(
                    "{} {shard} failed{}{took}",
                    paint(Paint::Bad, "✗"),
                    what.unwrap_or_default()
                ));
                if self.each_shard {
                    let detail = draw_failure(failure, self.folder.as_deref());
                    lines.extend(detail.into_iter().map(|line| format!("    {line}")));
                } else {
                    // The summary draws it, on the same terminal.
                    lines.push(format!("    {}", failure.message));
                }
            }
            Outcome::Unknown { doubt } => lines.push(format!(
                "{} {shard}: {}; it is looked at before anything else happens there",
                paint(Paint::Bad, "?"),
                doubt.why
            )),
        }
        self.wave_done(stage, shard, board, lines);
    }

    fn wave_done(
        &mut self,
        stage: usize,
        shard: &ShardName,
        board: &Board,
        lines: &mut Vec<String>,
    ) {
        let Some(wave) = board.wave_of(shard) else {
            return;
        };
        let key = (stage, wave.name.clone());
        if stage == board.stage && wave.done == wave.total && !self.waves_done.contains(&key) {
            self.waves_done.push(key);
            lines.push(format!(
                "{} wave {}: {} done",
                paint(Paint::Good, "✓"),
                wave.name,
                count(wave.total, "shard")
            ));
        }
    }

    fn enter(&mut self, stage: usize, board: &Board, lines: &mut Vec<String>) {
        if self.stage == Some(stage) {
            return;
        }
        self.stage = Some(stage);
        if !self.each_shard {
            return;
        }
        let Some(plan) = &board.plan else { return };
        if let Some(this) = plan.stages.get(stage) {
            let title = format!(
                "stage {} of {}: {}",
                stage + 1,
                plan.stages.len(),
                stage_words(this)
            );
            lines.push(paint(Paint::Strong, title));
        }
    }

    fn wait(&mut self, reasons: &[WaitReason], lines: &mut Vec<String>) {
        if reasons.is_empty() {
            if !self.waiting.is_empty() {
                self.waiting.clear();
            }
            return;
        }
        // Figures that grow are for the live view; a line is written when what is waited for changes.
        let key = reasons.iter().map(about).collect::<Vec<_>>().join("; ");
        if self.waiting != key && self.each_shard {
            let text = format!("waiting: {}", joined(reasons));
            lines.push(paint(Paint::Waits, &text));
        }
        self.waiting = key;
    }

    fn once(&mut self, text: String, lines: &mut Vec<String>) {
        if self.waiting != text && self.each_shard {
            lines.push(paint(Paint::Waits, &text));
        }
        self.waiting = text;
    }
}

fn is_undo(board: &Board, stage: usize) -> bool {
    let stages = board.plan.as_ref().map(|plan| &plan.stages);
    stages.is_some_and(|stages| stages.get(stage).is_some_and(|s| s.kind == StageKind::Undo))
}

/// What a reason is about, without the figures that grow while it lasts.
fn about(reason: &WaitReason) -> String {
    let pids = |blockers: &[Blocker]| {
        let pids: Vec<_> = blockers.iter().map(|one| one.pid.as_str()).collect();
        pids.join(",")
    };
    match reason {
        WaitReason::Lock { blockers, .. } => format!("lock {}", pids(blockers)),
        WaitReason::Subscriber { node, waits } => format!("{node} {}", about(waits)),
        WaitReason::ShardLock { holder } => format!("shard lock {}", holder.pid),
        WaitReason::Retry { error, .. } => format!("retry {error}"),
        WaitReason::ReplicaLag { node, .. } => format!("lag {node}"),
        WaitReason::ReplicaUnseen { node, .. } => format!("unseen {node}"),
        WaitReason::Replay { count, .. } => format!("replay {count}"),
        WaitReason::StandbyQueries { node, blockers, .. } => {
            format!("queries {node} {}", pids(blockers))
        }
        WaitReason::Slot { node, slot, .. } => format!("slot {node} {slot}"),
        WaitReason::Load { place, what, .. } => format!("load {place} {what:?}"),
        other => wait_reason(other),
    }
}

fn joined(reasons: &[WaitReason]) -> String {
    reasons
        .iter()
        .map(wait_reason)
        .collect::<Vec<_>>()
        .join("; ")
}
