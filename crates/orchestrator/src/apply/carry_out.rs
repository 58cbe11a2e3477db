//! One run from lease to summary.

use super::{
    ApplyError, Summary,
    anchor::{Anchored, take_anchor},
    claim::claim,
    failover, memory,
    opening::{self, Opened, begin, fault, new_id, take_up},
    tally::{nothing_to_do, summarise},
    unsettled::unsettled,
};
use crate::{
    control::Control,
    dispatcher::{Ending, Ledger, Run, Stop, dispatch, find_places, take_requests},
    executor::Orphans,
    journal::{Holder, Lease, LeaseTry},
    planning::{self, Ask, Prospect},
    setup::Setup,
    survey::Surveyed,
    watch::{Notice, Watcher},
};
use greylag_core::{event::Event, fleet::ShardName};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Instant,
};

/// How this run behaves, beside what is planned.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// End an orphan of ours that still holds a shard's lock, rather than waiting it out.
    pub take_over: bool,
    /// Whether somebody is there: approvals, windows and pauses are waited for rather than ending the run.
    pub attended: bool,
    /// Nodes that somebody must mend, or that had all their time to replay, end the run, too.
    pub no_wait: bool,
    /// Until when lag, locks and soak (attended: anything) are waited for; none means without limit.
    pub until: Option<Instant>,
    /// Approves, from the start, every wave that asks, if this is the plan's digest.
    pub approved_digest: Option<String>,
    /// Restricts this run of an unfinished rollout to these shards.
    pub only: Option<BTreeSet<ShardName>>,
}

/// Carries out what [`crate::planning::look_ahead`] said, and returns when there is no more to do or it must wait. What is to be
/// settled first is for [`settle_first`].
///
/// Takes the lease and the anchor's lock; writes each event before it is shown.
pub async fn apply(
    setup: &Setup,
    surveyed: Surveyed,
    prospect: Prospect,
    ask: &Ask,
    options: &Options,
    control: Control,
    watcher: Arc<dyn Watcher>,
) -> Result<Summary, ApplyError> {
    let begun = Instant::now();
    check_approved(options, &prospect)?;
    if let Prospect::Fresh { plan } = &prospect
        && plan.is_empty()
        && planning::claims(&surveyed, ask)?.is_empty()
    {
        memory::remember(setup, None, &surveyed).await?;
        return Ok(nothing_to_do(setup, &surveyed, plan, begun));
    }
    let run = Leased::take(setup, ask, options, control, watcher).await?;
    let ended = run.go(surveyed, prospect).await;
    run.end(ended).await
}

/// Finds out what became of what was in flight when the rollout was left, and begins nothing.
///
/// Gives how the run ends where something can't be found out, or the rollout is paused. Where all is, it is looked ahead again: what was agreed to
/// before (a saved plan, an approval, a person's yes) must hold for the plan that comes of it.
pub async fn settle_first(
    setup: &Setup,
    surveyed: &Surveyed,
    prospect: &Prospect,
    ask: &Ask,
    options: &Options,
    control: Control,
    watcher: Arc<dyn Watcher>,
) -> Result<Option<Summary>, ApplyError> {
    let Prospect::SettleFirst { rollout, .. } = prospect else {
        return Ok(None);
    };
    check_approved(options, prospect)?;
    let run = Leased::take(setup, ask, options, control, watcher).await?;
    let ended = run.settle(surveyed, prospect, rollout).await;
    run.end(ended).await
}

/// A run that holds the lease.
struct Leased<'a> {
    setup: &'a Setup,
    ask: &'a Ask,
    options: &'a Options,
    control: Control,
    watcher: Arc<dyn Watcher>,
    lease: Lease,
    begun: Instant,
}

