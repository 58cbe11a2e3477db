//! What the state machine says is done, as far as limits and interrupts allow.

use super::Dispatcher;
use crate::{
    control::Level,
    dispatcher::{Ledger, Stop},
    executor::Had,
};
use greylag_core::{event::Event, fleet::ShardName, gate::WaitReason, rollout::Command};
use jiff::Timestamp;

/// What is left to do once all commands are under way.
pub(super) enum Rest {
    Go,
    /// What was done at once has made more to do.
    More,
    /// Nothing before then.
    Until(Timestamp, Vec<WaitReason>),
    Person(Vec<WaitReason>),
    Finished,
}

impl Dispatcher {
    /// Does what the state machine says, as far as limits and interrupts allow; `started` events are written before touch.
    pub(super) async fn follow_commands(&mut self, ledger: &mut Ledger) -> Result<Rest, Stop> {
        let stopping = self.run.control.level() != Level::Run;
        let mut rest = Rest::Go;
        let mut begin = Vec::new();
        let mut look = Vec::new();
        let mut gate = None;
        let mut done_at_once = false;
        let limit = self.run.plan.policy.max_in_flight.max(1) as usize;
        let mut room = limit.saturating_sub(self.tasks.count());
        let now = Timestamp::now();
        // Where it is only settled what there is, nothing starts.
        let settle_only = self.run.settle_only;
        // The limits are filled with this run's own shards; surveys concern everybody.
        let commands = match (settle_only, &self.run.options.only) {
            (false, None) => ledger.state.next(now),
            _ => (ledger.state).next_among(now, |shard| !settle_only && self.is_ours(shard)),
        };
        for command in commands {
            match command {
                Command::Apply { stage, shard } => {
                    if stopping || !self.nodes.may_start() {
                        continue;
                    }
                    // What the look finds is of the shard as it was recorded when the look began.
                    if room == 0 || self.tasks.seeks(&shard) {
                        continue;
                    }
                    room -= 1;
                    ledger.record(Event::ShardStarted {
                        stage,
                        shard: shard.clone(),
                    })?;
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
                    if let Some(done) = self.nodes.await_replicas(ledger, stage, &shard, position) {
                        ledger.record(done)?;
                        done_at_once = true;
                    }
                }
                Command::AskGate { stage, wave } => {
                    if settle_only || !self.nodes.may_start() {
                        continue;
                    }
                    if !stopping && !self.tasks.asks(stage, wave) {
                        gate = Some((stage, wave));
                    }
                }
                Command::WaitUntil { at, reasons } => rest = Rest::Until(at, reasons),
                Command::WaitForPerson { reasons } => rest = Rest::Person(reasons),
                Command::Finish { .. } if self.run.settle_only => {}
                Command::Finish { verdict } => {
                    ledger.record(Event::Finished {
                        verdict: verdict.as_str().to_owned(),
                    })?;
                    rest = Rest::Finished;
                }
            }
        }
        if done_at_once {
            rest = Rest::More;
        }
        let mut ask = Vec::new();
        if let (true, Some((stage, _))) = (settle_only && !stopping, ledger.state.current()) {
            let asked = (ledger.state.to_ask_again()).filter(|shard| self.may_ask(shard));
            ask.extend(asked.take(room).map(|shard| (stage, shard.clone())));
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
        for (stage, shard) in ask {
            let followers = self.nodes.followers(&shard);
            let had = Had::new(ledger.state.had(&shard));
            self.tasks.ask_again(stage, &shard, followers, had);
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

    /// Nobody is at the shard, and it has not been asked in vain.
    fn may_ask(&self, shard: &ShardName) -> bool {
        self.is_ours(shard)
            && !self.tasks.has_shard(shard)
            && !self.tasks.seeks(shard)
            && !self.tasks.given_up.contains(shard)
    }

    fn is_ours(&self, shard: &ShardName) -> bool {
        self.run
            .options
            .only
            .as_ref()
            .is_none_or(|only| only.contains(shard))
    }
}
