//! Looks at the nodes of a rollout's shards, again and again: one connection a node, one query a look.

use super::{
    arrange::arrange,
    board::{Awaited, Board, News, patience},
    named::{Named, NamedNode, Replication},
    roster::Roster,
};
use crate::{
    executor::chain,
    fleet::FleetShard,
    setup::{Open, Setup},
};
use greylag_core::{
    fleet::ShardName,
    identity::Known,
    node::{NodeName, NodeRole, NodeSighting},
    throttle::Go,
};
use greylag_engines::{Observer, Target};
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

/// How often a node is looked at first when its shard waits for it; less and less often then.
const HASTE: Duration = Duration::from_millis(20);

/// A dead node is tried less and less often, up to this many times the ordinary interval.
const SLOWEST: u32 = 8;

/// A node that answers, but not in time, is given twice as long, and so again, so many times: what is slow is seen in the end.
const GIVEN: u32 = 3;

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
    tasks: Mutex<Vec<AbortHandle>>,
}

/// A shard whose nodes are watched.
struct Watched<'a> {
    shard: &'a FleetShard,
    named: &'a Named,
    /// Where its primary was found, if not where it is named.
    seat: Option<Target>,
    known: Option<&'a Known>,
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
        self.shared.board().start_over(shard);
        // Who was known to follow the old one need not follow the new one yet; what is lacking is told of it anew.
        self.shared.board().lack(shard.clone(), None);
        self.shared.watch(Watched {
            shard: found,
            named: &named,
            seat: setup.seats.get(shard),
            known,
        });
    }

    /// Whether a person may have a word on who belongs to any of the shards.
    pub fn goes_by_memory(&self) -> bool {
        !self.shared.rosters().is_empty()
    }

    /// Goes by what is remembered of a shard now: who has been forgotten is expected no more.
    pub fn recall(&self, shard: &ShardName, known: &Known) {
        let (gone, advice, lacking) = {
            let mut rosters = self.shared.rosters();
            let Some(roster) = rosters.get_mut(shard) else {
                return;
            };
            let gone = roster.recall(known);
            let names = self.shared.board().names(shard);
            let advise = |name: NodeName| (roster.advice(&name), name);
            let advice: Vec<_> = names.into_iter().map(advise).collect();
            (gone, advice, roster.lacking())
        };
        let mut board = self.shared.board();
        gone.iter().for_each(|name| board.dismiss(name));
        for (advice, name) in advice {
            board.advise(&name, advice);
        }
        board.lack(shard.clone(), lacking);
    }

    /// The shard's guarded nodes of a role, as they are known now.
    pub fn guarded(&self, shard: &ShardName, role: NodeRole) -> Vec<NamedNode> {
        self.shared.board().guarded(shard, role)
    }

    pub fn waits(&self, shard: &ShardName) -> bool {
        self.shared.board().waits(shard)
    }

    pub fn forget(&self, shard: &ShardName) {
        self.shared.board().forget(shard);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        for task in self.shared.tasks.lock().expect("no panics inside").iter() {
            task.abort();
        }
    }
}

impl Shared {
    /// Expects the shard's nodes, and begins to look at them.
    fn watch(self: &Arc<Self>, watched: Watched<'_>) {
        let Watched {
            shard,
            named,
            seat,
            known,
        } = watched;
        let name = &shard.shard.name;
        let host = &shard.shard.host;
        let listed: &[NamedNode] = match named {
            Named::Listed(list) => list,
            Named::Auto => &[],
        };
        let arranged = arrange(&shard.target, seat.as_ref(), listed);
        match named {
            Named::Auto => {
                let (roster, expected) = Roster::new(arranged, known);
                self.rosters().insert(name.clone(), roster);
                for node in expected {
                    add(self, node, host.clone(), true);
                }
            }
            Named::Listed(list) => {
                let ignored = super::named::why_none_counts(list, jiff::Timestamp::now());
                self.board().lack(name.clone(), ignored);
                if list.is_empty() {
                    self.board().has_none(name);
                }
                for node in arranged {
                    add(self, node, host.clone(), false);
                }
            }
        }
    }

