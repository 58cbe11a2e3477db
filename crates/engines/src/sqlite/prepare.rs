//! Readies a shard for its first migration: the missing tables, and its identity.

use super::{
    shard::Shard,
    statement,
    survey::{self, Found},
    tables::{CREATE_SHARD, CREATE_STEP},
};
use crate::{error::EngineError, session::Claim};

/// Creates what is missing, in one transaction; where nothing is, writes nothing.
pub(super) fn prepare(shard: &mut Shard, claim: &Claim) -> Result<(), EngineError> {
    let refused = shard.refused("preparing the shard");
    let found = survey::find(shard).map_err(&refused)?;
    if found.history && found.shard && found.step && is_claimed(shard, claim)? {
        return Ok(());
    }
    statement::write(shard, |shard| {
        // Looked at again, for only now nobody else can change it.
        let found = survey::find(shard)?;
        create(shard, &found)?;
        let identity = &claim.identity;
        shard.connection.execute(
            "INSERT INTO main.greylag_shard (project, uuid, name, environment, claimed_by) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (project) DO NOTHING",
            (
                &identity.project,
                identity.uuid.to_string(),
                identity.name.as_str(),
                &identity.environment,
                &claim.by,
            ),
        )?;
        Ok(())
    })
    .map_err(refused)
}

fn create(shard: &Shard, found: &Found) -> rusqlite::Result<()> {
    if !found.history {
        shard
            .connection
            .execute_batch(&shard.tables.create_history())?;
    }
    if !found.shard {
        shard.connection.execute_batch(CREATE_SHARD)?;
    }
    if !found.step {
        shard.connection.execute_batch(CREATE_STEP)?;
    }
    Ok(())
}

fn is_claimed(shard: &Shard, claim: &Claim) -> Result<bool, EngineError> {
    Ok(survey::identity(shard)?.is_some_and(|identity| identity.project == claim.identity.project))
}
