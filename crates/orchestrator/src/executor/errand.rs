//! What an executor is sent to do, and what it tells while it does.

use super::{
    anchor::Anchor, had::Had, orphans::Orphans, scripts::Scripts, standbys::Standbys,
    stands::Stands,
};
use crate::{
    control::Control,
    fleet::FleetShard,
    journal::KnownShard,
    primary::{Move, Seeker},
    replicas::NamedNode,
    runner::Holds,
    setup::Open,
};
use greylag_core::{
    event::Event,
    fleet::ShardName,
    gate::WaitReason,
    identity::Known,
    migration::{MigrationId, Phase},
    node::NodeName,
    online::{OnlinePolicy, Way},
    outcome::{Failure, FailureClass, Left},
    policy::{Group, Retry},
    position::Position,
    survey::Server,
};
use greylag_engines::Target;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use uuid::Uuid;

/// One shard's work of one stage.
#[derive(Clone)]
pub struct Errand {
    pub shard: FleetShard,
    /// The project's: where its tools are run.
    pub folder: Arc<Path>,
    /// In order.
    pub work: Arc<[MigrationId]>,
    /// Servers that were seen to follow the primary when the fleet was looked at.
    pub beside: Arc<[Server]>,
    /// Where the project says that the primary is; `shard` has where it is reached now.
    pub named: Target,
    /// Finds the primary where it is elsewhere; none for a database that has no other place to be.
    pub seeker: Option<Seeker>,
    /// The identity the plan saw; none where it is claimed by this run.
    pub uuid: Option<Uuid>,
    /// What is remembered of the shard.
    pub known: Option<Known>,
    pub project: Arc<str>,
    pub environment: Arc<str>,
    pub rollout: Arc<str>,
    pub epoch: u64,
    pub by: Arc<str>,
    pub scripts: Arc<Scripts>,
    pub limits: Limits,
    pub open: Arc<dyn Open>,
    pub control: Control,
    /// The rollout stops (failed elsewhere, paused, aborted): the current migration is finished, not the list.
    pub draining: tokio::sync::watch::Receiver<bool>,
    /// Where the anchor's session is kept, if this shard is the anchor.
    pub anchor: Option<Arc<Anchor>>,
    pub take_over: bool,
    /// Tells orphans of ours from those who may be at work.
    pub orphans: Orphans,
    /// Of a schema shard: what it shares with the other schemas of its database.
    pub sisters: Option<super::Sisters>,
    pub reports: Reports,
    /// The shard has nodes that are to replay its work: where its primary is afterwards is wanted.
    pub replicated: bool,
    /// Guarded standbys, on which a lock is replayed.
    pub standbys: Standbys,
    /// Logical subscribers, which get the work too.
    pub subscribers: Arc<[NamedNode]>,
    pub phase: Phase,
    /// This is a subscriber's database: it is given an identity where it has none, and the publisher's rows of our tables are kept out.
    pub subscribes: bool,
    /// Why nodes hold now, for what is long enough under way to be paused.
    pub holds: Holds,
    pub online: Arc<OnlinePolicy>,
    /// Of a subscriber: what it takes of each file. None: all.
    pub shares: Option<super::portion::Shares>,
}

/// What of the policy an executor needs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub group: Group,
    pub retry: Retry,
    pub lock_timeout: Duration,
    pub lock_deadline: Duration,
}

/// Told by an executor to its dispatcher.
#[derive(Clone, Debug)]
pub enum Report {
    /// To be recorded, in order.
    Event(Event),
    Warning {
        shard: ShardName,
        text: String,
    },
    /// Where the primary was once the shard's work was there.
    Position {
        shard: ShardName,
        position: Position,
    },
    /// The primary was found elsewhere, and is remembered there.
    Moved {
        shard: ShardName,
        moved: Option<Move>,
        known: Option<Box<KnownShard>>,
    },
    /// Its identity is about to be written: to be remembered.
    Proven(KnownShard),
}

/// The way back to the dispatcher.
#[derive(Clone, Debug)]
pub struct Reports {
    stage: usize,
    shard: ShardName,
    /// What this rollout has put there, in this stage and before: a history that lacks some of it was lost with a failover.
    had: Had,
    send: mpsc::UnboundedSender<Report>,
    stands: Stands,
    /// The position after the work has been told.
    positioned: Arc<AtomicBool>,
    /// A subscriber of the shard's: only what a person should see is told, and where. What happens there is not the shard's own work.
    there: Option<NodeName>,
}

impl Reports {
    pub fn new(
        stage: usize,
        shard: ShardName,
        had: Had,
        send: mpsc::UnboundedSender<Report>,
    ) -> Self {
        Self {
            stage,
            shard,
            had,
            send,
            stands: Stands::default(),
            positioned: Arc::default(),
            there: None,
        }
    }