impl<'a> Leased<'a> {
    async fn take(
        setup: &'a Setup,
        ask: &'a Ask,
        options: &'a Options,
        control: Control,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Self, ApplyError> {
        let begun = Instant::now();
        let holder = Holder::here(&setup.by, "apply");
        match setup.journal.take_lease(&setup.scope(), &holder).await? {
            LeaseTry::Held(lease) => Ok(Self {
                setup,
                ask,
                options,
                control,
                watcher,
                lease,
                begun,
            }),
            LeaseTry::Busy(row) => Err(ApplyError::Busy {
                holder: format!("{}, since {}", row.holder, row.since.strftime("%F %T UTC")),
            }),
        }
    }

    /// Lets the lease go, however the run ended.
    async fn end<T>(self, ended: Result<T, ApplyError>) -> Result<T, ApplyError> {
        if !ended.as_ref().is_err_and(ApplyError::is_without_journal) {
            // Where it can't be released it runs out.
            let _ = self.setup.journal.release(&self.lease).await;
        }
        ended
    }

    async fn settle(
        &self,
        surveyed: &Surveyed,
        prospect: &Prospect,
        rollout: &str,
    ) -> Result<Option<Summary>, ApplyError> {
        self.check_unmoved(prospect).await?;
        let anchor = self.anchor(surveyed, rollout).await?;
        let held = anchor.clone();
        let ended = async {
            let opened = take_up(self.setup, &self.lease, rollout, self.watcher.clone()).await?;
            let (opened, ending, run) = self.dispatch(opened, anchor, surveyed, true).await?;
            let state = &opened.ledger.state;
            let is_settled =
                state.in_flight().next().is_none() && state.replaying().next().is_none();
            let unsettled = unsettled(state, &run.unasked.lock().expect("no panics inside"));
            let ends = !is_settled
                || unsettled.is_some()
                // What comes of changed files would not know of the pause.
                || state.is_paused()
                || ending == Ending::Interrupted;
            Ok(ends.then(|| {
                let mut summary = self.summarise(&opened, surveyed, ending);
                summary.stopped = summary.stopped.or(unsettled);
                summary
            }))
        }
        .await;
        if let Some((_, anchor)) = held {
            anchor.let_go().await;
        }
        ended
    }

    async fn anchor(&self, surveyed: &Surveyed, rollout: &str) -> Result<Anchored, ApplyError> {
        take_anchor(
            self.setup,
            surveyed,
            rollout,
            (
                self.options.take_over,
                &Orphans::new(self.setup.journal.clone(), self.lease.clone()),
            ),
            &self.control,
            &*self.watcher,
        )
        .await
    }

    async fn go(&self, surveyed: Surveyed, prospect: Prospect) -> Result<Summary, ApplyError> {
        self.check_unmoved(&prospect).await?;
        let id = match &prospect {
            Prospect::Fresh { .. } => new_id(),
            Prospect::Continue { rollout, .. }
            | Prospect::SettleFirst { rollout, .. }
            | Prospect::Supersede { rollout, .. } => rollout.clone(),
        };
        let anchor = self.anchor(&surveyed, &id).await?;
        let held = anchor.clone();
        let ended = self.hold(surveyed, prospect, id, anchor).await;
        if let Some((_, anchor)) = held {
            anchor.let_go().await;
        }
        ended
    }

    /// Under lease and anchor.
    async fn hold(
        &self,
        mut surveyed: Surveyed,
        prospect: Prospect,
        id: String,
        anchor: Anchored,
    ) -> Result<Summary, ApplyError> {
        // It has the futures of two engines' verbs in it, and mostly nothing to do.
        Box::pin(claim(self.setup, self.ask, &mut surveyed, &anchor)).await?;
        memory::remember(self.setup, Some(&self.lease), &surveyed).await?;
        let mut opened = match prospect {
            Prospect::Fresh { plan } if plan.is_empty() => {
                return Ok(nothing_to_do(self.setup, &surveyed, &plan, self.begun));
            }
            Prospect::Fresh { plan } => {
                begin(self.setup, &self.lease, id, plan, self.watcher.clone()).await?
            }
            Prospect::Continue { rollout, .. } => {
                take_up(self.setup, &self.lease, &rollout, self.watcher.clone()).await?
            }
            Prospect::SettleFirst { rollout, .. } => {
                return Err(ApplyError::Stale {
                    why: format!("what became of rollout {rollout} is settled first"),
                });
            }
            Prospect::Supersede { rollout, why, plan } => {
                let blind = Arc::new(crate::watch::Blind);
                let mut old = take_up(self.setup, &self.lease, &rollout, blind).await?;
                // What a second terminal has asked since comes first: the successor has an inbox of its own.
                take_requests(&mut old.ledger, self.setup.journal.inbox(&rollout).await?);
                (old.ledger.commit().await).map_err(|why| fault(&rollout, why.into()))?;
                if old.ledger.state.is_paused() {
                    return Err(ApplyError::Stale {
                        why: format!("rollout {rollout} was paused meanwhile; apply again"),
                    });
                }
                let successor = new_id();
                opening::supersede(&mut old, &successor, &why).await?;
                self.watcher.notice(&Notice::Warning {
                    shard: None,
                    text: format!("rollout {rollout} is superseded by {successor}: {why}"),
                });
                begin(
                    self.setup,
                    &self.lease,
                    successor,
                    plan,
                    self.watcher.clone(),
                )
                .await?
            }
        };
        failover::reconcile(&mut opened, &surveyed)?;
        self.approve(&mut opened).await?;
        let (opened, ending, _) = self.dispatch(opened, anchor, &surveyed, false).await?;
        Ok(self.summarise(&opened, &surveyed, ending))
    }

    fn summarise(&self, opened: &Opened, surveyed: &Surveyed, ending: Ending) -> Summary {
        let only = self.options.only.as_ref();
        summarise(self.setup, opened, surveyed, ending, only, self.begun)
    }

    async fn dispatch(
        &self,
        mut opened: Opened,
        anchor: Anchored,
        surveyed: &Surveyed,
        settle_only: bool,
    ) -> Result<(Opened, Ending, Arc<Run>), ApplyError> {
        let run = Arc::new(Run {
            setup: self.setup.clone(),
            rollout: opened.ledger.rollout.as_str().into(),
            plan: opened.plan.clone(),
            scripts: opened.scripts.clone(),
            epoch: self.lease.epoch,
            lease: self.lease.clone(),
            options: self.reachable(surveyed),
            control: self.control.clone(),
            beside: memory::beside(surveyed),
            known: Mutex::new(memory::known_now(self.setup).await?),
            anchor,
            settle_only,
            unasked: Mutex::default(),
            places: find_places(self.setup, &opened.plan),
        });
        match dispatch(run.clone(), &mut opened.ledger).await {
            Ok(ending) => Ok((opened, ending, run)),
            Err(stop) => Err(midway(&opened.ledger, stop)),
        }
    }

    /// The options of this run; shards that are left out as unreachable are not tried.
    fn reachable(&self, surveyed: &Surveyed) -> Options {
        let mut options = self.options.clone();
        if self.ask.skip_unreachable {
            let seen = surveyed.shards.iter().filter(|s| s.seen.is_ok());
            let only = seen.map(|s| s.name.clone());
            options.only = Some(match &options.only {
                Some(asked) => only.filter(|name| asked.contains(name)).collect(),
                None => only.collect(),
            });
        }
        options
    }

    /// The world may have moved between the look ahead and the lease.
    async fn check_unmoved(&self, prospect: &Prospect) -> Result<(), ApplyError> {
        let now = planning::unfinished(self.setup).await?;
        let expected = match prospect {
            Prospect::Fresh { .. } => None,
            Prospect::Continue { rollout, .. }
            | Prospect::SettleFirst { rollout, .. }
            | Prospect::Supersede { rollout, .. } => Some(rollout),
        };
        match (now, expected) {
            (Some(row), Some(id)) if row.id == *id => Ok(()),
            (None, None) => Ok(()),
            // Stored and killed before its first event: it never was.
            (Some(row), None) if row.sequence == 0 => {
                let blind = Arc::new(crate::watch::Blind);
                let mut old = take_up(self.setup, &self.lease, &row.id, blind).await?;
                opening::supersede(&mut old, "", "it had not begun").await
            }
            (Some(row), _) => Err(ApplyError::Stale {
                why: format!("rollout {} began meanwhile; apply again", row.id),
            }),
            (None, Some(id)) => Err(ApplyError::Stale {
                why: format!("rollout {id} ended meanwhile; apply again"),
            }),
        }
    }

    /// `--approved-digest`: every wave that asks has its approval.
    async fn approve(&self, opened: &mut Opened) -> Result<(), ApplyError> {
        if self.options.approved_digest.is_none() {
            opened.ledger.commit().await?;
            return Ok(());
        }
        for stage in 0..opened.plan.stages.len() {
            for wave in 0..opened.plan.waves.len() {
                // Refused where it asks for none or has one: either way there is nothing to do.
                let _ = opened.ledger.record(Event::Approved {
                    stage,
                    wave,
                    digest: opened.plan.digest.clone(),
                    by: self.setup.by.clone(),
                });
            }
        }
        opened.ledger.commit().await?;
        Ok(())
    }
}

/// What was approved beforehand is this plan, and no other.
fn check_approved(options: &Options, prospect: &Prospect) -> Result<(), ApplyError> {
    let digest = &prospect.plan().digest;
    match &options.approved_digest {
        Some(approved) if approved != digest => Err(ApplyError::Stale {
            why: format!("{approved} was approved, and the plan's digest is {digest}"),
        }),
        _ => Ok(()),
    }
}

/// Why the run could not go on, and whether it leaves a fleet that it has split.
fn midway(ledger: &Ledger, stop: Stop) -> ApplyError {
    let why = match stop {
        Stop::Ledger(why) => fault(&ledger.rollout, why),
        Stop::LeaseLost(why) => ApplyError::LeaseLost { why },
    };
    let (changed, in_flight) = (ledger.changed().len(), ledger.in_flight());
    if changed + in_flight == 0 {
        return why;
    }
    ApplyError::Midway {
        changed,
        in_flight,
        why: Box::new(why),
    }
}
