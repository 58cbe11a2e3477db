//! What nodes have to say in a rollout: whether it may start something new, and which shards have been replayed.

use super::{
    ledger::Ledger,
    run::{Followers, Run},
};
use crate::{
    executor::shows_all,
    journal::{JournalError, revise},
    replicas::{Awaited, NamedNode, News, Shows, Watcher},
    watch::Notice,
};
use greylag_core::{
    event::Event, fleet::ShardName, gate::WaitReason, node::NodeRole, outcome::Outcome,
    position::Position, rollout::OutOfOrder, survey::Server, throttle::Go,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The rollout's nodes; where the project names none, this asks nothing and holds nothing.
pub struct Nodes {
    run: Arc<Run>,
    watcher: Option<Watcher>,
    /// Where each shard's primary was after its work.
    positions: HashMap<ShardName, Position>,
    go: Go,
    /// Servers that are nodes of shards, to be remembered, and which primary each was seen to follow.
    proven: Vec<(ShardName, Server, Option<Server>)>,
    /// Shards of which a node says that it was promoted.
    promoted: BTreeSet<ShardName>,
    /// What was said last of a shard whose primary can't be told.
    said: HashMap<ShardName, String>,
}

impl Nodes {
    pub fn new(run: Arc<Run>) -> Self {
        let watcher = match run.settle_only {
            true => None,
            false => {
                let of_plan =
                    |shard: &&crate::FleetShard| run.places.contains_key(&shard.shard.name);
                let remembered = (run.remembered().iter())
                    .map(|(name, known)| (name.clone(), known.known.followers()))
                    .collect();
                let shards = run.setup.fleet.shards.iter().filter(of_plan);
                Watcher::start(&run.setup, shards, remembered)
            }
        };
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

    /// The shard's guarded replicas and its subscribers, as they are known now.
    pub fn followers(&self, shard: &ShardName) -> Followers {
        let of = |role| -> Arc<[NamedNode]> {
            match &self.watcher {
                Some(watcher) => watcher.guarded(shard, role).into(),
                // Nobody watches where things are only settled: what the project names still has its part of the work to get.
                None => self.run.setup.replication.guarded(shard, role).into(),
            }
        };
        (of(NodeRole::Replica), of(NodeRole::Subscriber))
    }

    pub fn note_position(&mut self, shard: ShardName, position: Position) {
        self.positions.insert(shard, position);
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
        let watcher = self.watcher.as_ref()?;
        if watcher.waits(shard) {
            return None;
        }
        if !watcher.waits_for(shard) {
            // The project has stopped naming them since, or ignores them now.
            return Some(Event::ShardEnded {
                stage,
                shard: shard.clone(),
                outcome: Outcome::Applied,
            });
        }
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
            watcher.follow(&self.run.setup, shard);
        }
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
        if ledger.state.has_ended() {
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
            for (shard, server, follows) in proven {
                let Some(known) = known.get_mut(shard) else {
                    continue;
                };
                match follows {
                    Some(primary) => known.known.prove_follower(server, primary),
                    None => known.known.prove_replica(server),
                }
            }
        });
        let known = known.await?;
        self.proven
            .retain(|(shard, _, _)| !known.contains_key(shard));
        Ok(())
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
            } => self.proven.push((shard, server, follows)),
            News::Promoted { shard } => drop(self.promoted.insert(shard)),
            News::Found { node, finding } => {
                let mut text = format!("node {}: {}", node.node, finding.text);
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
