//! From a request to events, judged by the rollout's own state.

use super::request::Request;
use crate::dispatcher::Ledger;
use greylag_core::{event::Event, fleet::ShardName, rollout::Rollout};

/// Records what the request leads to; all of it, or nothing and why.
pub fn fold(ledger: &mut Ledger, request: &Request, by: &str) -> Result<String, String> {
    let (events, what) = events_of(&ledger.state, request, by)?;
    ledger
        .record_all(events)
        .map_err(|why| why.why.to_string())?;
    Ok(what)
}

/// The events, and what they come to as a sentence.
pub fn events_of(
    state: &Rollout,
    request: &Request,
    by: &str,
) -> Result<(Vec<Event>, String), String> {
    let by = by.to_owned();
    Ok(match request {
        Request::Pause { reason } => (
            vec![Event::Paused {
                by,
                reason: reason.clone(),
            }],
            format!("paused: {}nothing new starts", in_flight(state)),
        ),
        Request::Resume => (vec![Event::Resumed { by }], "resumed".into()),
        Request::Abort { reason } => (
            vec![Event::Aborted {
                by,
                reason: reason.clone(),
            }],
            match state.in_flight().next() {
                None => "aborted: nothing was in flight, and what is applied stays".into(),
                Some(_) => format!("aborted: {}nothing new starts, ever", in_flight(state)),
            },
        ),
        Request::Approve { wave, digest } => {
            approve(state, wave.as_deref(), digest.as_deref(), by)?
        }
        Request::Retry { shards } => {
            let shards = retried(state, shards)?;
            let what = format!("may be tried again: {}", names(&shards));
            let events = shards
                .into_iter()
                .map(|shard| Event::Retried {
                    shard,
                    by: by.clone(),
                })
                .collect();
            (events, what)
        }
        Request::Skip { shards, reason } => {
            if shards.is_empty() {
                return Err("name the shards to skip".into());
            }
            let what = format!("left out of this rollout: {}", names(shards));
            let events = shards
                .iter()
                .map(|shard| Event::Skipped {
                    shard: shard.clone(),
                    by: by.clone(),
                    reason: reason.clone(),
                })
                .collect();
            (events, what)
        }
        Request::Settle {
            shard,
            migration,
            applied,
            reason,
            node,
        } => (
            vec![Event::Settled {
                shard: shard.clone(),
                migration: migration.clone(),
                applied: *applied,
                by,
                reason: reason.clone(),
                node: node.clone(),
            }],
            format!(
                "{migration} on `{}` is settled as {}",
                match node {
                    Some(node) => node.to_string(),
                    None => shard.to_string(),
                },
                if *applied { "applied" } else { "absent" }
            ),
        ),
    })
}

/// What becomes of the shards that have begun: running ones, and those that nobody knows about.
fn in_flight(state: &Rollout) -> String {
    let running: Vec<ShardName> = state.running().cloned().collect();
    let unknown: Vec<ShardName> = (state.in_flight())
        .filter(|shard| !running.contains(shard))
        .cloned()
        .collect();
    let mut text = String::new();
    if !running.is_empty() {
        text.push_str("what is in flight finishes its current migration, ");
    }
    if !unknown.is_empty() {
        text.push_str(&format!(
            "what became of {} is still to be found out, ",
            names(&unknown)
        ));
    }
    text
}

fn approve(
    state: &Rollout,
    wave: Option<&str>,
    digest: Option<&str>,
    by: String,
) -> Result<(Vec<Event>, String), String> {
    let plan = state.plan();
    if let Some(digest) = digest
        && digest != plan.digest
    {
        return Err(format!(
            "the digest approved is {digest}, and the plan's is {}",
            plan.digest
        ));
    }
    let (stage, current) = state
        .current()
        .ok_or("all stages are through: there is nothing to approve")?;
    let (wave, name) = match wave {
        Some(name) => {
            let at = plan.waves.iter().position(|wave| wave.name == name);
            let at = at.ok_or_else(|| {
                let waves: Vec<_> = plan.waves.iter().map(|w| format!("`{}`", w.name)).collect();
                format!("the plan has no wave `{name}`; it has {}", waves.join(", "))
            })?;
            (at, name.to_owned())
        }
        None => {
            let at = current.ok_or("no wave waits for an approval now")?;
            (at, plan.waves[at].name.clone())
        }
    };
    let event = Event::Approved {
        stage,
        wave,
        digest: plan.digest.clone(),
        by,
    };
    Ok((vec![event], format!("wave `{name}` is approved")))
}

/// The shards named, or all that failed or wait for a person.
fn retried(state: &Rollout, shards: &[ShardName]) -> Result<Vec<ShardName>, String> {
    if !shards.is_empty() {
        return Ok(shards.to_vec());
    }
    let failed: Vec<ShardName> = state.failures().map(|(shard, _)| shard.clone()).collect();
    if failed.is_empty() {
        return Err("no shard has failed".into());
    }
    Ok(failed)
}

fn names(shards: &[ShardName]) -> String {
    let names: Vec<_> = shards.iter().map(|shard| format!("`{shard}`")).collect();
    names.join(", ")
}
