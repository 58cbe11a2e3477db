//! Shards that read alike, judged once, and what follows for the fleet.

use super::{
    files::Files,
    held::{Held, HoldReason},
    input::{Candidate, Input, Seen},
    judge::Judgement,
    stages::Cut,
};
use crate::{
    fleet::ShardName,
    history::Reading,
    migration::{MigrationId, Version},
    plan::parts::StageKind,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// What every shard has that isn't new: what newcomers catch up to.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub everywhere: BTreeSet<u32>,
    /// Whether there are shards that aren't new: where there are none, all begin alike.
    pub has_others: bool,
}

impl Lane {
    pub fn of(input: &Input<'_>, files: &Files<'_>) -> Self {
        let mut seen = Distinct::default();
        let mut lane = Lane::default();
        for candidate in &input.shards {
            let Seen::Read {
                reading,
                newcomer: false,
            } = &candidate.seen
            else {
                continue;
            };
            if !seen.is_new(reading) {
                continue;
            }
            let has = versions_of(reading, files);
            if lane.has_others {
                lane.everywhere.retain(|number| has.contains(number));
            } else {
                lane.everywhere = has;
            }
            lane.has_others = true;
        }
        lane
    }
}

/// Which readings have been met.
#[derive(Default)]
struct Distinct<'a> {
    pointers: HashSet<*const Reading>,
    readings: HashSet<&'a Reading>,
}

impl<'a> Distinct<'a> {
    fn is_new(&mut self, reading: &'a Arc<Reading>) -> bool {
        self.pointers.insert(Arc::as_ptr(reading)) && self.readings.insert(reading)
    }
}

/// Applied, or taken as there by a baseline.
fn versions_of(reading: &Reading, files: &Files<'_>) -> BTreeSet<u32> {
    let below = |version: &Version| reading.baseline.as_ref().is_some_and(|b| version <= b);
    let baselined = files
        .versioned()
        .filter(|(_, version, _)| below(version))
        .map(|(number, _, _)| number);
    reading
        .applied
        .iter()
        .filter(|id| matches!(id, MigrationId::Versioned(_)))
        .filter_map(|id| files.number(id))
        .chain(baselined)
        .collect()
}

/// The shards in scope by what was read of them.
pub(super) struct Groups<'a> {
    of: HashMap<&'a ShardName, usize>,
    groups: Vec<Judgement>,
}

impl<'a> Groups<'a> {
    pub fn of(
        input: &'a Input<'_>,
        has_others: bool,
        judge: impl Fn(&Reading, bool) -> Judgement,
    ) -> Self {
        let mut known: HashMap<(*const Reading, bool), usize> = HashMap::new();
        let mut alike: HashMap<(&Reading, bool), usize> = HashMap::new();
        let mut groups = Vec::new();
        let mut of = HashMap::new();
        for candidate in input.shards.iter().filter(|c| input.in_scope(c)) {
            let Seen::Read { reading, newcomer } = &candidate.seen else {
                continue;
            };
            let newcomer = *newcomer && has_others;
            // Most shards share their reading; those that don't may still read alike.
            let group = *known
                .entry((Arc::as_ptr(reading), newcomer))
                .or_insert_with(|| {
                    *alike.entry((reading, newcomer)).or_insert_with(|| {
                        groups.push(judge(reading, newcomer));
                        groups.len() - 1
                    })
                });
            of.insert(&candidate.shard.name, group);
        }
        Self { of, groups }
    }

    /// The union over all shards.
    pub fn numbers(&self, list: impl Fn(&Judgement) -> &Vec<u32>) -> BTreeSet<u32> {
        self.groups.iter().flat_map(list).copied().collect()
    }

    /// In the fleet's declared order.
    pub fn with_work<'b>(&self, input: &'b Input<'_>) -> Vec<&'b Candidate> {
        let has_work =
            |judgement: &Judgement| !judgement.lane.is_empty() || !judgement.runs.is_empty();
        input
            .shards
            .iter()
            .filter(|candidate| self.judgement(&candidate.shard.name).is_some_and(has_work))
            .collect()
    }

    /// What each group runs of a stage.
    pub fn lacks(&self, cut: &Cut) -> Vec<Vec<u32>> {
        let within: BTreeSet<u32> = cut.numbers.iter().copied().collect();
        self.groups
            .iter()
            .map(|judgement| {
                let list = match cut.kind {
                    StageKind::Newcomers => &judgement.lane,
                    _ => &judgement.runs,
                };
                list.iter()
                    .copied()
                    .filter(|n| within.contains(n))
                    .collect()
            })
            .collect()
    }

