//! Looks at one node, again and again, over one connection; and at those that it names.

use super::Shared;
use crate::{
    executor::chain,
    replicas::{board::patience, named::NamedNode, roster::Roster},
};
use greylag_core::node::{NodeRole, NodeSighting};
use greylag_engines::{Observer, Target};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often a node is looked at first when its shard waits for it; less and less often then.
const HASTE: Duration = Duration::from_millis(20);

/// A dead node is tried less and less often, up to this many times the ordinary interval.
const SLOWEST: u32 = 8;

/// A node that answers, but not in time, is given twice as long, and so again, so many times: what is slow is seen in the end.
const GIVEN: u32 = 3;

/// Expects a node, and begins to look at it.
pub fn add(shared: &Arc<Shared>, named: NamedNode, host: Arc<str>, follows: bool) {
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
