//! Answers, in the words that every engine shares.

use super::{
    applier::replication,
    company::{children, unseen},
    past::Past,
    place::{position, received, written_here},
    question::{self, Answers, Refusal, Topic},
    status,
};
use crate::mysql::{blockers, flavour::Flavour, link::Answer};
use greylag_core::{
    node::{Delay, Load, NodeSighting, Oldest, Replay, ReplayState, SeenRole, Unobservable},
    outcome::Blocker,
    survey::{Server, ShardIdentity},
};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// All that one look has to go by.
pub struct Seen<'a> {
    pub at: Timestamp,
    pub now: Instant,
    pub flavour: &'static dyn Flavour,
    pub version: String,
    pub account: String,
    pub database: &'a str,
    pub dialled: String,
    pub heard: &'a Answers,
    pub refusals: &'a [Refusal],
    /// Who holds what an applier waits for, where one waits.
    pub blockers: Vec<Blocker>,
    pub shard: Option<ShardIdentity>,
    pub past: &'a mut Past,
}

pub fn build(seen: Seen<'_>) -> NodeSighting {
    let heard = seen.heard;
    let facts = heard.get(Topic::Facts);
    let fact = |name: &str| {
        facts
            .and_then(|facts| facts.named(0, name))
            .unwrap_or_default()
    };
    let replica = heard.get(Topic::Replica);
    let status = replica.and_then(|answer| status::read(answer, &seen.flavour.look().status));
    let hinted = heard
        .get(Topic::Hint)
        .and_then(|hint| hint.named(0, "hint"))
        == Some("1");
    let role = match (status.is_some() || hinted, fact("read_only") == "1") {
        (true, _) => SeenRole::Replica,
        (false, true) => SeenRole::ReadOnly,
        (false, false) => SeenRole::Primary,
    };
    let position = position(&seen, role, status.as_ref());
    let received = status.as_ref().and_then(|s| received(s, position.as_ref()));
    let written_here = match (role, &position) {
        (SeenRole::Replica, Some(position)) => {
            written_here(position, fact("written").parse().ok().as_ref(), fact("id"))
        }
        _ => None,
    };
    let load = load(&seen);
    let unobservable = unobservable(&seen);
    let (children, children_unseen) = (children(&seen), unseen(&seen));
    let oldest = oldest(heard.get(Topic::Oldest));
    let server = Server {
        engine: seen.flavour.engine(),
        version: seen.version.clone(),
        lineage: fact("lineage").to_owned(),
        database: seen.database.to_owned(),
        address: fact("address").to_owned(),
        dialled: seen.dialled.clone(),
        instance: None,
    };
    let own = fact("own").to_owned();
    let (at, shard) = (seen.at, seen.shard.clone());
    let (upstream, replay) = match (&status, role) {
        (Some(status), _) => {
            let (upstream, replay) =
                replication(seen, status, position.as_ref(), received.as_ref());
            (Some(upstream), Some(replay))
        }
        (None, SeenRole::Replica) => (
            None,
            Some(Replay {
                state: ReplayState::Unknown,
                lag: None,
                delay: None,
            }),
        ),
        _ => (None, None),
    };
    NodeSighting {
        at,
        server,
        own,
        role,
        shard,
        position,
        received,
        written_here,
        upstream,
        replay,
        children,
        children_unseen,
        slots: Vec::new(),
        subscriptions: Vec::new(),
        conflicts: None,
        load: Some(load),
        oldest,
        // No query is ever cancelled for the applier.
        patience: (role == SeenRole::Replica).then_some(Delay::ForEver),
        unobservable,
    }
}

fn oldest(answer: Option<&Answer>) -> Option<Oldest> {
    let who = answer?.rows.first().and_then(blockers::read)?;
    let age = Duration::from_millis(who.open_ms.unwrap_or(0));
    Some(Oldest { who, age })
}

/// Sessions of others, where the list of all may be seen. The counters that everybody may read count Greylag's sessions, too, and
/// threads that are nobody's.
fn load(seen: &Seen<'_>) -> Load {
    let listed = (seen.heard.get(Topic::Load)).filter(|_| !is_without_instruments(seen.heard));
    let number = |name| -> Option<u32> {
        let number = listed?.named(0, name)?.parse::<f64>().ok()?;
        Some(number as u32)
    };
    let rows = seen.heard.get(Topic::RowWaits).map(|waits| {
        let of_others = |row: &usize| waits.named(*row, "own") != Some("1");
        (0..waits.rows.len()).filter(of_others).count() as u32
    });
    let active = number("active");
    let lock_waiters = number("waiting")
        .zip(rows)
        .map(|(locks, rows)| locks + rows);
    let is_whole = active.is_some() && lock_waiters.is_some();
    Load {
        mend: (!is_whole).then(|| mend_of_load(seen)).flatten(),
        active,
        lock_waiters,
    }
}

/// What would let all of the load be seen.
fn mend_of_load(seen: &Seen<'_>) -> Option<String> {
    if is_without_instruments(seen.heard) {
        return Some(START_INSTRUMENTS.into());
    }
    let questions = seen.flavour.look().questions;
    let load = questions.iter().find(|q| q.topic == Topic::Load);
    let needed = [
        Some(Topic::Load),
        Some(Topic::RowWaits),
        load.and_then(|load| load.hangs_on),
    ];
    let mut refusals = seen.refusals.to_vec();
    refusals.retain(|refusal| needed.contains(&Some(refusal.topic)));
    let mends = question::mends(&refusals, &seen.account).into_iter();
    let all: Vec<String> = mends.map(|(_, mend)| mend).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

const START_INSTRUMENTS: &str = "start the server with performance_schema = ON";

/// A server without them answers as one where nothing happens.
fn is_without_instruments(heard: &Answers) -> bool {
    let facts = heard.get(Topic::Facts);
    facts.and_then(|facts| facts.named(0, "instruments")) == Some("0")
}

fn unobservable(seen: &Seen<'_>) -> Vec<Unobservable> {
    let mut unseen: Vec<Unobservable> = question::mends(seen.refusals, &seen.account)
        .into_iter()
        .map(|(what, mend)| Unobservable { what, mend })
        .collect();
    if is_without_instruments(seen.heard) {
        unseen.push(Unobservable {
            what: "who blocks replay, how old what it applies is, and how busy it is".into(),
            mend: START_INSTRUMENTS.into(),
        });
    }
    unseen
}
