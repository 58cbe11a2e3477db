//! A session to a scripted database. Even versions run as one transaction, odd ones step by step, with an intent.

use crate::database::{Database, Fault, Shared};
use async_trait::async_trait;
use greylag_core::{
    engine::Engine,
    fleet::ShardName,
    migration::MigrationId,
    outcome::{Blocker, Doubt},
    survey::{Intent, Role, Server, StepRow, StepState, Survey},
};
use greylag_engines::{
    Applied, Attempt, Cancel, Claim, Diagnosis, EngineError, HistoryChange, Job, LockAttempt, Note,
    OpenError, Position, Progress, Session, Settled, Target,
};
use greylag_orchestrator::Open;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// All databases by shard.
#[derive(Clone, Default)]
pub struct Databases(pub Arc<BTreeMap<ShardName, Shared>>);

static SESSIONS: AtomicU64 = AtomicU64::new(1);

#[async_trait]
impl Open for Databases {
    async fn open(&self, target: &Target) -> Result<Box<dyn Session>, OpenError> {
        let database = self.0[&target.shard].clone();
        let mut inside = database.lock().unwrap();
        inside.open += 1;
        inside.calls.push("open");
        inside.most_open = inside.most_open.max(inside.open);
        drop(inside);
        Ok(Box::new(Scripted {
            shard: target.shard.clone(),
            application: target.application.to_string(),
            id: SESSIONS.fetch_add(1, Ordering::Relaxed),
            database,
        }))
    }
}

pub struct Scripted {
    shard: ShardName,
    application: String,
    id: u64,
    database: Shared,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        let mut database = self.database.lock().unwrap();
        database.open -= 1;
        database.let_go(self.id);
    }
}

struct NoCancel;

