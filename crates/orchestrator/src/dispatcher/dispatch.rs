//! The loop.

use super::{
    heartbeat::Heartbeat,
    inbox,
    ledger::{Ledger, LedgerError},
    losses::Losses,
    nodes::Nodes,
    promoted,
    run::{Ending, Run, Stop},
    tasks::{Done, Tasks},
    waiting::Patience,
};
use crate::{
    control::Level,
    executor::{Had, Hold, Report, take_again},
    replicas::News,
    watch::Notice,
};
use greylag_core::{
    event::Event, fleet::ShardName, gate::WaitReason, outcome::Outcome, rollout::Command,
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// How often the inbox is looked at.
const INBOX: Duration = Duration::from_millis(200);

/// How long news is kept back for more of it. Nothing that begins waits for it.
const MOMENT: Duration = Duration::from_millis(50);

/// How often the idle anchor is asked whether it still is there.
const ANCHOR: Duration = Duration::from_secs(5);

/// Carries the rollout on until it is finished, waits for something that is not waited for, or is interrupted.
///
/// Nothing is in flight any more when it returns, whichever way.
pub async fn dispatch(run: Arc<Run>, ledger: &mut Ledger) -> Result<Ending, Stop> {
    let heartbeat = Heartbeat::start(run.setup.journal.clone(), ledger.lease.clone());
    let (tasks, reports) = Tasks::new(run.clone());
    let mut dispatcher = Dispatcher {
        patience: Patience::new(&run.options),
        nodes: Nodes::new(run.clone()),
        run,
        tasks,
        reports,
        told_waiting: Vec::new(),
        told_level: Level::Run,
        inbox_at: Instant::now(),
        anchor_at: Instant::now() + ANCHOR,
        losses: Losses::default(),
    };
    let mut lease_lost = heartbeat.lost();
    // Whatever it is at, a write to a store that does not answer among it, ends with the lease: nothing begins after that.
    let ended = tokio::select! {
        biased;
        why = lost(&mut lease_lost) => Err(Stop::LeaseLost(why)),
        ended = dispatcher.carry_on(ledger) => ended,
    };
    if ended.is_ok() {
        // What a short run has proven is worth remembering, and no reason to fail.
        let _ = dispatcher.nodes.remember().await;
    }
    if let Err(stop) = &ended {
        dispatcher.tell_end(ledger, stop);
        dispatcher.let_end().await;
    }
    ended
}

struct Dispatcher {
    run: Arc<Run>,
    tasks: Tasks,
    reports: mpsc::UnboundedReceiver<Report>,
    patience: Patience,
    told_waiting: Vec<WaitReason>,
    told_level: Level,
    inbox_at: Instant,
    anchor_at: Instant,
    losses: Losses,
    nodes: Nodes,
}

/// What is left to do once all commands are under way.
enum Rest {
    Go,
    /// Nothing before then.
    Until(Timestamp, Vec<WaitReason>),
    Person(Vec<WaitReason>),
    Finished,
}

/// The next thing that happened.
enum Heard {
    Report(Report),
    Done(Done),
    Nodes(Option<News>),
    Nothing,
}

impl Dispatcher {
    async fn carry_on(&mut self, ledger: &mut Ledger) -> Result<Ending, Stop> {
        loop {
            let rest = self.follow_commands(ledger).await?;
            let interrupted = self.run.control.level() != Level::Run;
            self.tell_level(ledger);
            if self.tasks.is_idle() && (interrupted || !self.awaits_nodes(ledger, &rest)) {
                match rest {
                    Rest::Finished => return Ok(Ending::Finished),
                    _ if interrupted => return Ok(Ending::Interrupted),
                    Rest::Go => {
                        // Only shards that this run leaves alone are left to do: `--only`, or looked at in vain.
                        return Ok(Ending::Waiting(Vec::new()));
                    }
                    Rest::Until(_, reasons) | Rest::Person(reasons)
                        if !self.patience.waits_for(&reasons) =>
                    {
                        return Ok(Ending::Waiting(reasons));
                    }
                    Rest::Until(at, reasons) => {
                        // The figures of now, not those of when it began to hold.
                        let reasons = match self.nodes.reasons() {
                            [] => reasons,
                            now => now.to_vec(),
                        };
                        self.tell_waiting(ledger, reasons);
                        self.listen(ledger, Some(at)).await?;
                        continue;
                    }
                    Rest::Person(reasons) => {
                        self.tell_waiting(ledger, reasons);
                    }
                }
            }
            self.listen(ledger, None).await?;
        }
    }

    /// Whether nodes are waited for, whoever's patience: until they have been looked at, and until a shard's work is replayed or
    /// is overdue.
    fn awaits_nodes(&self, ledger: &Ledger, rest: &Rest) -> bool {
        let in_time = || ledger.state.replaying().any(|(_, overdue)| !overdue);
        !matches!(rest, Rest::Finished)
            && !self.run.settle_only
            && (in_time() || self.nodes.is_undecided() && matches!(rest, Rest::Go))
    }

    /// Does what the state machine says, as far as limits and interrupts allow; `started` events are written before touch.
    async fn follow_commands(&mut self, ledger: &mut Ledger) -> Result<Rest, Stop> {
        let stopping = self.run.control.level() != Level::Run;
        let mut rest = Rest::Go;
        let mut begin = Vec::new();
        let mut look = Vec::new();
        let mut gate = None;
        let limit = self.run.plan.policy.max_in_flight.max(1) as usize;
        let mut room = limit.saturating_sub(self.tasks.count());
        let now = Timestamp::now();
        // The limits are filled with this run's own shards; surveys concern everybody.
        let commands = match self.run.options.only {
            Some(_) => ledger.state.next_among(now, |shard| self.is_ours(shard)),
            None => ledger.state.next(now),
        };
        for command in commands {
            match command {
                Command::Apply { stage, shard } => {
                    if stopping || self.run.settle_only || !self.nodes.may_start() {
                        continue;
                    }
                    // What the look finds is of the shard as it was recorded when the look began.
                    if room == 0 || self.tasks.seeks(&shard) {
                        continue;
                    }
                    room -= 1;
                    ledger
                        .record(Event::ShardStarted {
                            stage,
                            shard: shard.clone(),
                        })
                        .map_err(|why| Stop::Ledger(why.into()))?;
                    begin.push((stage, shard));
                }
                Command::Survey { stage, shard } => {
                    let busy = self.tasks.has_shard(&shard)
                        || self.tasks.seeks(&shard)
                        || self.tasks.given_up.contains(&shard);
                    if !busy && !stopping && room > 0 {
                        room -= 1;
                        look.push((stage, shard));
                    }
                }
                Command::AwaitReplicas {
                    stage,
                    shard,
                    position,
                } => {
                    if self.run.settle_only {
                        continue;
                    }
                    if let Some(done) = self.nodes.await_replicas(ledger, stage, &shard, position) {
                        ledger
                            .record(done)
                            .map_err(|why| Stop::Ledger(why.into()))?;
                    }
                }
                Command::AskGate { stage, wave } => {
                    if !self.nodes.may_start() {
                        continue;
                    }
                    if !stopping && !self.run.settle_only && !self.tasks.asks(stage, wave) {
                        gate = Some((stage, wave));
                    }
                }
                Command::WaitUntil { at, reasons } => rest = Rest::Until(at, reasons),
                Command::WaitForPerson { reasons } => rest = Rest::Person(reasons),
                Command::Finish { .. } if self.run.settle_only => {}
                Command::Finish { verdict } => {
                    ledger
                        .record(Event::Finished {
                            verdict: verdict.as_str().to_owned(),
                        })
                        .map_err(|why| Stop::Ledger(why.into()))?;
                    rest = Rest::Finished;
                }
            }
        }
        // Nothing new may start: what is in flight ends after its current migration, never its list.
        self.tasks.drain(ledger.state.is_stopped() || stopping);
        self.tasks.hold(self.nodes.reasons());
        self.commit(ledger).await?;
        for (stage, shard) in begin {
            let followers = self.nodes.followers(&shard);
            let had = Had::new(ledger.state.had(&shard));
            self.tasks.apply(stage, &shard, followers, had);
        }
        for (stage, shard) in look {
            let pause = self.losses.pause(&shard);
            let followers = self.nodes.followers(&shard);
            let had = Had::new(ledger.state.had(&shard));
            self.tasks.survey(stage, &shard, pause, followers, had);
        }
        for shard in self.nodes.promoted() {
            // One that is at work looks for its primary itself.
            if !self.tasks.has_shard(&shard) && !self.tasks.seeks(&shard) {
                self.tasks.seek(&shard);
            }
        }
        if let Some((stage, wave)) = gate {
            self.tasks.ask_gate(stage, wave);
        }
        Ok(rest)
    }

    /// Waits for the next thing that happens, and takes it and all that has happened with it. What follows from it,
    /// [`Self::follow_commands`], writes both down in one go.
    async fn listen(&mut self, ledger: &mut Ledger, at: Option<Timestamp>) -> Result<(), Stop> {
        let now = Instant::now();
        let timer = at.map(|at| {
            now + Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
        });
        let timer = [
            timer,
            // Once it has passed, waits end by themselves; until then it wakes.
            (self.patience.until().map(Instant::from_std)).filter(|until| *until > now),
            Some(self.inbox_at),
        ]
        .into_iter()
        .flatten()
        .min()
        .expect("the inbox is always looked at");
        match self.hear(timer).await {
            Heard::Report(report) => {
                self.take_report(ledger, report)?;
                self.linger(ledger).await?;
            }
            Heard::Done(done) => self.take_done(ledger, done)?,
            Heard::Nodes(news) => self
                .nodes
                .take(ledger, news)
                .map_err(|why| Stop::Ledger(why.into()))?,
            Heard::Nothing => {}
        }
        // Group commit: what else has come in meanwhile is written with it.
        while let Ok(report) = self.reports.try_recv() {
            self.take_report(ledger, report)?;
        }
        if Instant::now() >= self.inbox_at {
            self.inbox_at = Instant::now() + INBOX;
            let items = self
                .run
                .setup
                .journal
                .inbox(&ledger.rollout)
                .await
                .map_err(|why| Stop::Ledger(why.into()))?;
            inbox::take(ledger, items);
            self.nodes
                .remember()
                .await
                .map_err(|why| Stop::Ledger(why.into()))?;
        }
        if Instant::now() >= self.anchor_at {
            self.anchor_at = Instant::now() + ANCHOR;
            self.keep_anchor(ledger).await;
        }
        Ok(())
    }

    /// A moment for what happens next, so that one write to the disk serves all of it; the end of a shard's work, which lets
    /// another begin, ends the moment.
    async fn linger(&mut self, ledger: &mut Ledger) -> Result<(), Stop> {
        let done = tokio::select! {
            biased;
            done = self.tasks.next() => done,
            () = tokio::time::sleep(MOMENT) => return Ok(()),
        };
        self.take_done(ledger, done)
    }

    async fn hear(&mut self, timer: Instant) -> Heard {
        let mut level = self.run.control.subscribe();
        let heard = *level.borrow_and_update();
        tokio::select! {
            biased;
            Some(report) = self.reports.recv() => Heard::Report(report),
            done = self.tasks.next() => Heard::Done(done),
            _ = level.wait_for(|level| *level != heard), if heard != Level::Cancel => Heard::Nothing,
            news = self.nodes.next() => Heard::Nodes(news),
            () = tokio::time::sleep_until(timer) => Heard::Nothing,
        }
    }

    fn take_report(&mut self, ledger: &mut Ledger, report: Report) -> Result<(), Stop> {
        match report {
            Report::Proven(known) => ledger.prove(known),
            Report::Moved {
                shard,
                moved,
                known,
            } => {
                let known = known.map(|known| *known);
                promoted::tell(&self.run, &mut self.nodes, ledger, &shard, moved, known)
                    .map_err(|why| Stop::Ledger(why.into()))?;
                self.look_at_anchor(&shard);
            }
            Report::Position { shard, position } => self.nodes.note_position(shard, position),
            Report::Warning { shard, text } => ledger.show(Notice::Warning {
                shard: Some(shard),
                text,
            }),
            // Found there by a look, and recorded before the answer was lost.
            Report::Event(Event::MigrationApplied {
                shard, migration, ..
            }) if ledger.has_recorded(&shard, &migration) => {}
            Report::Event(Event::MigrationsLost {
                stage,
                shard,
                migrations,
                primary,
            }) => {
                ledger
                    .lose(stage, &shard, migrations, primary)
                    .map_err(|why| Stop::Ledger(why.into()))?;
            }
            Report::Event(event) if event.is_durable() => {
                ledger
                    .record(event)
                    .map_err(|why| Stop::Ledger(why.into()))?;
            }
            Report::Event(event) => ledger.show_live(event),
        }
        Ok(())
    }

    fn take_done(&mut self, ledger: &mut Ledger, done: Done) -> Result<(), Stop> {
        // What the task told before it ended comes first.
        while let Ok(report) = self.reports.try_recv() {
            self.take_report(ledger, report)?;
        }
        let recorded = match done {
            Done::Sought(followed) => {
                self.look_at_anchor(&followed.shard);
                promoted::take(&self.run, &mut self.nodes, ledger, *followed)
            }
            Done::Shard {
                stage,
                shard,
                outcome,
            } => {
                let looked = ledger.state.doubts().any(|(name, _)| *name == shard);
                let outcome = self.losses.judge(&self.run, &shard, looked, outcome);
                if let Outcome::Unknown { doubt } = &outcome
                    && looked
                    && !doubt.needs_person
                {
                    // It was looked at in vain; the doubt there was stands.
                    self.tasks.given_up.insert(shard.clone());
                    ledger.show(Notice::Warning {
                        shard: Some(shard),
                        text: doubt.why.clone(),
                    });
                    return Ok(());
                }
                ledger.record(match outcome {
                    // Lost while it was at work on something else: it goes again.
                    Outcome::Applied if !ledger.state.owed(&shard).is_empty() => {
                        Event::ShardEnded {
                            stage,
                            shard,
                            outcome: Outcome::Absent,
                        }
                    }
                    Outcome::Applied => self.nodes.end_of(stage, &shard),
                    outcome => Event::ShardEnded {
                        stage,
                        shard,
                        outcome,
                    },
                })
            }
            Done::Gate {
                stage,
                wave,
                verdict,
            } => {
                let answered = ledger.record(Event::GateAnswered {
                    stage,
                    wave,
                    verdict,
                });
                // Paused or stopped meanwhile: the answer no longer matters.
                if answered.is_err() {
                    return Ok(());
                }
                answered
            }
        };
        recorded.map_err(|why| Stop::Ledger(LedgerError::OutOfOrder(why)))
    }

    async fn commit(&mut self, ledger: &mut Ledger) -> Result<(), Stop> {
        ledger
            .commit()
            .await
            .map_err(|why| Stop::Ledger(why.into()))
    }

    /// Says at once that the run is over, where shards are still at work.
    fn tell_end(&self, ledger: &Ledger, stop: &Stop) {
        if let (Stop::LeaseLost(why), false) = (stop, self.tasks.is_idle()) {
            ledger.show(Notice::Warning {
                shard: None,
                text: format!(
                    "the lease on this fleet was lost: {why}; what is in flight finishes its current migration"
                ),
            });
        }
    }

    /// The run ends without the journal: nothing new begins, what is in flight finishes its current migration.
    async fn let_end(&mut self) {
        self.tasks.drain(true);
        self.tasks.stop_watching();
        self.tasks.drop_gate();
        while !self.tasks.is_idle() {
            self.tasks.next().await;
        }
    }

    /// The shard's primary may be another server now: where it is the anchor, its lock is to be there.
    fn look_at_anchor(&mut self, shard: &ShardName) {
        let anchor = self.run.anchor.as_ref();
        if anchor.is_some_and(|(name, _)| name == shard) {
            self.anchor_at = Instant::now();
        }
    }

    /// An anchor whose server has dropped it is taken again; where another has it now, the run goes on under its lease.
    async fn keep_anchor(&mut self, ledger: &Ledger) {
        let Some((name, anchor)) = &self.run.anchor else {
            return;
        };
        if self.tasks.has_shard(name) {
            return;
        }
        let Some(shard) = self.run.setup.seated(name) else {
            return;
        };
        let what = match anchor.look(&shard.target).await {
            Hold::Alive => return,
            Hold::Lost => "was lost",
            Hold::Elsewhere => "was on a server that is not its primary any more",
        };
        let again = take_again(&self.run.setup, &self.run.rollout, &shard);
        let then = match tokio::time::timeout(ANCHOR, again).await {
            Ok(Some(session)) => {
                anchor.take_back(&shard.target, session).await;
                "is taken again"
            }
            Ok(None) | Err(_) => "can't be had again yet",
        };
        ledger.show(Notice::Warning {
            shard: Some(name.clone()),
            text: format!("the session that holds the fleet's anchor {what}, and {then}"),
        });
    }

    fn is_ours(&self, shard: &ShardName) -> bool {
        self.run
            .options
            .only
            .as_ref()
            .is_none_or(|only| only.contains(shard))
    }

    fn tell_level(&mut self, ledger: &Ledger) {
        let level = self.run.control.level();
        if level != self.told_level {
            self.told_level = level;
            ledger.show(Notice::Stopping {
                cancelling: level == Level::Cancel,
                in_flight: self.tasks.in_flight().cloned().collect(),
            });
        }
    }

    fn tell_waiting(&mut self, ledger: &Ledger, reasons: Vec<WaitReason>) {
        if self.told_waiting != reasons {
            ledger.show(Notice::Waiting {
                reasons: reasons.clone(),
            });
            self.told_waiting = reasons;
        }
    }
}

/// Why the lease is lost, once it is.
async fn lost(lost: &mut tokio::sync::watch::Receiver<Option<String>>) -> String {
    match lost.wait_for(Option::is_some).await {
        Ok(why) => why.clone().unwrap_or_default(),
        Err(_) => "its heartbeat ended".into(),
    }
}
