//! A look under the lock: who the shard is, and what of the work it lacks.

use super::{
    errand::{Errand, untouched},
    explain::{failure_of_verb, is_lost},
};
use greylag_core::{
    history::Reading,
    identity::{self, Expected, Proof, Refusal},
    migration::MigrationId,
    outcome::{self, Doubt, Failure, FailureClass},
    survey::{StepRow, StepState, Survey},
};
use greylag_engines::{EngineError, Session};

/// What the shard lacks, and what it remembers of it.
pub struct Found {
    pub proof: Proof,
    pub survey: Survey,
    /// Of the work, in order.
    pub lacking: Vec<MigrationId>,
}

/// Why the shard is left alone.
pub enum Left {
    Failed(Failure),
    /// The connection was lost while looking; nothing was being changed.
    Lost(EngineError),
}

/// Looks, and judges identity and checksums again: the world may have moved since the plan.
/// What came with the lock has been looked at under it.
pub async fn look(
    session: &mut dyn Session,
    errand: &Errand,
    seen: Option<Box<Survey>>,
) -> Result<Found, Left> {
    let survey = match seen {
        Some(seen) => *seen,
        None => session.survey().await.map_err(|error| {
            if is_lost(&error) {
                Left::Lost(error)
            } else {
                Left::Failed(failure_of_verb(&error))
            }
        })?,
    };
    let proof = judge(&survey, errand).map_err(|refusal| Left::Failed(refused(&refusal)))?;
    let reading = errand
        .scripts
        .read(&survey.history, &errand.shard)
        .map_err(Left::Failed)?;
    if let Some(changed) = reading.changed.iter().find(|changed| {
        let id = &changed.migration;
        errand.work.contains(id) || errand.reports.had().contains(id)
    }) {
        return Err(Left::Failed(untouched(
            FailureClass::Refused,
            format!(
                "{} is applied here with checksum {}, and the plan's file has {}",
                changed.migration,
                changed.applied.map_or("none".to_owned(), |c| c.to_string()),
                changed.file,
            ),
            Some(format!(
                "Put the file back as it was applied, or keep the edit and `greylag repair {} --reason …`.",
                changed.migration
            )),
        )));
    }
    let lacking = lacking(errand, &reading, &survey.server.address);
    Ok(Found {
        proof,
        survey,
        lacking,
    })
}

/// What is to be run, in order: first what the rollout had applied in earlier stages and a failover has lost, now or before.
fn lacking(errand: &Errand, reading: &Reading, primary: &str) -> Vec<MigrationId> {
    errand.reports.lost(|id| lacks(reading, id), primary);
    let owed = errand.reports.had().owed();
    for found in owed.iter().filter(|id| !lacks(reading, id)) {
        // Run again, and the answer was lost; or the old primary came back with it.
        errand.reports.applied(found.clone(), 0);
    }
    let before = owed.iter().filter(|id| !errand.work.contains(id));
    before
        .chain(errand.work.iter())
        .filter(|id| lacks(reading, id))
        .cloned()
        .collect()
}

impl Found {
    /// The shard's own note of a migration that is not finished.
    pub fn open_step(&self, id: &MigrationId) -> Option<&StepRow> {
        self.survey
            .steps
            .iter()
            .find(|step| step.migration == *id && step.state != StepState::Applied)
    }

    /// What stands of a migration that an earlier try began.
    pub fn stands(&self, id: &MigrationId) -> outcome::Left {
        match self.open_step(id) {
            Some(step) if step.statements_done > 0 => outcome::Left::Partial {
                done: step.statements_done,
                total: step.statements_total,
            },
            _ => outcome::Left::Nothing,
        }
    }
}

/// Whether a history, as a replica shows it, has all of the work.
pub fn shows_all(
    scripts: &super::Scripts,
    shard: &crate::fleet::FleetShard,
    work: &[MigrationId],
    rows: &[greylag_core::history::HistoryRow],
) -> bool {
    scripts
        .read(rows, shard)
        .is_ok_and(|reading| !work.iter().any(|id| lacks(&reading, id)))
}

/// Whether the history does not have it (any more, for an undo).
pub fn lacks(reading: &Reading, id: &MigrationId) -> bool {
    match id {
        MigrationId::Undo(version) => reading
            .applied
            .contains(&MigrationId::Versioned(version.clone())),
        MigrationId::Versioned(_) | MigrationId::Repeatable(_) => reading.pending.contains(id),
    }
}

/// The judgement that one shard's survey allows: the fleet's was made before.
pub fn judge(survey: &Survey, errand: &Errand) -> Result<Proof, Refusal> {
    let name = &errand.shard.shard.name;
    let expected = Expected {
        shard: name,
        project: &errand.project,
        environment: &errand.environment,
        known: errand.known.as_ref(),
        claim_allowed: errand.subscribes,
    };
    let proof = identity::judge(&expected, survey)?;
    match (errand.uuid, &survey.identity) {
        (Some(known), Some(identity)) if identity.uuid != known => Err(Refusal::AnotherIdentity {
            shard: name.clone(),
            known,
            says: identity.uuid,
            address: survey.server.address.clone(),
        }),
        _ => Ok(proof),
    }
}

pub fn refused(refusal: &Refusal) -> Failure {
    untouched(
        FailureClass::Refused,
        refusal.to_string(),
        Some(refusal.hint()),
    )
}

pub fn doubt(migration: Option<MigrationId>, why: String) -> Doubt {
    Doubt {
        migration,
        place: None,
        why,
        needs_person: false,
    }
}
