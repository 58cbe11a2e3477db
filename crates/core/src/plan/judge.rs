//! What one reading of a history lets run, and what it holds.
//!
//! Knows one shard's reading at a time; what other shards have comes in as the newcomers' lane.

use super::{
    error::PlanError,
    files::Files,
    held::{Held, HoldReason},
    input::Reviewed,
    subscribers::RefusedThere,
};
use crate::{
    history::Reading,
    migration::{Migration, MigrationId, Phase, Version},
    policy::{Policy, Scope},
};
use std::collections::{BTreeMap, BTreeSet};

/// Of each reading, the versions that are pending below what is applied, and that every plan holds for that.
pub fn out_of_order<'r>(
    migrations: &[Migration],
    policy: &Policy,
    flyway_table: bool,
    readings: impl Iterator<Item = &'r Reading>,
) -> Result<Vec<Vec<MigrationId>>, PlanError> {
    let (files, scope, lane) = (Files::of(migrations)?, Scope::default(), BTreeSet::new());
    let law = Law {
        files: &files,
        policy,
        scope: &scope,
        flyway_table,
        reviewed: None,
        refused_there: None,
        lane: &lane,
    };
    let held = |reading: &Reading, id: &MigrationId| {
        let number = files.number(id);
        number.is_some_and(|number| law.out_of_order(number, reading, false).is_some())
    };
    let of = |reading: &'r Reading| {
        let below = reading.out_of_order.iter();
        below.filter(|id| held(reading, id)).cloned().collect()
    };
    Ok(readings.map(of).collect())
}

/// What every plan holds of what readings lack because a review found errors in it, and what is held behind that: in order, each once.
pub fn held_by_review<'r>(
    migrations: &[Migration],
    policy: &Policy,
    flyway_table: bool,
    reviewed: &Reviewed,
    readings: impl Iterator<Item = &'r Reading>,
) -> Result<Vec<Held>, PlanError> {
    let (files, scope, lane) = (Files::of(migrations)?, Scope::default(), BTreeSet::new());
    let law = Law {
        files: &files,
        policy,
        scope: &scope,
        flyway_table,
        reviewed: Some(reviewed),
        refused_there: None,
        lane: &lane,
    };
    let mut held: BTreeMap<u32, Vec<HoldReason>> = BTreeMap::new();
    for reading in readings {
        let mut ahead = BTreeSet::new();
        for (number, mut reasons) in law.judge(reading, false).held {
            reasons.retain(|reason| match reason {
                HoldReason::Lint { .. } => true,
                HoldReason::BehindHeld { held } | HoldReason::OvertakesOnFlywayTable { held } => {
                    ahead.contains(held)
                }
                _ => false,
            });
            if reasons.is_empty() {
                continue;
            }
            ahead.insert(files.get(number).id.clone());
            let known = held.entry(number).or_default();
            reasons.retain(|reason| !known.contains(reason));
            known.extend(reasons);
        }
    }
    let held = held.into_iter().map(|(number, reasons)| Held {
        shards: Vec::new(),
        migration: Some(files.get(number).id.clone()),
        reasons,
    });
    Ok(held.collect())
}

/// What every reading is judged by.
pub(super) struct Law<'a> {
    pub files: &'a Files<'a>,
    pub policy: &'a Policy,
    pub scope: &'a Scope,
    pub flyway_table: bool,
    /// What a review found, if there was one.
    pub reviewed: Option<&'a Reviewed>,
    /// What logical subscribers refuse.
    pub refused_there: Option<&'a RefusedThere>,
    /// What every shard has that is not new.
    pub lane: &'a BTreeSet<u32>,
}

/// Migrations by their numbers, each list in order.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub lane: Vec<u32>,
    pub runs: Vec<u32>,
    pub held: Vec<(u32, Vec<HoldReason>)>,
    /// Why the shard takes nothing at all.
    pub shard: Vec<HoldReason>,
}

