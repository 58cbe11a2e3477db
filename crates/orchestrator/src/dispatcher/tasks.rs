//! What is under way: executors by shard, and the gate that was asked.

use super::{
    promoted::{Followed, follow},
    run::{Followers, Run, Ties},
};
use crate::{
    executor::{self, Had, Report},
    gates,
};
use greylag_core::{
    fleet::ShardName,
    gate::{Verdict, WaitReason},
    outcome::{Doubt, Outcome},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

/// Told by a task when it is through.
pub enum Done {
    Shard {
        stage: usize,
        shard: ShardName,
        outcome: Outcome,
    },
    /// What the `verify` queries of a shard's work say now.
    Asked {
        stage: usize,
        shard: ShardName,
        outcome: Outcome,
    },
    Gate {
        stage: usize,
        wave: usize,
        verdict: Verdict,
    },
    /// A shard's primary was looked for, whose nodes say that one of them was promoted.
    Sought(Box<Followed>),
}

/// What is to be done at a shard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Todo {
    Apply,
    FindOut,
    Ask,
}

pub struct Tasks {
    run: Arc<Run>,
    set: JoinSet<Done>,
    shards: BTreeMap<tokio::task::Id, (usize, ShardName)>,
    gate: Option<(usize, usize)>,
    gate_task: Option<tokio::task::Id>,
    reports: mpsc::UnboundedSender<Report>,
    draining: watch::Sender<bool>,
    seeking: BTreeSet<ShardName>,
    /// Why nodes hold now.
    holds: watch::Sender<Arc<[WaitReason]>>,
    /// Looked at in this run without an answer: not looked at again before the next run.
    pub given_up: BTreeSet<ShardName>,
}

