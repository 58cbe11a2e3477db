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

/// In full where the list of threads may be seen; else by the counters that everybody may read.
fn load(seen: &Seen<'_>) -> Load {
    let number = |topic, name| -> Option<u32> {
        let answer: &Answer = seen.heard.get(topic)?;
        answer
            .named(0, name)?
            .parse::<f64>()
            .ok()
            .map(|number| number as u32)
    };
    let waits = seen
        .heard
        .get(Topic::RowWaits)
        .map(|answer| answer.rows.len() as u32);
    let waits = waits.or(number(Topic::Facts, "row_waits")).unwrap_or(0);
    let running = number(Topic::Facts, "running").unwrap_or(0);
    Load {
        active: number(Topic::Load, "active").unwrap_or(running.saturating_sub(1)),
        lock_waiters: number(Topic::Load, "waiting").unwrap_or(0) + waits,
    }
}

fn unobservable(seen: &Seen<'_>) -> Vec<Unobservable> {
    let mut unseen: Vec<Unobservable> = question::mends(seen.refusals, &seen.account)
        .into_iter()
        .map(|(what, mend)| Unobservable { what, mend })
        .collect();
    let facts = seen.heard.get(Topic::Facts);
    if facts.and_then(|facts| facts.named(0, "instruments")) == Some("0") {
        unseen.push(Unobservable {
            what: "who blocks replay, and how old what it applies is".into(),
            mend: "start the server with performance_schema = ON".into(),
        });
    }
    unseen
}
