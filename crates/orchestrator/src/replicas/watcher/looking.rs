//! Looks at one node, again and again, over one connection; and at those that it names.

use super::Shared;
use crate::{
    executor::chain,
    replicas::{
        board::{Board, patience},
        named::NamedNode,
        roster::Roster,
    },
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

/// A node that has come to be looked at.
pub struct Round {
    pub named: NamedNode,
    host: Arc<str>,
    /// It is asked who follows it.
    follows: bool,
    number: u64,
}

impl Round {
    /// Expects a node; none where it is expected already. With a roster it is asked who follows it.
    pub fn expect(
        board: &mut Board,
        named: NamedNode,
        host: Arc<str>,
        roster: Option<&Roster>,
    ) -> Option<Round> {
        let number = board.expect(named.clone(), host.clone(), roster.is_some())?;
        if let Some(roster) = roster {
            board.advise(&named.node, roster.advice(&named.node));
        }
        Some(Round {
            named,
            host,
            follows: roster.is_some(),
            number,
        })
    }

    /// Whether the node is looked at in this round still.
    pub fn lasts(&self, board: &Board) -> bool {
        board.watches(&self.named.node, self.number)
    }
}

/// Begins to look at a node.
pub fn begin(shared: &Arc<Shared>, round: Round) {
    let looks = tokio::spawn(watch_node(shared.clone(), round));
    let mut tasks = shared.tasks.lock().expect("no panics inside");
    tasks.push(looks.abort_handle());
}

/// Looks at one node until the watcher ends.
async fn watch_node(shared: Arc<Shared>, round: Round) {
    let named = &round.named;
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
        if !round.lasts(&shared.board()) {
            // Its shard's primary is another server now, and this one something else to it; or another way leads to it.
            return;
        }
        let hurried = hurry.notified();
        tokio::pin!(hurried);
        // Registered before the look, so that what is asked meanwhile is not lost.
        hurried.as_mut().enable();
        let begun = Instant::now();
        let look = look(&shared, &round, &target, &mut observer);
        let allowed = patience(poll) * 2_u32.pow(given);
        match tokio::time::timeout(allowed, look).await {
            Ok(Ok(seen)) => {
                missed = 0;
                if begun.elapsed() < allowed / 4 {
                    given = given.saturating_sub(1);
                }
                if round.follows && follow(&shared, &round, &seen) == Follows::Twice {
                    return;
                }
            }
            Ok(Err(why)) => {
                observer = None;
                missed = missed.saturating_add(1);
                shared.miss(&round, why);
            }
            Err(_) => {
                observer = None;
                missed = missed.saturating_add(1);
                let why = format!("no answer within {allowed:?}");
                shared.miss(&round, why);
                // One that is dead has been told of by now; this one may only be slow to connect to.
                if missed >= limit {
                    given = (given + 1).min(GIVEN);
                }
            }
        }
        shared.board().looked(&named.node, begun);
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
    round: &Round,
    target: &Target,
    held: &mut Option<Box<dyn Observer>>,
) -> Result<NodeSighting, String> {
    let name = &round.named.node;
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
        if !round.lasts(&board) {
            return Ok(seen);
        }
        board.take(name, seen.clone());
        board.to_show(name)
    };
    if let Some(shows) = shows {
        let rows = observer.history().await.map_err(|why| chain(&why))?;
        let mut board = shared.board();
        if round.lasts(&board) && shows(&rows) {
            board.shown(name, &shows);
            shared.weigh.notify_one();
        }
    }
    Ok(seen)
}

/// What became of a node's word on who follows it.
#[derive(PartialEq)]
enum Follows {
    Taken,
    /// For the first time, of the primary.
    Heard,
    /// The node is looked at by another way already, and by this one no more.
    Twice,
}

/// Expects those that the node says follow it.
fn follow(shared: &Arc<Shared>, round: &Round, seen: &NodeSighting) -> Follows {
    let (follows, begun) = take_in(shared, round, seen);
    begun.into_iter().for_each(|round| begin(shared, round));
    if follows == Follows::Heard {
        // What could not be told of the others before can be now.
        shared.hurry(&round.named.node.shard);
    }
    follows
}

/// All of it at once: between who goes and who comes nobody is missing, and what an earlier primary said counts no more.
fn take_in(shared: &Shared, round: &Round, seen: &NodeSighting) -> (Follows, Vec<Round>) {
    let named = &round.named;
    let shard = &named.node.shard;
    let mut rosters = shared.rosters();
    let mut board = shared.board();
    let Some(roster) = rosters.get_mut(shard).filter(|_| round.lasts(&board)) else {
        return (Follows::Taken, Vec::new());
    };
    if roster.only_remembers(&named.node) && board.double(&named.node, seen).is_some() {
        roster.note_look(&named.node, false);
        board.dismiss(&named.node);
        return (Follows::Twice, Vec::new());
    }
    let is_first = named.role == NodeRole::Primary && !roster.has_heard();
    roster.note_look(&named.node, board.is_aside(&named.node));
    let mut changes = roster.take(named, seen, &shared.replication.settings);
    // One that is proven is missed, though it is not written down yet.
    changes.unnamed.retain(|name| !board.is_proven(name));
    changes.unnamed.iter().for_each(|name| roster.strike(name));
    for name in changes.gone.iter().chain(&changes.unnamed) {
        board.dismiss(name);
    }
    let new = changes.new.into_iter();
    let begun = new
        .filter_map(|node| Round::expect(&mut board, node, round.host.clone(), Some(roster)))
        .collect();
    board.lack(shard.clone(), roster.lacking());
    if named.role == NodeRole::Primary {
        board.named(shard);
    }
    let follows = match is_first {
        true => Follows::Heard,
        false => Follows::Taken,
    };
    (follows, begun)
}
