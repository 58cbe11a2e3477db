//! What has happened is waited for, and taken.

use super::{Dispatcher, anchoring::ANCHOR};
use crate::{
    control::Level,
    dispatcher::{Ledger, Stop, inbox, promoted, tasks::Done},
    executor::Report,
    replicas::News,
    watch::Notice,
};
use greylag_core::{event::Event, fleet::ShardName, outcome::Outcome, rollout::OutOfOrder};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// How often the inbox is looked at.
const INBOX: Duration = Duration::from_millis(200);

/// How often, while nodes hold, it is looked up whether a person has forgotten one of them.
const MEMORY: Duration = Duration::from_secs(1);

/// How long news is kept back for more of it. Nothing that begins waits for it.
const MOMENT: Duration = Duration::from_millis(50);

/// The next thing that happened.
enum Heard {
    Report(Report),
    Done(Done),
    Nodes(Option<News>),
    Nothing,
}

impl Dispatcher {
    /// Waits for the next thing that happens, and takes it and all that has happened with it. What follows from it,
    /// [`Self::follow_commands`], writes both down in one go.
    pub(super) async fn listen(
        &mut self,
        ledger: &mut Ledger,
        at: Option<Timestamp>,
    ) -> Result<(), Stop> {
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
            Heard::Nodes(news) => self.nodes.take(ledger, news)?,
            Heard::Nothing => {}
        }
        // Group commit: what else has come in meanwhile is written with it.
        while let Ok(report) = self.reports.try_recv() {
            self.take_report(ledger, report)?;
        }
        if Instant::now() >= self.inbox_at {
            self.inbox_at = Instant::now() + INBOX;
            let items = self.run.setup.journal.inbox(&ledger.rollout).await?;
            if !items.is_empty() {
                inbox::take(ledger, items);
                self.nodes.excuse(ledger);
            }
            self.nodes.remember().await?;
        }
        if Instant::now() >= self.memory_at {
            self.memory_at = Instant::now() + MEMORY;
            self.nodes.look_up_forgotten().await?;
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
                promoted::tell(&self.run, &mut self.nodes, ledger, &shard, moved, known)?;
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
                ledger.lose(stage, &shard, migrations, primary)?;
            }
            Report::Event(event) if event.is_durable() => {
                ledger.record(event)?;
            }
            Report::Event(event) => {
                if let Event::ShardWaiting { shard, reasons, .. } = &event {
                    self.nodes.note_waits(shard, reasons);
                }
                ledger.show_live(event);
            }
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
                self.nodes.note_waits(&shard, &[]);
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
                            outcome: Outcome::absent(),
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
            Done::Asked {
                stage,
                shard,
                outcome,
            } => {
                self.nodes.note_waits(&shard, &[]);
                self.take_asked(ledger, stage, shard, outcome)
            }
            Done::Gate {
                stage,
                wave,
                verdict,
            } => {
                if ledger.hear_again(stage, wave, &verdict) {
                    return Ok(());
                }
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
        Ok(recorded?)
    }

    /// Nothing was started for it: where nobody could ask, or a failover has taken the work, there is nothing to say.
    fn take_asked(
        &mut self,
        ledger: &mut Ledger,
        stage: usize,
        shard: ShardName,
        outcome: Outcome,
    ) -> Result<(), OutOfOrder> {
        if let Outcome::Unknown { doubt } = outcome {
            self.tasks.given_up.insert(shard.clone());
            let mut unasked = self.run.unasked.lock().expect("no panics inside");
            unasked.insert(shard.clone(), doubt.why.clone());
            ledger.show(Notice::Warning {
                shard: Some(shard),
                text: doubt.why,
            });
            return Ok(());
        }
        if !ledger.state.to_ask_again().any(|one| *one == shard) {
            return Ok(());
        }
        ledger.record(match outcome {
            Outcome::Applied => self.nodes.end_of(stage, &shard),
            outcome => Event::ShardEnded {
                stage,
                shard,
                outcome,
            },
        })
    }
}
