//! How many shards stand where, kept as they move.

use super::command::Progress;
use serde::Serialize;

/// Shards by where they stand in a stage, or in one wave of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub pending: u32,
    pub running: u32,
    pub unknown: u32,
    /// Applied on their primaries, and not replayed by their nodes yet.
    #[serde(skip_serializing_if = "is_none")]
    pub replaying: u32,
    pub applied: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Counts {
    /// Shards that may still move by themselves or by a survey.
    pub fn open(&self) -> u32 {
        self.pending + self.running + self.unknown + self.replaying
    }

    /// Shards with work, however they stand.
    pub fn all(&self) -> u32 {
        self.open() + self.applied + self.failed + self.skipped
    }

    pub(super) fn add(&mut self, progress: Progress) {
        if let Some(count) = self.of(progress) {
            *count += 1;
        }
    }

    pub(super) fn take(&mut self, progress: Progress) {
        if let Some(count) = self.of(progress) {
            *count -= 1;
        }
    }

    pub(super) fn sum<'a>(all: impl IntoIterator<Item = &'a Counts>) -> Counts {
        all.into_iter()
            .fold(Counts::default(), |sum, counts| Counts {
                pending: sum.pending + counts.pending,
                running: sum.running + counts.running,
                unknown: sum.unknown + counts.unknown,
                replaying: sum.replaying + counts.replaying,
                applied: sum.applied + counts.applied,
                failed: sum.failed + counts.failed,
                skipped: sum.skipped + counts.skipped,
            })
    }

    fn of(&mut self, progress: Progress) -> Option<&mut u32> {
        match progress {
            Progress::NoWork => None,
            Progress::Pending => Some(&mut self.pending),
            Progress::Running { .. } => Some(&mut self.running),
            Progress::Unknown { .. } => Some(&mut self.unknown),
            Progress::Replaying { .. } => Some(&mut self.replaying),
            Progress::Applied => Some(&mut self.applied),
            Progress::Failed => Some(&mut self.failed),
            Progress::Skipped => Some(&mut self.skipped),
        }
    }
}

/// Fleets without replicas never see it.
fn is_none(count: &u32) -> bool {
    *count == 0
}