#[async_trait]
impl Cancel for NoCancel {
    async fn cancel(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

#[async_trait]
impl Session for Scripted {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn pid(&self) -> String {
        self.id.to_string()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(NoCancel)
    }

    async fn survey(&mut self) -> Result<Survey, EngineError> {
        let mut database = self.database.lock().unwrap();
        database.calls.push("survey");
        Ok(Survey {
            shard: self.shard.clone(),
            at: Timestamp::now(),
            server: Server {
                engine: Engine::Postgres,
                version: "0".into(),
                lineage: self.shard.to_string(),
                database: "d".into(),
                address: self.shard.to_string(),
                dialled: self.shard.to_string(),
                instance: None,
            },
            role: Role::Primary,
            identity: database.identity.clone(),
            empty: database.effects.is_empty(),
            has_history: database.identity.is_some(),
            history: database.history.clone(),
            steps: database.steps.clone(),
        })
    }

    async fn try_lock(&mut self) -> Result<LockAttempt, EngineError> {
        let mut database = self.database.lock().unwrap();
        database.calls.push("try_lock");
        if database.free_at.is_some_and(|at| Instant::now() >= at) {
            (database.stranger, database.free_at) = (None, None);
        }
        if let Some(name) = &database.stranger {
            let holder = blocker("99999", name);
            return Ok(LockAttempt::Busy { holder });
        }
        Ok(match database.lock {
            Some(holder) if holder != self.id => {
                if let Some(tried) = &database.until_tried {
                    tried.notify_one();
                }
                LockAttempt::Busy {
                    holder: blocker(&holder.to_string(), &self.application),
                }
            }
            _ => {
                database.lock = Some(self.id);
                LockAttempt::Held
            }
        })
    }

    async fn end(&mut self, holder: &Blocker) -> Result<(), EngineError> {
        assert_eq!(holder.pid, "99999", "ended somebody else");
        let mut database = self.database.lock().unwrap();
        database.calls.push("end");
        let free_at = Instant::now() + database.rolls_back;
        database.free_at.get_or_insert(free_at);
        Ok(())
    }

    async fn unlock(&mut self) -> Result<(), EngineError> {
        self.database.lock().unwrap().let_go(self.id);
        Ok(())
    }

    async fn prepare(&mut self, claim: &Claim) -> Result<(), EngineError> {
        self.must_hold();
        let mut database = self.database.lock().unwrap();
        database.calls.push("prepare");
        database
            .identity
            .get_or_insert_with(|| claim.identity.clone());
        Ok(())
    }

    async fn apply(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        self.must_hold();
        let [job] = jobs else {
            panic!("this engine groups nothing");
        };
        let (gate, fault) = {
            let mut database = self.database.lock().unwrap();
            database.calls.push("apply");
            (database.gate.take(), database.faults.pop_front())
        };
        if let Some(gate) = gate {
            gate.notified().await;
        }
        match fault.unwrap_or(Fault::None) {
            Fault::Fail(failure) => {
                breathe(3).await;
                Attempt::Failed(failure)
            }
            Fault::LoseBefore => Attempt::Unknown(doubt(job)),
            Fault::LoseAfter => {
                let _ = self.serve(job, false).await;
                Attempt::Unknown(doubt(job))
            }
            Fault::Mystery => {
                let mut database = self.database.lock().unwrap();
                open_step(&mut database, job);
                database.steps[0].intent = Some(Intent {
                    statement: 0,
                    hash: "0".into(),
                    before: serde_json::Value::Null,
                });
                Attempt::Unknown(doubt(job))
            }
            Fault::Torn => {
                let _ = self.serve(job, true).await;
                Attempt::Unknown(doubt(job))
            }
            Fault::Orphan => {
                drop(self.serve(job, false));
                Attempt::Unknown(doubt(job))
            }
            Fault::None => {
                let _ = self.serve(job, false).await;
                progress(Note::Statement {
                    migration: job.migration.clone(),
                    done: 1,
                    total: 1,
                });
                Attempt::Applied(Applied {
                    millis: 1,
                    position: None,
                    warnings: Vec::new(),
                })
            }
        }
    }

    async fn settle(&mut self, job: &Job) -> Result<Settled, EngineError> {
        self.must_hold();
        let mut database = self.database.lock().unwrap();
        database.calls.push("settle");
        if database.has(&job.migration) {
            return Ok(Settled::Applied);
        }
        let open = |step: &StepRow| step.migration == job.migration && step.intent.is_some();
        if database.steps.iter().any(open) {
            return Ok(Settled::Unknown(Doubt {
                needs_person: true,
                ..doubt(job)
            }));
        }
        let stepped = database
            .steps
            .iter()
            .any(|step| step.migration == job.migration);
        if stepped && database.effects.contains_key(&job.migration) {
            // The catalog shows that the open statement took effect.
            database.write_row(&job.migration, &job.script_name, job.checksum);
            return Ok(Settled::Applied);
        }
        Ok(Settled::Absent)
    }

    async fn change_history(&mut self, changes: &[HistoryChange]) -> Result<(), EngineError> {
        self.must_hold();
        let mut database = self.database.lock().unwrap();
        for change in changes {
            match change {
                HistoryChange::Insert(row) => {
                    let id = format!("V{}", row.version.as_ref().unwrap())
                        .parse()
                        .unwrap();
                    database.write_row(&id, &row.script, row.checksum);
                }
                HistoryChange::ForgetStep { migration }
                | HistoryChange::SettleStep { migration, .. } => {
                    database.steps.retain(|step| step.migration != *migration);
                }
                other => unreachable!("no story asks for {other:?}"),
            }
        }
        Ok(())
    }

    async fn ask(&mut self, _: &str) -> Result<Option<String>, EngineError> {
        Ok(Some("1".into()))
    }

    async fn blockers(&mut self, _: &str) -> Result<Vec<Blocker>, EngineError> {
        Ok(Vec::new())
    }

    async fn position(&mut self) -> Result<Option<Position>, EngineError> {
        let mut database = self.database.lock().unwrap();
        database.calls.push("position");
        let rows = database.history.len();
        Ok(Some(crate::nodes::position(&self.shard, rows, 0)))
    }

    async fn diagnose(&mut self) -> Result<Vec<Diagnosis>, EngineError> {
        Ok(Vec::new())
    }

    async fn close(self: Box<Self>) {}
}

impl Scripted {
    fn must_hold(&self) {
        let database = self.database.lock().unwrap();
        assert_eq!(database.lock, Some(self.id), "touched without the lock");
    }

    /// The server's part. It goes on when the client has gone, or stops where it is, in turns; until then it has the lock.
    fn serve(&self, job: &Job, torn: bool) -> tokio::sync::oneshot::Receiver<()> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let (shared, id, job) = (self.database.clone(), self.id, job.clone());
        let stops = {
            let mut database = shared.lock().unwrap();
            database.at_work = Some(id);
            database.served += 1;
            database.served % 2 == 0
        };
        tokio::spawn(async move {
            {
                let gone = || stops && tell.is_closed();
                carry_out(&shared, &job, torn, gone).await;
            }
            let mut database = shared.lock().unwrap();
            database.at_work = None;
            // Nobody reads the answer of an orphan: its lock goes with it.
            if tell.send(()).is_err() {
                database.let_go(id);
            }
        });
        told
    }
}

/// The migration's steps, up to where the client is found gone; a torn one stops after its effect, before its row.
async fn carry_out(shared: &Shared, job: &Job, torn: bool, gone: impl Fn() -> bool) {
    let (id, script, checksum) = (&job.migration, &job.script_name, job.checksum);
    let until_tried = shared.lock().unwrap().until_tried.clone();
    if let Some(tried) = until_tried {
        tried.notified().await;
        shared.lock().unwrap().until_tried = None;
    }
    breathe(2).await;
    if gone() {
        return;
    }
    if is_stepwise(id) {
        open_step(&mut shared.lock().unwrap(), job);
        breathe(2).await;
        if gone() {
            return;
        }
        shared.lock().unwrap().take_effect(id);
        breathe(2).await;
        if torn || gone() {
            return;
        }
        shared.lock().unwrap().write_row(id, script, checksum);
    } else {
        let mut database = shared.lock().unwrap();
        database.take_effect(id);
        database.write_row(id, script, checksum);
    }
    breathe(2).await;
}

fn is_stepwise(id: &MigrationId) -> bool {
    id.version()
        .is_some_and(|v| v.as_str().ends_with(['1', '3']))
}

fn open_step(database: &mut Database, job: &Job) {
    database
        .steps
        .retain(|step| step.migration != job.migration);
    database.steps.push(StepRow {
        migration: job.migration.clone(),
        state: StepState::Running,
        rollout: job.rollout.clone(),
        epoch: job.epoch,
        statements_done: 0,
        statements_total: 1,
        hashes: Vec::new(),
        intent: None,
        failure: None,
    });
}

fn blocker(pid: &str, application: &str) -> Blocker {
    Blocker {
        pid: pid.into(),
        user: None,
        application: Some(application.into()),
        query: None,
        open_ms: None,
        holds: None,
    }
}

fn doubt(job: &Job) -> Doubt {
    Doubt {
        migration: Some(job.migration.clone()),
        place: None,
        why: "the connection was lost".into(),
        needs_person: false,
    }
}

/// Lets others run, so that crashes fall between any two steps.
async fn breathe(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
