//! Looks at the nodes of a rollout's shards, again and again: one connection a node, one query a look.

use super::{
    arrange::arrange,
    board::{Awaited, Board, News, patience},
    named::{Named, NamedNode, Replication},
    topology::children_of,
};
use crate::{
    executor::chain,
    fleet::FleetShard,
    setup::{Open, Setup},
};
use greylag_core::{
    fleet::ShardName,
    node::{NodeName, NodeRole},
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
    /// Shards whose project names nodes.
    shards: BTreeSet<ShardName>,
}

struct Shared {
    board: Mutex<Board>,
    open: Arc<dyn Open>,
    replication: Replication,
    connecting: Semaphore,
    /// Woken when a shard's nodes are wanted to hurry.
    hurry: Mutex<HashMap<ShardName, Arc<Notify>>>,
    /// Names taken among each shard's found nodes, and by which child they were found.
    found: Mutex<BTreeMap<ShardName, Found>>,
    /// How many servers are remembered to follow each shard's primary.
    remembered: BTreeMap<ShardName, usize>,
    weigh: Notify,
    tasks: Mutex<Vec<AbortHandle>>,
}

#[derive(Default)]
struct Found {
    names: BTreeSet<String>,
    children: BTreeSet<(String, Option<String>)>,
    /// None is there where there were some.
    gone: bool,
}

impl Watcher {
    /// Begins to watch the nodes of these shards; none where the project names none, which costs nothing.
    pub fn start<'a>(
        setup: &Setup,
        shards: impl Iterator<Item = &'a FleetShard>,
        remembered: BTreeMap<ShardName, usize>,
    ) -> Option<Watcher> {
        let named: Vec<(&FleetShard, Named)> = shards
            .filter_map(|shard| {
                let named = setup.replication.of_shard(&shard.shard.name)?;
                Some((shard, named.clone()))
            })
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
            found: Mutex::default(),
            remembered,
            weigh: Notify::new(),
            tasks: Mutex::default(),
        });
        let mut watched = BTreeSet::new();
        for (shard, named) in named {
            let name = shard.shard.name.clone();
            shared
                .hurry
                .lock()
                .expect("no panics inside")
                .insert(name.clone(), Arc::default());
            let host = shard.shard.host.clone();
            shared.watch(shard, &named, setup.seats.get(&name).as_ref(), host);
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
    pub fn follow(&self, setup: &Setup, shard: &ShardName) {
        let found = setup
            .fleet
            .get(shard)
            .zip(setup.replication.of_shard(shard));
        let Some((found, named)) = found.filter(|_| self.shards.contains(shard)) else {
            return;
        };
        self.shared.board().start_over(shard);
        (self.shared.found.lock().expect("no panics inside")).remove(shard);
        // Who was known to follow the old one need not follow the new one yet; what is lacking is told of it anew.
        self.shared.board().lack(shard.clone(), None);
        let host = found.shard.host.clone();
        let seat = setup.seats.get(shard);
        self.shared.watch(found, named, seat.as_ref(), host);
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
    fn watch(
        self: &Arc<Self>,
        shard: &FleetShard,
        named: &Named,
        seat: Option<&Target>,
        host: Arc<str>,
    ) {
        let listed: &[NamedNode] = match named {
            Named::Listed(list) => list,
            Named::Auto => &[],
        };
        let ignored = super::named::why_none_counts(listed, jiff::Timestamp::now());
        self.board().lack(shard.shard.name.clone(), ignored);
        let follows = matches!(named, Named::Auto);
        for node in arrange(&shard.target, seat, listed) {
            add(self, node, host.clone(), follows);
        }
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
        let look = look(&shared, &named.node, &target, &mut observer);
        let allowed = patience(poll) * 2_u32.pow(given);
        match tokio::time::timeout(allowed, look).await {
            Ok(Ok(seen)) => {
                missed = 0;
                if begun.elapsed() < allowed / 4 {
                    given = given.saturating_sub(1);
                }
                if follows {
                    follow(&shared, &named, &host, &seen);
                }
            }
            Ok(Err(why)) => {
                observer = None;
                missed = missed.saturating_add(1);
                shared.board().miss(&named.node, why);
            }
            Err(_) => {
                observer = None;
                missed = missed.saturating_add(1);
                let why = format!("no answer within {allowed:?}");
                shared.board().miss(&named.node, why);
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
    node: &NodeName,
    target: &Target,
    held: &mut Option<Box<dyn Observer>>,
) -> Result<greylag_core::node::NodeSighting, String> {
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
    shared.board().take(node, seen.clone());
    let shows = shared.board().to_show(node);
    if let Some(shows) = shows {
        let rows = observer.history().await.map_err(|why| chain(&why))?;
        if shows(&rows) {
            shared.board().shown(node);
            shared.weigh.notify_one();
        }
    }
    Ok(seen)
}

/// Expects those that the node says follow it.
fn follow(
    shared: &Arc<Shared>,
    named: &NamedNode,
    host: &Arc<str>,
    seen: &greylag_core::node::NodeSighting,
) {
    let shard = &named.node.shard;
    let (nodes, unmapped, is_back) = {
        let mut found = shared.found.lock().expect("no panics inside");
        let found = found.entry(shard.clone()).or_default();
        let mut new = seen.clone();
        new.children.retain(|child| {
            let known = (child.name.clone(), child.address.clone());
            !child.logical && found.children.insert(known)
        });
        let mut is_back = false;
        if named.role == NodeRole::Primary {
            let before = shared.remembered.get(shard).copied();
            let gone = before
                .filter(|before| *before > 0 && found.children.is_empty())
                .map(|before| {
                    format!(
                        "its primary names none, and {before} were known before; bring one back, or say `replicas = []`"
                    )
                });
            is_back = std::mem::replace(&mut found.gone, gone.is_some()) && gone.is_none();
            if gone.is_some() {
                shared.board().lack(shard.clone(), gone);
            }
        }
        let addresses = &shared.replication.settings.addresses;
        let (nodes, unmapped) = children_of(&new, &named.target, addresses, &mut found.names);
        (nodes, unmapped, is_back)
    };
    for node in nodes {
        add(shared, node, host.clone(), true);
    }
    // Nothing is said to be complete before those who were named are expected. One that can't be reached stays lacking, whatever else
    // is found.
    if is_back {
        shared.board().lack(shard.clone(), None);
    }
    for lost in unmapped {
        shared.board().lack(shard.clone(), Some(lost.why));
    }
    if named.role == NodeRole::Primary {
        shared.board().named(shard);
    }
}
