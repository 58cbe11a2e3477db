//! Marks shards that have no history as being at a version, and claims them.

use super::{
    note::Notes,
    report::{OperationReport, ShardResult},
    under_lock::{Deed, Hold, each},
};
use crate::{
    executor::ready_subscribers, journal::JournalError, setup::Setup, survey::expected_of,
    watch::Watcher,
};
use greylag_core::{
    fleet::ShardName,
    history,
    identity::{self, Expected},
    migration::Version,
    survey::ShardIdentity,
};
use greylag_engines::{Claim, HistoryChange};
use std::{collections::BTreeSet, sync::Arc};

/// `greylag baseline V`. A shard with a history of its own is left alone, and told.
pub async fn baseline(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    version: &Version,
    description: Option<&str>,
    reason: &str,
    watcher: Arc<dyn Watcher>,
) -> Result<OperationReport, JournalError> {
    let row = history::baseline_row(version, description, &setup.by);
    let (project, environment) = (setup.fleet.project.clone(), setup.fleet.environment.clone());
    let by = setup.by.clone();
    let notes = Notes::new(setup, "baseline", reason);
    let ground = setup.clone();
    let known = setup.journal.known(&setup.scope()).await?;
    let deed: Deed = Arc::new(move |session, shard, survey| {
        let row = row.clone();
        let name = &shard.shard.name;
        let known = known.iter().find(|known| known.name == *name);
        let expected = Expected {
            // A shard that has an identity is not given a second one: where it lost it, another database may be there.
            claim_allowed: known.is_none(),
            ..expected_of(name, &project, &environment, known.map(|k| &k.known))
        };
        let judged = identity::judge(&expected, &survey);
        let identity = survey
            .identity
            .clone()
            .filter(|identity| identity.project == *project)
            .unwrap_or_else(|| ShardIdentity {
                uuid: uuid::Uuid::new_v4(),
                project: project.to_string(),
                name: name.clone(),
                environment: environment.to_string(),
            });
        let claim = Claim {
            identity,
            by: by.clone(),
        };
        let notes = notes.clone();
        let ground = ground.clone();
        Box::pin(async move {
            if let Err(refusal) = judged {
                return Ok(ShardResult::Refused {
                    refusals: vec![refusal],
                });
            }
            if !survey.history.is_empty() {
                return Ok(ShardResult::Nothing {
                    why: format!("it has a history of {} rows already", survey.history.len()),
                });
            }
            let what = vec![format!(
                "baselined at version {}",
                row.version.as_deref().unwrap_or("?")
            )];
            let name = &shard.shard.name;
            ready_subscribers(&ground, shard).await?;
            notes.write(name, &what).await?;
            let done = match session.prepare(&claim).await {
                Ok(()) => session.change_history(&[HistoryChange::Insert(row)]).await,
                Err(error) => Err(error),
            };
            notes.conclude(name, what, done).await
        })
    });
    Ok(each(setup, only, &*watcher, "baseline", Hold::Lock, deed).await)
}
