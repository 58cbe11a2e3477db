//! A history that lacks what this rollout put there: the primary was promoted away, and took transactions with it.

use super::{command::Progress, order::Why, state::Rollout};
use crate::{fleet::ShardName, migration::MigrationId};

impl Rollout {
    /// The shard goes back to before the first that is lost. What is lost of earlier stages is run again in this one: whoever
    /// runs the shard reads its history, and begins with what is missing.
    pub(super) fn lose(
        &mut self,
        stage: usize,
        shard: &ShardName,
        migrations: &[MigrationId],
    ) -> Result<(), Why> {
        let number = self.number(shard)?;
        self.expect_current(stage)?;
        let progress = self.shards[number as usize].progress;
        if self.shards[number as usize].skipped_from.is_some() {
            return Err(self.refuse(number, "is skipped"));
        }
        let recorded = self.recorded(shard);
        if let Some(stranger) = migrations.iter().find(|id| !recorded.contains(id)) {
            return Err(Why::NoSuchWork {
                shard: shard.clone(),
                migration: stranger.clone(),
            });
        }
        let (here, before): (Vec<_>, Vec<_>) = {
            let work = self.plan.work_of(stage, number);
            let place = |id: &MigrationId| work.iter().position(|one| one == id);
            migrations
                .iter()
                .map(|id| (id.clone(), place(id)))
                .partition(|(_, place)| place.is_some())
        };
        if let Some(first) = here.iter().filter_map(|(_, place)| *place).min() {
            let applied = &mut self.shards[number as usize].applied;
            *applied = (*applied).min(first as u32);
        }
        if !before.is_empty() {
            let lost = self.lost.entry(number).or_default();
            lost.extend(before.into_iter().map(|(id, _)| id));
        }
        if matches!(
            progress,
            Progress::Applied | Progress::Replaying { .. } | Progress::NoWork
        ) {
            self.replaying.remove(&number);
            self.set(number, Progress::Pending);
        }
        Ok(())
    }

    /// A shard that lacks what earlier stages put there is not applied, whatever became of its work in this one.
    pub(super) fn expect_nothing_owed(&self, number: u32) -> Result<(), Why> {
        match self.lost.get(&number).and_then(|lost| lost.first()) {
            None => Ok(()),
            Some(migration) => Err(Why::Owed {
                shard: self.name(number).clone(),
                migration: migration.clone(),
            }),
        }
    }

    pub(super) fn is_lost(&self, number: u32, migration: &MigrationId) -> bool {
        let lost = self.lost.get(&number);
        lost.is_some_and(|lost| lost.contains(migration))
    }

    /// What was lost of an earlier stage is there again; says whether it was lost.
    pub(super) fn find_again(&mut self, number: u32, migration: &MigrationId) -> bool {
        let Some(lost) = self.lost.get_mut(&number) else {
            return false;
        };
        let found = lost.remove(migration);
        if lost.is_empty() {
            self.lost.remove(&number);
        }
        found
    }
}
