//! What nodes have to say in a rollout: whether it may start something new, and which shards have been replayed.

use super::{
    ledger::Ledger,
    run::{Followers, Run},
};
use crate::{
    executor::{Standbys, shows_all},
    journal::{JournalError, KnownShard, revise},
    replicas::{Awaited, News, Shows, Watcher},
    watch::Notice,
};
use greylag_core::{
    event::Event,
    fleet::ShardName,
    gate::WaitReason,
    node::{Lag, NodeRole},
    outcome::Outcome,
    position::{Distance, Position},
    rollout::OutOfOrder,
    survey::Server,
    throttle::Go,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The rollout's nodes; where none are watched, this asks nothing and holds nothing.
pub struct Nodes {
    run: Arc<Run>,
    watcher: Option<Watcher>,
    /// Where each shard's primary was after its work.
    positions: HashMap<ShardName, Position>,
    go: Go,
    /// Servers that are nodes of shards, to be remembered.
    proven: Vec<Proof>,
    /// Shards of which a node says that it was promoted.
    promoted: BTreeSet<ShardName>,
    /// What was said last of a shard whose primary can't be told.
    said: HashMap<ShardName, String>,
    /// Shards at work that wait for standbys before a lock.
    before_locks: BTreeSet<ShardName>,
}

/// A server that is a node of a shard, and which primary it was seen to follow.
struct Proof {
    shard: ShardName,
    server: Server,
    follows: Option<Server>,
    /// What its primary calls it.
    name: Option<Arc<str>>,
}

impl Nodes {
    pub fn new(run: Arc<Run>, ledger: &Ledger) -> Self {
        // Where nothing starts, those are watched whose work is to be there; what has failed may be asked again meanwhile.
        let state = &ledger.state;
        let unsettled: BTreeSet<&ShardName> = (state.in_flight())
            .chain(state.replaying().map(|(shard, _)| shard))
            .chain(state.unverified())
            .collect();
        let is_watched = |shard: &&crate::FleetShard| {
            let name = &shard.shard.name;
            run.places.contains_key(name) && (!run.settle_only || unsettled.contains(name))
        };
        let known = (run.remembered().iter())
            .map(|(name, known)| (name.clone(), known.known.clone()))
            .collect();
        let shards = run.setup.fleet.shards.iter().filter(is_watched);
        let watcher = Watcher::start(&run.setup, shards, &known);
        Self {
            go: match watcher {
                Some(_) => Go::NotYet,
                None => Go::Yes,
            },
            watcher,
            run,
            positions: HashMap::new(),
            proven: Vec::new(),
            promoted: BTreeSet::new(),
            said: HashMap::new(),
            before_locks: BTreeSet::new(),
        }
    }

    /// Whether something new may start. While the nodes have not been looked at, nothing does.
    pub fn may_start(&self) -> bool {
        self.go == Go::Yes
    }

    /// Whether going or holding is not known yet: the run goes on until it is.
    pub fn is_undecided(&self) -> bool {
        self.go == Go::NotYet
    }

    /// The shard's guarded replicas, and its subscribers as they are known now.
    pub fn followers(&self, shard: &ShardName) -> Followers {
        let named = |role| self.run.setup.replication.guarded(shard, role);
        match &self.watcher {
            Some(watcher) => (
                Standbys::watched(watcher.guards(shard, NodeRole::Replica)),
                watcher.guards(shard, NodeRole::Subscriber)().into(),
            ),
            // Nobody watches where nothing is to be waited for: what the project names still has its part of the work to get.
            None => (
                Standbys::fixed(named(NodeRole::Replica)),
                named(NodeRole::Subscriber).into(),
            ),
        }
    }

    pub fn note_position(&mut self, shard: ShardName, position: Position) {
        self.positions.insert(shard, position);
    }

    /// What a shard at work waits for; nothing where it goes on, or is through.
    pub fn note_waits(&mut self, shard: &ShardName, reasons: &[WaitReason]) {
        let of_standby = |reason: &WaitReason| {
            matches!(
                reason,
                WaitReason::ReplicaUnseen { .. } | WaitReason::StandbyQueries { .. }
            )
        };
        match reasons.iter().any(of_standby) {
            true => self.before_locks.insert(shard.clone()),
            false => self.before_locks.remove(shard),
        };
    }

    /// How a shard whose work is there goes on: to be replayed, or done.
    pub fn end_of(&mut self, stage: usize, shard: &ShardName) -> Event {
        let position = self.positions.remove(shard);
        let waits = (self.watcher.as_ref()).is_some_and(|watcher| watcher.waits_for(shard));
        if waits {
            return Event::ShardReplaying {
                stage,
                shard: shard.clone(),
                position,
            };
        }
        Event::ShardEnded {
            stage,
            shard: shard.clone(),
            outcome: Outcome::Applied,
        }
    }

    /// Waits for a shard's nodes, where that is not under way; says that it is done where there are none any more.
    pub fn await_replicas(
        &mut self,
        ledger: &Ledger,
        stage: usize,
        shard: &ShardName,
        position: Option<Position>,
    ) -> Option<Event> {
        let watcher = self.watcher.as_ref();
        if watcher.is_some_and(|watcher| watcher.waits(shard)) {
            return None;
        }
        let Some(watcher) = watcher.filter(|watcher| watcher.waits_for(shard)) else {
            // The project has stopped naming them since, or ignores them now.
            return Some(Event::ShardEnded {
                stage,
                shard: shard.clone(),
                outcome: Outcome::Applied,
            });
        };
        let shows = self.shows(ledger, shard)?;
        watcher.wait_for(
            shard,
            Awaited {
                stage,
                position,
                shows,
            },
        );
        None
    }

    /// What is lost of an earlier stage and was run again is to be replayed as the stage's own work is.
    fn shows(&self, ledger: &Ledger, shard: &ShardName) -> Option<Shows> {
        let found = self.run.setup.fleet.get(shard)?.clone();
        let scripts = self.run.scripts.clone();
        let work = ledger.state.recorded(shard);
        Some(Arc::new(move |rows| {
            shows_all(&scripts, &found, &work, rows)
        }))
    }

    /// Shards of which a node says that it was promoted; each is said once, until it says so again.
    pub fn promoted(&mut self) -> BTreeSet<ShardName> {
        std::mem::take(&mut self.promoted)
    }

    /// From now on the shard's nodes are watched from where its primary is now.
    pub fn follow(&mut self, shard: &ShardName) {
        self.said.remove(shard);
        if let Some(watcher) = &self.watcher {
            let known = self.run.known_of(shard).map(|known| known.known);
            watcher.follow(&self.run.setup, shard, known.as_ref());
        }
    }

    /// Whether a shard's nodes are waited for, and have not been looked at in this run.
    pub fn is_unlooked(&self, shard: &ShardName) -> bool {
        let watcher = self.watcher.as_ref();
        watcher.is_some_and(|watcher| watcher.is_unlooked(shard))
    }

    /// Whether this was not said of the shard before.
    pub fn has_news(&mut self, shard: &ShardName, text: &str) -> bool {
        self.said.insert(shard.clone(), text.to_owned()).as_deref() != Some(text)
    }

    /// Shards that are not waited for any longer: skipped, or the rollout was aborted.
    pub fn let_go(&self, ledger: &Ledger, shard: &ShardName) {
        let replaying = ledger.state.replaying().any(|(name, _)| name == shard);
        if let Some(watcher) = &self.watcher
            && !replaying
        {
            watcher.forget(shard);
        }
    }

    /// A shard that a person left out holds the others no longer, however its nodes stand.
    pub fn excuse(&self, ledger: &Ledger) {
        if let Some(watcher) = &self.watcher {
            ledger
                .state
                .skipped()
                .for_each(|shard| watcher.excuse(shard));
        }
    }

    /// The next thing nodes have to say; pends for ever where there are none.
    pub async fn next(&mut self) -> Option<News> {
        match &mut self.watcher {
            Some(watcher) => watcher.next().await,
            None => std::future::pending().await,
        }
    }

    /// Takes in what nodes said, and all that they have said since.
    pub fn take(&mut self, ledger: &mut Ledger, first: Option<News>) -> Result<(), OutOfOrder> {
        let mut next = first;
        while let Some(news) = next {
            self.take_one(ledger, news)?;
            next = self.watcher.as_mut().and_then(Watcher::more);
        }
        let Some(watcher) = &mut self.watcher else {
            return Ok(());
        };
        self.go = watcher.go();
        let reasons = match &self.go {
            Go::Yes => Vec::new(),
            Go::NotYet => return Ok(()),
            Go::Hold(reasons) => reasons.clone(),
        };
        // Figures move at every look; the journal is told when what holds has changed.
        let same = ledger.state.held().len() == reasons.len()
            && (ledger.state.held().iter().zip(&reasons)).all(|(a, b)| about(a) == about(b));
        // Nothing would start, whatever holds.
        if ledger.state.has_ended() || self.run.settle_only {
            return Ok(());
        }
        if !same {
            ledger.record(Event::Held { reasons })?;
        } else if !reasons.is_empty() {
            ledger.show_live(Event::Held { reasons });
        }
        Ok(())
    }

    /// Why nodes hold, with the figures of now.
    pub fn reasons(&self) -> &[WaitReason] {
        match &self.go {
            Go::Hold(reasons) => reasons,
            Go::Yes | Go::NotYet => &[],
        }
    }

    /// Adds what was proven to what the journal remembers of its shards; a shard that is not known there yet comes later.
    pub async fn remember(&mut self) -> Result<(), JournalError> {
        if self.proven.is_empty() {
            return Ok(());
        }
        let setup = &self.run.setup;
        let (scope, lease) = (setup.scope(), Some(&self.run.lease));
        let proven = &self.proven;
        let known = revise(&*setup.journal, &scope, lease, |known| {
            for proof in proven {
                let Some(known) = known.get_mut(&proof.shard) else {
                    continue;
                };
                match &proof.follows {
                    Some(primary) => known.known.prove_follower(&proof.server, primary),
                    None => known.known.prove_replica(&proof.server),
                }
                if let Some(name) = &proof.name {
                    known.known.call(&proof.server, name);
                }
            }
        });
        let known = known.await?;
        self.recall(known.values());
        self.proven
            .retain(|proof| !known.contains_key(&proof.shard));
        Ok(())
    }

    /// Takes up a person's word on nodes that are gone: asked while anything of nodes holds, or is waited for.
    pub async fn look_up_forgotten(&self) -> Result<(), JournalError> {
        let Some(watcher) = &self.watcher else {
            return Ok(());
        };
        let waits = |shard: &ShardName| watcher.waits(shard);
        let is_stuck = matches!(self.go, Go::Hold(_))
            || !self.before_locks.is_empty()
            || self.run.places.keys().any(waits);
        if !is_stuck || !watcher.goes_by_memory() {
            return Ok(());
        }
        let setup = &self.run.setup;
        let known = setup.journal.known(&setup.scope()).await?;
        self.recall(known.iter());
        Ok(())
    }

    fn recall<'a>(&self, known: impl Iterator<Item = &'a KnownShard>) {
        let Some(watcher) = &self.watcher else {
            return;
        };
        for known in known {
            watcher.recall(&known.name, &known.known);
        }
    }

    fn take_one(&mut self, ledger: &mut Ledger, news: News) -> Result<(), OutOfOrder> {
        let is_replaying = |ledger: &Ledger, shard: &ShardName| {
            ledger
                .state
                .replaying()
                .find(|(name, _)| *name == shard)
                .map(|(_, overdue)| overdue)
        };
        match news {
            News::Replayed { stage, shard } => {
                if is_replaying(ledger, &shard).is_some() {
                    ledger.record(Event::ShardEnded {
                        stage,
                        shard,
                        outcome: Outcome::Applied,
                    })?;
                }
            }
            News::Overdue {
                stage,
                shard,
                nodes,
            } => {
                if is_replaying(ledger, &shard) == Some(false) {
                    ledger.record(Event::NotReplayed {
                        stage,
                        shard,
                        nodes,
                    })?;
                }
            }
            News::Proven {
                shard,
                server,
                follows,
                name,
            } => self.proven.push(Proof {
                shard,
                server,
                follows,
                name,
            }),
            News::LeftOut { node, lag } => ledger.show(Notice::Warning {
                shard: Some(node.shard.clone()),
                text: format!(
                    "{node} is catching up{} and is left out until it has, as `catching-up` of `[replicas]` says: it need not have replayed what is called done",
                    far(lag)
                ),
            }),
            News::CountsAgain { node } => ledger.show(Notice::Warning {
                shard: Some(node.shard.clone()),
                text: format!("{node} has caught up, and is waited for again"),
            }),
            News::Aside { node, last } => ledger.show(Notice::Warning {
                shard: Some(node.shard.clone()),
                text: format!(
                    "{node} is the shard's primary now, and is not waited for until it follows again{}",
                    if last { ": no node of the shard is waited for" } else { "" }
                ),
            }),
            News::Promoted { shard } => drop(self.promoted.insert(shard)),
            News::Found { node, finding } => {
                let mut text = format!("{node}: {}", finding.text);
                if let Some(mend) = &finding.mend {
                    text.push_str(&format!("; {mend}"));
                }
                ledger.show(Notice::Warning {
                    shard: Some(node.shard),
                    text,
                });
            }
            News::Waits {
                stage,
                shard,
                reasons,
            } => {
                if is_replaying(ledger, &shard).is_some() {
                    ledger.show_live(Event::ShardWaiting {
                        stage,
                        shard,
                        reasons,
                    });
                } else {
                    self.let_go(ledger, &shard);
                }
            }
        }
        Ok(())
    }
}

/// How far a node is behind, as far as that is known.
fn far(lag: Lag) -> String {
    match lag.distance {
        Some(Distance::Bytes(bytes)) => format!(" ({bytes} bytes behind)"),
        Some(Distance::Transactions(1)) => " (a transaction behind)".into(),
        Some(Distance::Transactions(count)) => format!(" ({count} transactions behind)"),
        None => String::new(),
    }
}

/// What a reason is about, without the figures that move.
fn about(reason: &WaitReason) -> String {
    match reason {
        WaitReason::ReplicaLag { node, .. } => format!("lag {node}"),
        WaitReason::ReplicaUnseen { node, .. } => format!("unseen {node}"),
        WaitReason::ReplicaTrouble { node, finding } => format!("{} {node}", finding.kind),
        WaitReason::Slot {
            node, slot, what, ..
        } => format!("slot {node} {slot} {what:?}"),
        WaitReason::Load { place, what, .. } => format!("load {place} {what:?}"),
        other => format!("{other:?}"),
    }
}