impl Law<'_> {
    pub fn judge(&self, reading: &Reading, newcomer: bool) -> Judgement {
        let shard = self.against_the_shard(reading);
        if !shard.is_empty() {
            return Judgement {
                shard,
                ..Judgement::default()
            };
        }
        let pending: BTreeSet<u32> = reading
            .pending
            .iter()
            .filter_map(|id| self.files.number(id))
            .collect();
        let mut judgement = Judgement::default();
        let mut behind = Behind::default();
        for &number in &pending {
            let migration = self.files.get(number);
            let in_lane = newcomer && self.lane.contains(&number);
            let mut reasons = Vec::new();
            if !self.supports(migration.directives.phase, in_lane) {
                reasons.push(HoldReason::NotSupportedYet {
                    phase: migration.directives.phase,
                });
            }
            if !in_lane && let Some(highest) = self.out_of_order(number, reading, newcomer) {
                reasons.push(HoldReason::OutOfOrder { highest });
            }
            if !in_lane && let Some(rules) = self.errors(&migration.id) {
                reasons.push(HoldReason::Lint { rules });
            }
            reasons.extend(self.behind(migration, &behind));
            if let Some(to) = self.beyond_target(migration) {
                reasons.push(HoldReason::BeyondTarget { to });
            }
            // Of what goes, only: what does not is nobody's to refuse.
            if reasons.is_empty() {
                reasons.extend(self.refused_there(&migration.id).iter().cloned());
            }
            if reasons.is_empty() {
                if in_lane {
                    judgement.lane.push(number);
                } else {
                    judgement.runs.push(number);
                }
            } else {
                behind.add(migration, &reasons);
                judgement.held.push((number, reasons));
            }
        }
        judgement
    }

    fn against_the_shard(&self, reading: &Reading) -> Vec<HoldReason> {
        let failed = reading.failed.iter().map(|id| HoldReason::FailedBefore {
            migration: id.clone(),
        });
        // A repeatable's file may go once it has done its work.
        let missing = reading
            .missing
            .iter()
            .filter(|id| !id.is_repeatable())
            .map(|id| HoldReason::MissingOnDisk {
                migration: id.clone(),
            });
        if reading.pending.is_empty() {
            return failed.collect();
        }
        failed.chain(missing).collect()
    }

    /// A contract that every other shard has completed is ordinary on an empty one.
    fn supports(&self, phase: Phase, in_lane: bool) -> bool {
        match phase {
            Phase::Expand => true,
            Phase::Contract => in_lane,
            Phase::Backfill => false,
        }
    }

    /// The rules whose errors hold it.
    fn errors(&self, id: &MigrationId) -> Option<Vec<String>> {
        self.reviewed?.errors.get(id).cloned()
    }

    /// Why subscribers won't have it.
    fn refused_there(&self, id: &MigrationId) -> &[HoldReason] {
        let refused = self.refused_there.and_then(|refused| refused.get(id));
        refused.map_or(&[], |reasons| reasons)
    }

    /// The highest version above it, where it may not be applied below one.
    fn out_of_order(&self, number: u32, reading: &Reading, newcomer: bool) -> Option<Version> {
        let MigrationId::Versioned(version) = &self.files.get(number).id else {
            return None;
        };
        let highest = if newcomer {
            let last = *self.lane.last()?;
            self.files.get(last).id.version().filter(|v| *v > version)?
        } else {
            let id = &self.files.get(number).id;
            reading.out_of_order.contains(id).then_some(())?;
            reading.current.as_ref()?
        };
        let allowed =
            self.policy.out_of_order || !self.flyway_table && self.was_overtaken(number, reading);
        (!allowed).then(|| highest.clone())
    }

    /// Whether all that stands above it was free to overtake it while it was held.
    fn was_overtaken(&self, number: u32, reading: &Reading) -> bool {
        let own = &self.files.get(number).directives.change;
        let mut above = reading
            .applied
            .iter()
            .filter(|id| !id.is_repeatable() && **id > self.files.get(number).id);
        self.files.may_be_behind_held(number)
            && above.all(|id| match self.files.number(id) {
                Some(other) => {
                    let change = &self.files.get(other).directives.change;
                    change.is_some() && change != own
                }
                None => false,
            })
    }

    fn behind(&self, migration: &Migration, behind: &Behind<'_>) -> Option<HoldReason> {
        let own = &migration.directives.change;
        let ahead = if migration.id.is_repeatable() {
            &behind.of_repeatables
        } else {
            &behind.of_versions
        };
        let may_not = ahead
            .iter()
            .find(|held| own.is_none() || held.directives.change == *own);
        if let Some(held) = may_not {
            return Some(HoldReason::BehindHeld {
                held: held.id.clone(),
            });
        }
        let overtaken = ahead.first()?;
        (self.flyway_table && !self.policy.out_of_order && !migration.id.is_repeatable()).then(
            || HoldReason::OvertakesOnFlywayTable {
                held: overtaken.id.clone(),
            },
        )
    }

    fn beyond_target(&self, migration: &Migration) -> Option<Version> {
        let to = self.scope.to.as_ref()?;
        let MigrationId::Versioned(version) = &migration.id else {
            return None;
        };
        (version > to).then(|| to.clone())
    }
}

/// What is held so far, as those behind it see it.
#[derive(Default)]
struct Behind<'a> {
    of_versions: Vec<&'a Migration>,
    /// A repeatable is written against the newest expanded schema: it waits for that, not for a contract.
    of_repeatables: Vec<&'a Migration>,
}

impl<'a> Behind<'a> {
    fn add(&mut self, migration: &'a Migration, reasons: &[HoldReason]) {
        if migration.id.is_repeatable() {
            return;
        }
        // Whatever lies beyond the target says so itself.
        let beyond = |reason: &HoldReason| matches!(reason, HoldReason::BeyondTarget { .. });
        if !reasons.iter().all(beyond) {
            self.of_versions.push(migration);
        }
        if migration.directives.phase == Phase::Expand {
            self.of_repeatables.push(migration);
        }
    }
}
