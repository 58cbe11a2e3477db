//! Which shards go together: by count, percent or labels, in the fleet's declared order.

use super::{
    error::PlanError,
    input::{Candidate, Input, Seen},
    parts::Wave,
};
use crate::{
    fleet::{Selector, SelectorError, ShardName},
    policy::{Size, WaveRule},
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Assigns the shards with work, given in declared order, to waves.
pub(super) fn assign(input: &Input<'_>, with_work: &[&Candidate]) -> Result<Vec<Wave>, PlanError> {
    if with_work.is_empty() {
        return Ok(Vec::new());
    }
    let mut waves = match &input.waves {
        Some(carried) => keep(carried, with_work),
        None => Vec::new(),
    };
    if waves.is_empty() {
        waves = by_rules(input, with_work)?;
    }
    let first: HashSet<&ShardName> = input.first.iter().collect();
    for wave in &mut waves {
        // A stable sort: the declared order holds within both halves.
        wave.shards.sort_by_key(|shard| !first.contains(shard));
    }
    Ok(waves)
}

fn by_rules(input: &Input<'_>, with_work: &[&Candidate]) -> Result<Vec<Wave>, PlanError> {
    let usual;
    let rules = if input.policy.waves.is_empty() {
        usual = WaveRule::usual();
        &usual
    } else {
        &input.policy.waves
    };
    let mut left: Vec<&Candidate> = with_work.to_vec();
    let mut waves = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let selector = rule.select.as_deref().map(|text| parse(rule, text));
        let selector = selector.transpose()?;
        let matches = |candidate: &Candidate| {
            selector
                .as_ref()
                .is_none_or(|selector| selector.matches(&candidate.shard.labels))
        };
        if rule.select.is_some() {
            refuse_to_match_nothing(input, with_work, rule, at == 0, &matches)?;
        }
        let size = size(rule.size, with_work.len());
        let mut shards = Vec::new();
        left.retain(|candidate| {
            let goes = shards.len() < size && matches(candidate);
            if goes {
                shards.push(candidate.shard.name.clone());
            }
            !goes
        });
        if !shards.is_empty() {
            waves.push(Wave {
                name: rule.name.clone(),
                shards,
                soak_ms: rule.soak.as_millis().try_into().unwrap_or(u64::MAX),
                approval: rule.approval,
            });
        }
    }
    if left.is_empty() {
        Ok(waves)
    } else {
        Err(PlanError::Leftover {
            shards: left.iter().map(|c| c.shard.name.clone()).collect(),
        })
    }
}

/// How many shards a wave takes at most; a percentage rounds up and is never zero.
fn size(size: Size, of: usize) -> usize {
    match size {
        Size::Count(count) => count as usize,
        Size::Percent(hundredths) => (of * hundredths as usize).div_ceil(10_000).max(1),
        Size::Rest => usize::MAX,
    }
}

/// A selector that names nobody is a mistake; one whose shards need nothing today is not. A first wave
/// whose every shard was left out as unreachable or refused would send the fleet ahead of its canary.
fn refuse_to_match_nothing(
    input: &Input<'_>,
    with_work: &[&Candidate],
    rule: &WaveRule,
    is_first: bool,
    matches: &dyn Fn(&Candidate) -> bool,
) -> Result<(), PlanError> {
    if with_work.iter().any(|candidate| matches(candidate)) {
        return Ok(());
    }
    let matching: Vec<_> = input.shards.iter().filter(|c| matches(c)).collect();
    let in_scope = |candidate: &&Candidate| match &input.scope.only {
        Some(only) => only.contains(&candidate.shard.name),
        None => true,
    };
    let left_out: Vec<ShardName> = matching
        .iter()
        .filter(|candidate| in_scope(candidate))
        .filter(|candidate| !matches!(candidate.seen, Seen::Read { .. }))
        .map(|candidate| candidate.shard.name.clone())
        .collect();
    let canary_left_out = is_first && !left_out.is_empty();
    if !matching.is_empty() && !canary_left_out {
        return Ok(());
    }
    let labels: BTreeSet<String> = input
        .shards
        .iter()
        .flat_map(|candidate| candidate.shard.labels.iter())
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    Err(PlanError::EmptyWave {
        wave: rule.name.clone(),
        select: rule.select.clone().unwrap_or_default(),
        left_out,
        labels: labels.into_iter().collect(),
    })
}

/// A predecessor's waves: each shard stays where it was, one that was in none joins the last.
fn keep(carried: &[Wave], with_work: &[&Candidate]) -> Vec<Wave> {
    let Some(last) = carried.len().checked_sub(1) else {
        return Vec::new();
    };
    let was: HashMap<&ShardName, usize> = carried
        .iter()
        .enumerate()
        .flat_map(|(at, wave)| wave.shards.iter().map(move |shard| (shard, at)))
        .collect();
    let mut waves: Vec<Wave> = carried
        .iter()
        .map(|wave| Wave {
            shards: Vec::new(),
            ..wave.clone()
        })
        .collect();
    for candidate in with_work {
        let name = &candidate.shard.name;
        waves[was.get(name).copied().unwrap_or(last)]
            .shards
            .push(name.clone());
    }
    waves.retain(|wave| !wave.shards.is_empty());
    waves
}

fn parse(rule: &WaveRule, text: &str) -> Result<Selector, PlanError> {
    text.parse()
        .map_err(|error: SelectorError| PlanError::Selector {
            wave: rule.name.clone(),
            select: text.to_owned(),
            why: error.to_string(),
        })
}