    /// For work on a subscriber, which is not recorded: waits and warnings are told, and no more.
    pub fn of_subscriber(&self, node: NodeName) -> Self {
        Self {
            there: Some(node),
            had: Had::default(),
            stands: Stands::default(),
            positioned: Arc::default(),
            ..self.clone()
        }
    }

    /// What this rollout has put there, as far as it has been told.
    pub fn had(&self) -> &Had {
        &self.had
    }

    /// What stands of the migration that is under way.
    pub fn stands(&self) -> &Stands {
        &self.stands
    }

    /// A dispatcher that has gone needs no more reports; its successor looks at the shard itself.
    fn tell(&self, report: Report) {
        let heard = matches!(
            report,
            Report::Warning { .. } | Report::Event(Event::ShardWaiting { .. })
        );
        if self.there.is_some() && !heard {
            return;
        }
        let _ = self.send.send(report);
    }

    pub fn waiting(&self, reasons: Vec<WaitReason>) {
        let reasons = reasons.into_iter().map(|waits| match &self.there {
            None => waits,
            Some(node) => WaitReason::Subscriber {
                node: node.clone(),
                waits: Box::new(waits),
            },
        });
        let reasons = reasons.collect();
        self.tell(Report::Event(Event::ShardWaiting {
            stage: self.stage,
            shard: self.shard.clone(),
            reasons,
        }));
    }

    pub fn applied(&self, migration: MigrationId, millis: u64) {
        self.had.gain(&migration);
        self.stands.forget(&migration);
        self.tell(Report::Event(Event::MigrationApplied {
            stage: self.stage,
            shard: self.shard.clone(),
            migration,
            millis,
        }));
    }

    pub fn statement(&self, migration: MigrationId, done: u32, total: u32) {
        self.tell(Report::Event(Event::StatementDone {
            stage: self.stage,
            shard: self.shard.clone(),
            migration,
            done,
            total,
        }));
    }

    pub fn online(&self, migration: MigrationId, statement: u32, way: Way, not: Vec<String>) {
        self.tell(Report::Event(Event::OnlineDdl {
            stage: self.stage,
            shard: self.shard.clone(),
            migration,
            statement,
            way,
            not,
        }));
    }

    pub fn tool_said(&self, migration: MigrationId, statement: u32, tool: String, line: String) {
        self.tell(Report::Event(Event::ToolSaid {
            stage: self.stage,
            shard: self.shard.clone(),
            migration,
            statement,
            tool,
            line,
        }));
    }

    pub fn proven(&self, known: Option<KnownShard>) {
        if let Some(known) = known {
            self.tell(Report::Proven(known));
        }
    }

    /// The history read on this server lacks what the rollout had applied; what was told before is not told again.
    pub fn lost(&self, lacks: impl Fn(&MigrationId) -> bool, primary: &str) {
        let migrations = self.had.lose(lacks);
        if migrations.is_empty() {
            return;
        }
        self.tell(Report::Event(Event::MigrationsLost {
            stage: self.stage,
            shard: self.shard.clone(),
            migrations,
            primary: primary.to_owned(),
        }));
    }

    pub fn moved(&self, moved: Option<Move>, known: Option<KnownShard>) {
        self.tell(Report::Moved {
            shard: self.shard.clone(),
            moved,
            known: known.map(Box::new),
        });
    }

    pub fn position(&self, position: Position) {
        self.positioned.store(true, Ordering::Relaxed);
        self.tell(Report::Position {
            shard: self.shard.clone(),
            position,
        });
    }

    /// Whether a position after the work has been told.
    pub fn has_position(&self) -> bool {
        self.positioned.load(Ordering::Relaxed)
    }

    /// What comes next will have a position of its own.
    pub fn forget_position(&self) {
        self.positioned.store(false, Ordering::Relaxed);
    }

    pub fn warning(&self, text: String) {
        let text = match &self.there {
            None => text,
            Some(node) => format!("on subscriber {node}: {text}"),
        };
        self.tell(Report::Warning {
            shard: self.shard.clone(),
            text,
        });
    }
}

impl Errand {
    /// Whether nothing more is to be begun here.
    pub fn must_stop(&self) -> bool {
        *self.draining.borrow() || self.control.level() != crate::control::Level::Run
    }
}

/// A guard's word, before anything is touched.
pub fn refusal(message: String, hint: &str) -> Failure {
    untouched(FailureClass::Refused, message, Some(hint.to_owned()))
}

/// A failure that touched nothing.
pub fn untouched(class: FailureClass, message: String, hint: Option<String>) -> Failure {
    Failure {
        class,
        code: None,
        message,
        migration: None,
        place: None,
        hint,
        left: Left::Nothing,
        blockers: Vec::new(),
    }
}
