//! Why a changed plan has to wait: `verify` queries that have not said yes, and what to do about each.

use greylag_core::{fleet::ShardName, rollout::Rollout};
use std::collections::BTreeMap;

/// So many are named in a command.
const NAMED: usize = 5;

/// As a sentence; none where nothing is in its way. `unasked`: what could not be asked again in this run, and why.
pub fn unsettled(state: &Rollout, unasked: &BTreeMap<ShardName, String>) -> Option<String> {
    let has_failed = |shard: &ShardName| state.failures().any(|(failed, _)| failed == shard);
    let (said_no, to_ask): (Vec<_>, Vec<_>) =
        state.unverified().partition(|shard| has_failed(shard));
    let mut ways = Vec::new();
    if !said_no.is_empty() {
        let (shards, named) = (named(&said_no, ", "), named(&said_no, " "));
        ways.push(format!(
            "what failed on {shards} is verified (`greylag rollout retry {named}` asks again), or left out (`greylag rollout skip {named} --reason …`)"
        ));
    }
    // It has not failed, so there is nothing to retry.
    if let Some(first) = to_ask.first() {
        let why = (unasked.get(*first)).map_or("it is left out of this run", String::as_str);
        let (shards, named) = (named(&to_ask, ", "), named(&to_ask, " "));
        ways.push(format!(
            "the `verify` queries of {shards} have been asked again, which could not be done now: {why} (the next `greylag apply` asks), or it is skipped (`greylag rollout skip {named} --reason …`)"
        ));
    }
    (!ways.is_empty()).then(|| {
        format!(
            "files have changed since it was planned; it is planned anew once {}",
            ways.join(", and once ")
        )
    })
}

fn named(shards: &[&ShardName], between: &str) -> String {
    let names = shards.iter().take(NAMED).map(|shard| shard.to_string());
    let more = (shards.len() > NAMED).then(|| "…".to_owned());
    let names: Vec<_> = names.chain(more).collect();
    names.join(between)
}