    /// A shard's share of what `lacks` worked out.
    pub fn share<'b>(&self, shard: &ShardName, lacks: &'b [Vec<u32>]) -> &'b [u32] {
        self.of.get(shard).map_or(&[], |group| &lacks[*group])
    }

    /// Everything that stays where it is: shards first, then migrations in order.
    pub fn held(&self, input: &Input<'_>, files: &Files<'_>) -> Vec<Held> {
        let mut held = held_shards(
            input,
            |reading| !reading.pending.is_empty(),
            |shard| {
                self.judgement(shard)
                    .map_or(&[], |judgement| &judgement.shard)
            },
        );
        held.extend(self.held_migrations(input, files));
        held
    }

    fn held_migrations(&self, input: &Input<'_>, files: &Files<'_>) -> Vec<Held> {
        let mut members: Vec<Vec<&ShardName>> = vec![Vec::new(); self.groups.len()];
        for candidate in &input.shards {
            if let Some(group) = self.of.get(&candidate.shard.name) {
                members[*group].push(&candidate.shard.name);
            }
        }
        // Per migration: in how many groups it is pending, and where it is held for which reasons.
        let mut pending: HashMap<u32, usize> = HashMap::new();
        let mut held: BTreeMap<u32, Vec<HeldIn<'_>>> = BTreeMap::new();
        for (group, judgement) in self.groups.iter().enumerate() {
            for number in judgement.lane.iter().chain(&judgement.runs) {
                *pending.entry(*number).or_default() += 1;
            }
            for (number, reasons) in &judgement.held {
                *pending.entry(*number).or_default() += 1;
                let known = held.entry(*number).or_default();
                match known.iter_mut().find(|(known, _)| *known == reasons) {
                    Some((_, groups)) => groups.push(group),
                    None => known.push((reasons, vec![group])),
                }
            }
        }
        let mut list = Vec::new();
        for (number, by_reasons) in held {
            for (reasons, groups) in by_reasons {
                let everywhere = groups.len() == pending[&number];
                let shards = groups.iter().flat_map(|group| &members[*group]);
                list.push(Held {
                    shards: if everywhere {
                        Vec::new()
                    } else {
                        shards.map(|shard| (*shard).clone()).collect()
                    },
                    migration: Some(files.get(number).id.clone()),
                    reasons: reasons.clone(),
                });
            }
        }
        list
    }

    fn judgement(&self, shard: &ShardName) -> Option<&Judgement> {
        self.of.get(shard).map(|group| &self.groups[*group])
    }
}

/// Reasons, and the groups that have them for one migration.
type HeldIn<'a> = (&'a Vec<HoldReason>, Vec<usize>);

/// Shards that take nothing: out of scope though they lack something, unreachable, refused, or for what
/// `own` says of their history.
pub(super) fn held_shards<'b>(
    input: &Input<'_>,
    lacks_something: impl Fn(&Reading) -> bool,
    own: impl Fn(&ShardName) -> &'b [HoldReason],
) -> Vec<Held> {
    let mut by_reasons: Vec<Held> = Vec::new();
    let mut known: HashMap<Vec<HoldReason>, usize> = HashMap::new();
    for candidate in &input.shards {
        let name = &candidate.shard.name;
        let reasons = match &candidate.seen {
            Seen::Read { reading, .. } if !input.in_scope(candidate) => {
                if lacks_something(reading) {
                    vec![HoldReason::OutOfScope]
                } else {
                    Vec::new()
                }
            }
            _ if !input.in_scope(candidate) => vec![HoldReason::OutOfScope],
            Seen::Unreachable { why } => vec![HoldReason::Unreachable { why: why.clone() }],
            Seen::Refused { refusal } => vec![HoldReason::Refused {
                refusal: refusal.clone(),
            }],
            Seen::Read { .. } => own(name).to_vec(),
        };
        if reasons.is_empty() {
            continue;
        }
        let at = *known.entry(reasons).or_insert_with_key(|reasons| {
            by_reasons.push(Held {
                shards: Vec::new(),
                migration: None,
                reasons: reasons.clone(),
            });
            by_reasons.len() - 1
        });
        by_reasons[at].shards.push(name.clone());
    }
    by_reasons
}
