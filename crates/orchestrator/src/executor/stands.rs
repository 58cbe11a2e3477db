//! What stands of the migration that an errand is at, between its tries: who gives up then has not changed nothing.

use super::{errand::Reports, look::Found};
use greylag_core::{
    migration::MigrationId,
    outcome::{Failure, Left, Outcome},
};
use std::sync::{Arc, Mutex, MutexGuard};

/// Shared by all that tell of the errand's work.
#[derive(Clone, Debug, Default)]
pub struct Stands(Arc<Mutex<Option<(MigrationId, Left)>>>);

impl Stands {
    /// What an earlier try left there, as a look has it; another server need not have what the one before had.
    pub fn find(&self, found: &Found) {
        let mut begun = found
            .lacking
            .iter()
            .map(|id| (id.clone(), found.stands(id)));
        *self.lock() = begun.find(|(_, left)| left.is_something());
    }

    /// What a try has left.
    pub fn note(&self, failure: &Failure) {
        if let (Some(id), true) = (&failure.migration, failure.left.is_something()) {
            *self.lock() = Some((id.clone(), failure.left));
        }
    }

    /// All of it is there.
    pub fn forget(&self, id: &MigrationId) {
        self.lock().take_if(|(one, _)| one == id);
    }

    /// Adds what stands to how the errand ended; where nothing failed, it is told besides.
    pub fn complete(&self, outcome: Outcome, reports: &Reports) -> Outcome {
        let Some((id, stands)) = self.lock().clone() else {
            return outcome;
        };
        match outcome {
            Outcome::Absent {
                left: Left::Nothing,
            } => {
                if let Left::Partial { done, total } = stands {
                    reports.warning(format!(
                        "{done} of {total} statements of {id} stand: the next run goes on after them"
                    ));
                }
                Outcome::Absent { left: stands }
            }
            Outcome::Failed { failure } if is_silent(&failure, &id) => Outcome::Failed {
                failure: Failure {
                    migration: Some(id),
                    left: stands,
                    ..failure
                },
            },
            outcome => outcome,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(MigrationId, Left)>> {
        self.0.lock().expect("no panics inside")
    }
}

/// A try that did not come as far as the migration says nothing of what stands of it.
fn is_silent(failure: &Failure, id: &MigrationId) -> bool {
    !failure.left.is_something() && failure.migration.as_ref().is_none_or(|one| one == id)
}