impl Tasks {
    pub fn new(run: Arc<Run>) -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (reports, told) = mpsc::unbounded_channel();
        let tasks = Self {
            run,
            set: JoinSet::new(),
            shards: BTreeMap::new(),
            gate: None,
            gate_task: None,
            reports,
            draining: watch::Sender::new(false),
            seeking: BTreeSet::new(),
            holds: watch::Sender::new(Arc::from([])),
            given_up: BTreeSet::new(),
        };
        (tasks, told)
    }

    /// Tells executors whether to stop after their current migration.
    pub fn drain(&self, draining: bool) {
        self.draining.send_if_modified(|now| {
            let changed = *now != draining;
            *now = draining;
            changed
        });
    }

    /// Tells executors why nodes hold now, for what they can pause.
    pub fn hold(&self, reasons: &[WaitReason]) {
        self.holds.send_if_modified(|now| {
            let changed = **now != *reasons;
            if changed {
                *now = reasons.into();
            }
            changed
        });
    }

    /// From now on nobody looks at nodes: what was let go on because of them must not.
    pub fn stop_watching(&mut self) {
        self.holds = watch::Sender::new(Arc::from([]));
    }

    pub fn in_flight(&self) -> impl Iterator<Item = &ShardName> {
        self.shards.values().map(|(_, shard)| shard)
    }

    pub fn count(&self) -> usize {
        self.shards.len()
    }

    pub fn is_idle(&self) -> bool {
        self.set.is_empty()
    }

    pub fn has_shard(&self, shard: &ShardName) -> bool {
        self.in_flight().any(|busy| busy == shard)
    }

    pub fn asks(&self, stage: usize, wave: usize) -> bool {
        self.gate == Some((stage, wave))
    }

    /// Runs the shard's work.
    pub fn apply(&mut self, stage: usize, shard: &ShardName, followers: Followers, had: Had) {
        let end = Todo::Apply;
        self.send(stage, shard, end, Duration::ZERO, followers, had);
    }

    /// Asks the `verify` queries of what is there of the shard's work.
    pub fn ask_again(&mut self, stage: usize, shard: &ShardName, followers: Followers, had: Had) {
        let ask = Todo::Ask;
        self.send(stage, shard, ask, Duration::ZERO, followers, had);
    }

    /// Finds out, after a pause, what became of the shard's work.
    pub fn survey(
        &mut self,
        stage: usize,
        shard: &ShardName,
        pause: Duration,
        followers: Followers,
        had: Had,
    ) {
        self.send(stage, shard, Todo::FindOut, pause, followers, had);
    }

    /// Looks for the primary of a shard that does no work now.
    pub fn seek(&mut self, shard: &ShardName) {
        let Some(named) = self.run.setup.fleet.get(shard).cloned() else {
            return;
        };
        let run = self.run.clone();
        let shard = shard.clone();
        self.seeking.insert(shard.clone());
        self.set
            .spawn(async move { Done::Sought(Box::new(follow(&run, shard, &named.target).await)) });
    }

    /// Whether the shard's primary is looked for now.
    pub fn seeks(&self, shard: &ShardName) -> bool {
        self.seeking.contains(shard)
    }

    fn send(
        &mut self,
        stage: usize,
        shard: &ShardName,
        todo: Todo,
        pause: Duration,
        followers: Followers,
        had: Had,
    ) {
        // A rollout that is stopped by an unknown outcome still has it looked at.
        let draining = match todo {
            Todo::Apply => self.draining.subscribe(),
            Todo::FindOut | Todo::Ask => watch::channel(false).1,
        };
        let ties = Ties {
            reports: self.reports.clone(),
            draining,
            holds: self.holds.subscribe(),
        };
        let errand = self.run.errand(stage, shard, ties, followers, had);
        let name = shard.clone();
        let task = self.set.spawn(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let outcome = match (errand, todo) {
                (Some(errand), Todo::Apply) => executor::carry_out(&errand).await,
                (Some(errand), Todo::FindOut) => executor::find_out(&errand).await,
                (Some(errand), Todo::Ask) => executor::ask_again(&errand).await,
                (None, _) => gone(todo == Todo::Apply, &name),
            };
            let shard = name;
            match todo {
                Todo::Ask => Done::Asked {
                    stage,
                    shard,
                    outcome,
                },
                Todo::Apply | Todo::FindOut => Done::Shard {
                    stage,
                    shard,
                    outcome,
                },
            }
        });
        self.shards.insert(task.id(), (stage, shard.clone()));
    }

    pub fn ask_gate(&mut self, stage: usize, wave: usize) {
        let run = self.run.clone();
        let task = self.set.spawn(async move {
            let verdict = gates::ask(&run.setup, &run.plan, stage, wave).await;
            Done::Gate {
                stage,
                wave,
                verdict,
            }
        });
        self.gate = Some((stage, wave));
        self.gate_task = Some(task.id());
    }

    /// Forgets the gate that is being asked: its answer no longer matters.
    pub fn drop_gate(&mut self) {
        self.gate = None;
    }

    /// The next task that is through; pends for ever where nothing is under way.
    pub async fn next(&mut self) -> Done {
        loop {
            match self.set.join_next_with_id().await {
                None => return std::future::pending().await,
                Some(Ok((id, done))) => {
                    self.shards.remove(&id);
                    if let Done::Sought(followed) = &done {
                        self.seeking.remove(&followed.shard);
                    }
                    if self.gate_task == Some(id) {
                        self.gate_task = None;
                        self.gate = None;
                    }
                    return done;
                }
                // A panic is a fault of ours; what the shard's work came to is not known.
                Some(Err(panic)) => {
                    if let Some((stage, shard)) = self.shards.remove(&panic.id()) {
                        return Done::Shard {
                            stage,
                            shard,
                            outcome: Outcome::Unknown {
                                doubt: Doubt {
                                    migration: None,
                                    place: None,
                                    why: format!("its task ended early: {panic}"),
                                    needs_person: false,
                                },
                            },
                        };
                    }
                    if let Some((stage, wave)) = self.gate.take() {
                        self.gate_task = None;
                        return Done::Gate {
                            stage,
                            wave,
                            verdict: Verdict::Stop {
                                why: format!("asking the gate ended early: {panic}"),
                            },
                        };
                    }
                }
            }
        }
    }
}

/// The plan's shard is no longer in the fleet.
fn gone(run: bool, shard: &ShardName) -> Outcome {
    let why = format!("`{shard}` is in the plan, but not in the fleet any more");
    if run {
        return Outcome::Failed {
            failure: greylag_core::outcome::Failure {
                class: greylag_core::outcome::FailureClass::Refused,
                code: None,
                message: why,
                migration: None,
                place: None,
                hint: Some(format!(
                    "Put it back into the project, or `greylag rollout skip {shard} --reason …`."
                )),
                left: greylag_core::outcome::Left::Nothing,
                blockers: Vec::new(),
            },
        };
    }
    Outcome::Unknown {
        doubt: Doubt {
            migration: None,
            place: None,
            why,
            needs_person: false,
        },
    }
}
