//! Looks at the nodes of a rollout's shards, again and again: one connection a node, one query a look.

mod looking;
mod quiet;

use self::{
    looking::{Round, begin},
    quiet::Quiet,
};
use super::{
    arrange::arrange,
    board::{Awaited, Board, News},
    named::{Named, NamedNode, Replication},
    roster::Roster,
};
use crate::{
    fleet::FleetShard,
    setup::{Open, Setup},
};
use greylag_core::{fleet::ShardName, identity::Known, node::NodeRole, throttle::Go};
use greylag_engines::Target;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    task::AbortHandle,
    time::Instant,
};

/// So many nodes are connected to at once.
const CONNECTING: usize = 32;

/// How often going or holding is weighed.
const WEIGH: Duration = Duration::from_millis(100);

/// Watches nodes until it is dropped.
pub struct Watcher {
    shared: Arc<Shared>,
    go: watch::Receiver<Go>,
    news: mpsc::UnboundedReceiver<News>,
    /// Shards of which anything is watched.
    shards: BTreeSet<ShardName>,
}

struct Shared {
    board: Mutex<Board>,
    open: Arc<dyn Open>,
    replication: Replication,
    connecting: Semaphore,
    /// Woken when a shard's nodes are wanted to hurry.
    hurry: Mutex<HashMap<ShardName, Arc<Notify>>>,
    /// Of shards whose primaries name their nodes: who they are.
    rosters: Mutex<BTreeMap<ShardName, Roster>>,
    weigh: Notify,
    tasks: Mutex<Tasks>,
}

/// Those who look and weigh.
#[derive(Default)]
struct Tasks {
    all: Vec<AbortHandle>,
    /// The watcher is gone: whoever begins now ends at once.
    over: bool,
}

impl Tasks {
    fn push(&mut self, task: AbortHandle) {
        if self.over {
            return task.abort();
        }
        self.all.retain(|task| !task.is_finished());
        self.all.push(task);
    }

    fn end(&mut self) {
        self.over = true;
        self.all.drain(..).for_each(|task| task.abort());
    }
}

/// A shard whose nodes are watched.
struct Watched<'a> {
    shard: &'a FleetShard,
    named: &'a Named,
    /// Where its primary was found, if not where it is named.
    seat: Option<Target>,
    known: Option<&'a Known>,
    /// What is known of its nodes is forgotten first.
    anew: bool,
}

impl Watcher {
    /// Begins to watch the nodes of these shards; none where the project names none and sets no limit on primaries, which costs
    /// nothing.
    pub fn start<'a>(
        setup: &Setup,
        shards: impl Iterator<Item = &'a FleetShard>,
        known: &BTreeMap<ShardName, Known>,
    ) -> Option<Watcher> {
        let named: Vec<(&FleetShard, Named)> = shards
            .filter_map(|shard| Some((shard, setup.replication.watched(&shard.shard)?)))
            .collect();
        if named.is_empty() {
            return None;
        }
        let shared = Arc::new(Shared {
            board: Mutex::new(Board::new(setup.replication.settings.clone())),
            open: setup.open.clone(),
            replication: setup.replication.clone(),
            connecting: Semaphore::new(CONNECTING),
            hurry: Mutex::default(),
            rosters: Mutex::default(),
            weigh: Notify::new(),
            tasks: Mutex::default(),
        });
        let mut watched = BTreeSet::new();
        for (shard, named) in &named {
            let name = shard.shard.name.clone();
            shared
                .hurry
                .lock()
                .expect("no panics inside")
                .insert(name.clone(), Arc::default());
            shared.watch(Watched {
                shard,
                named,
                seat: setup.seats.get(&name),
                known: known.get(&name),
                anew: false,
            });
            watched.insert(name);
        }
        let (told, go) = watch::channel(Go::NotYet);
        let (send, news) = mpsc::unbounded_channel();
        let weighs = tokio::spawn(weigh(Arc::downgrade(&shared), told, send));
        shared
            .tasks
            .lock()
            .expect("no panics inside")
            .push(weighs.abort_handle());
        Some(Watcher {
            shared,
            go,
            news,
            shards: watched,
        })
    }

    /// Whether something new may start now.
    pub fn go(&mut self) -> Go {
        self.go.borrow_and_update().clone()
    }

    /// The next thing there is to know: shards that have been waited for, or going and holding.
    pub async fn next(&mut self) -> Option<News> {
        tokio::select! {
            biased;
            news = self.news.recv() => news,
            _ = self.go.changed() => None,
        }
    }

    /// Without waiting.
    pub fn more(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// Whether the shard's work is done only once nodes have replayed it.
    pub fn waits_for(&self, shard: &ShardName) -> bool {
        self.shards.contains(shard) && self.shared.board().waits_for(shard)
    }

    /// From now on the shard's nodes are to replay its work, and are looked at more often until they have.
    pub fn wait_for(&self, shard: &ShardName, awaited: Awaited) {
        self.shared.board().wait_for(shard, awaited);
        self.shared.hurry(shard);
    }

    /// The shard's primary is another server: its nodes are watched anew, around it.
    pub fn follow(&self, setup: &Setup, shard: &ShardName, known: Option<&Known>) {
        let found = (setup.fleet.get(shard)).filter(|_| self.shards.contains(shard));
        let Some(found) = found else {
            return;
        };
        let Some(named) = setup.replication.watched(&found.shard) else {
            return;
        };
        self.shared.watch(Watched {
            shard: found,
            named: &named,
            seat: setup.seats.get(shard),
            known,
            anew: true,
        });
    }

    /// Whether a person may have a word on who belongs to any of the shards.
    pub fn goes_by_memory(&self) -> bool {
        !self.shared.rosters().is_empty()
    }

    /// Goes by what is remembered of a shard now: who has been forgotten is expected no more.
    pub fn recall(&self, shard: &ShardName, known: &Known) {
        // Rosters before the board, wherever both are held.
        let mut rosters = self.shared.rosters();
        let Some(roster) = rosters.get_mut(shard) else {
            return;
        };
        let gone = roster.recall(known);
        let mut board = self.shared.board();
        gone.iter().for_each(|name| board.dismiss(name));
        board.remember(shard, Some(known.clone()));
        for name in board.names(shard) {
            board.advise(&name, roster.advice(&name));
        }
        let lacking = roster.lacking();
        board.lack(shard.clone(), lacking);
    }

    /// Tells the shard's guarded nodes of a role, as they are known whenever it is asked.
    pub fn guards(
        &self,
        shard: &ShardName,
        role: NodeRole,
    ) -> impl Fn() -> Vec<NamedNode> + Send + Sync + use<> {
        let (shared, shard) = (self.shared.clone(), shard.clone());
        move || shared.board().guarded(&shard, role)
    }

    /// Whether the shard is waited for, and nobody has looked since, or what came of it is yet to be heard.
    pub fn is_unlooked(&self, shard: &ShardName) -> bool {
        // In this order: what has been weighed has been sent.
        self.shared.board().is_unlooked(shard) || !self.news.is_empty()
    }

    pub fn waits(&self, shard: &ShardName) -> bool {
        self.shared.board().waits(shard)
    }

    pub fn forget(&self, shard: &ShardName) {
        self.shared.board().forget(shard);
    }

    /// The shard is left out of the rollout: its nodes are looked at and told of as before, and hold nothing.
    pub fn excuse(&self, shard: &ShardName) {
        self.shared.board().excuse(shard);
        self.shared.weigh.notify_one();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.tasks.lock().expect("no panics inside").end();
    }
}