    /// A look came to nothing; unless the node is looked for elsewhere by now.
    fn miss(&self, named: &NamedNode, why: String) {
        let mut board = self.board();
        if board.watches(named) {
            board.miss(&named.node, why);
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

/// Expects a node, and begins to look at it.
fn add(shared: &Arc<Shared>, named: NamedNode, host: Arc<str>, follows: bool) {
    if !shared.board().expect(named.clone(), host.clone(), follows) {
        return;
    }
    if follows {
        let advice =
            (shared.rosters().get(&named.node.shard)).and_then(|roster| roster.advice(&named.node));
        shared.board().advise(&named.node, advice);
    }
    let looks = tokio::spawn(watch_node(shared.clone(), named, host, follows));
    let mut tasks = shared.tasks.lock().expect("no panics inside");
    tasks.push(looks.abort_handle());
}

/// Weighs what is known, and tells of what changed.
async fn weigh(
    shared: std::sync::Weak<Shared>,
    told: watch::Sender<Go>,
    news: mpsc::UnboundedSender<News>,
) {
    let mut last_waits: HashMap<ShardName, Instant> = HashMap::new();
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let (go, heard) = {
            let mut board = shared.board();
            (board.go(), board.news())
        };
        told.send_if_modified(|before| {
            let changed = *before != go;
            *before = go;
            changed
        });
        for one in heard {
            if let News::Waits { shard, .. } | News::Promoted { shard } = &one {
                let quiet = last_waits
                    .get(shard)
                    .is_some_and(|last| last.elapsed() < Duration::from_secs(1));
                if quiet {
                    continue;
                }
                last_waits.insert(shard.clone(), Instant::now());
            }
            if news.send(one).is_err() {
                return;
            }
        }
        let woken = tokio::time::timeout(WEIGH, shared.weigh.notified());
        let _ = woken.await;
    }
}

/// Looks at one node until the watcher ends.
async fn watch_node(shared: Arc<Shared>, named: NamedNode, host: Arc<str>, follows: bool) {
    let poll = shared.replication.settings.poll;
    let hurry = shared.notify_of(&named.node.shard);
    let mut observer: Option<Box<dyn Observer>> = None;
    let mut missed = 0_u32;
    let mut given = 0_u32;
    let mut haste = HASTE;
    let limit = shared.replication.settings.limits.missed;
    let mut target = named.target.clone();
    target.application = "greylag/watch".into();
    loop {
        if !shared.board().watches(&named) {
            // Its shard's primary is another server now, and this one something else to it.
            return;
        }
        let hurried = hurry.notified();
        tokio::pin!(hurried);
        // Registered before the look, so that what is asked meanwhile is not lost.
        hurried.as_mut().enable();
        let begun = Instant::now();
        let look = look(&shared, &named, &target, &mut observer);
        let allowed = patience(poll) * 2_u32.pow(given);
        match tokio::time::timeout(allowed, look).await {
            Ok(Ok(seen)) => {
                missed = 0;
                if begun.elapsed() < allowed / 4 {
                    given = given.saturating_sub(1);
                }
                if follows
                    && shared.board().watches(&named)
                    && follow(&shared, &named, &host, &seen) == Follows::Twice
                {
                    return;
                }
            }
            Ok(Err(why)) => {
                observer = None;
                missed = missed.saturating_add(1);
                shared.miss(&named, why);
            }
            Err(_) => {
                observer = None;
                missed = missed.saturating_add(1);
                let why = format!("no answer within {allowed:?}");
                shared.miss(&named, why);
                // One that is dead has been told of by now; this one may only be slow to connect to.
                if missed >= limit {
                    given = (given + 1).min(GIVEN);
                }
            }
        }
        // The first misses count soon; a node that stays dead is left in peace.
        let mut wait = match missed.saturating_sub(limit) {
            0 => poll,
            more => poll * 2_u32.saturating_pow(more).min(SLOWEST),
        };
        if shared.board().to_show(&named.node).is_some() || shared.board().waits(&named.node.shard)
        {
            wait = wait.min(haste);
            haste = (haste * 2).min(poll);
        } else {
            haste = HASTE;
        }
        tokio::select! {
            () = tokio::time::sleep_until(begun + wait) => {}
            () = hurried => haste = HASTE,
        }
    }
}

/// One look, and the history where it may show what is waited for.
async fn look(
    shared: &Arc<Shared>,
    named: &NamedNode,
    target: &Target,
    held: &mut Option<Box<dyn Observer>>,
) -> Result<NodeSighting, String> {
    if held.is_none() {
        let _permit = shared.connecting.acquire().await;
        let opened = shared.open.observe(target).await;
        *held = opened.map_err(|why| chain(&why))?;
    }
    let Some(observer) = held.as_mut() else {
        let engine = target.engine.title();
        return Err(format!("{engine} has no replication to look at"));
    };
    let seen = observer.observe().await.map_err(|why| chain(&why))?;
    let shows = {
        let mut board = shared.board();
        if !board.watches(named) {
            return Ok(seen);
        }
        board.take(&named.node, seen.clone());
        board.to_show(&named.node)
    };
    if let Some(shows) = shows {
        let rows = observer.history().await.map_err(|why| chain(&why))?;
        let mut board = shared.board();
        if shows(&rows) && board.watches(named) {
            board.shown(&named.node);
            shared.weigh.notify_one();
        }
    }
    Ok(seen)
}

/// What became of a node's word on who follows it.
#[derive(PartialEq)]
enum Follows {
    Taken,
    /// The node is looked at by another way already, and by this one no more.
    Twice,
}

/// Expects those that the node says follow it.
fn follow(
    shared: &Arc<Shared>,
    named: &NamedNode,
    host: &Arc<str>,
    seen: &NodeSighting,
) -> Follows {
    let shard = &named.node.shard;
    let changes = {
        let mut rosters = shared.rosters();
        let Some(roster) = rosters.get_mut(shard) else {
            return Follows::Taken;
        };
        if roster.only_remembers(&named.node) {
            let mut board = shared.board();
            if board.double(&named.node, seen).is_some() {
                board.dismiss(&named.node);
                return Follows::Twice;
            }
        }
        let mut changes = roster.take(named, seen, &shared.replication.settings.addresses);
        // One that is proven is missed, though it is not written down yet.
        let board = shared.board();
        changes.unnamed.retain(|name| !board.is_proven(name));
        changes.unnamed.iter().for_each(|name| roster.strike(name));
        changes
    };
    for name in changes.gone.iter().chain(&changes.unnamed) {
        shared.board().dismiss(name);
    }
    for node in changes.new {
        add(shared, node, host.clone(), true);
    }
    // Nothing is said to be complete before those who were named are expected.
    let lacking = (shared.rosters().get(shard)).and_then(Roster::lacking);
    let mut board = shared.board();
    board.lack(shard.clone(), lacking);
    if named.role == NodeRole::Primary {
        board.named(shard);
    }
    Follows::Taken
}