impl Shared {
    /// Expects the shard's nodes, and begins to look at them.
    fn watch(self: &Arc<Self>, watched: Watched<'_>) {
        self.expect(watched)
            .into_iter()
            .for_each(|round| begin(self, round));
    }

    /// All of them at once: whoever weighs finds the shard with its nodes, and never with some of them.
    fn expect(&self, watched: Watched<'_>) -> Vec<Round> {
        let Watched {
            shard,
            named,
            seat,
            known,
            anew,
        } = watched;
        let name = &shard.shard.name;
        let listed: &[NamedNode] = match named {
            Named::Listed(list) => list,
            Named::Auto => &[],
        };
        let arranged = arrange(&shard.target, seat.as_ref(), listed, known);
        let mut rosters = self.rosters();
        let mut board = self.board();
        if anew {
            board.start_over(name);
            // Who was known to follow the old one need not follow the new one yet; what is lacking is told of it anew.
            board.lack(name.clone(), None);
        }
        board.remember(name, known.cloned());
        let expected = match named {
            Named::Auto => {
                let (roster, expected) = Roster::new(arranged, known);
                rosters.insert(name.clone(), roster);
                expected
            }
            Named::Listed(list) => {
                let ignored = super::named::why_none_counts(list, jiff::Timestamp::now());
                board.lack(name.clone(), ignored);
                if list.is_empty() {
                    board.has_none(name);
                }
                arranged
            }
        };
        let roster = rosters.get(name).filter(|_| matches!(named, Named::Auto));
        let mut rounds = Vec::new();
        for node in expected {
            rounds.extend(Round::expect(
                &mut board,
                node,
                shard.shard.host.clone(),
                roster,
            ));
        }
        rounds
    }

    /// A look came to nothing; unless the node is looked for elsewhere by now.
    fn miss(&self, round: &Round, why: String) {
        let name = &round.named.node;
        let mut rosters = self.rosters();
        let mut board = self.board();
        if !round.lasts(&board) {
            return;
        }
        board.miss(name, why);
        if let Some(roster) = rosters.get_mut(&name.shard) {
            roster.note_look(name, false);
            board.lack(name.shard.clone(), roster.lacking());
        }
    }

    fn rosters(&self) -> MutexGuard<'_, BTreeMap<ShardName, Roster>> {
        self.rosters.lock().expect("no panics inside")
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().expect("no panics inside")
    }

    fn hurry(&self, shard: &ShardName) {
        if let Some(hurry) = self.hurry.lock().expect("no panics inside").get(shard) {
            hurry.notify_waiters();
        }
    }

    fn notify_of(&self, shard: &ShardName) -> Arc<Notify> {
        let hurry = self.hurry.lock().expect("no panics inside");
        hurry.get(shard).cloned().unwrap_or_default()
    }
}

/// Weighs what is known, and tells of what changed.
async fn weigh(
    shared: std::sync::Weak<Shared>,
    told: watch::Sender<Go>,
    news: mpsc::UnboundedSender<News>,
) {
    let mut quiet = Quiet::default();
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        {
            // Sent before anybody else can see that it was weighed.
            let mut board = shared.board();
            let go = board.go();
            told.send_if_modified(|before| {
                let changed = *before != go;
                *before = go;
                changed
            });
            for one in board.news() {
                if quiet.passes(&one, Instant::now()) && news.send(one).is_err() {
                    return;
                }
            }
        }
        let woken = tokio::time::timeout(WEIGH, shared.weigh.notified());
        let _ = woken.await;
    }
}
