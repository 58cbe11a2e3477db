//! Whether a plan made earlier and saved is still what would be done.

use super::ApplyError;
use crate::{planning::settings_digest, setup::Setup};
use greylag_core::{fleet::ShardName, migration::MigrationId, plan::Plan};
use std::collections::{HashMap, HashSet};

/// A shard already further along the plan doesn't void it; anything else that differs does.
pub fn check_saved(setup: &Setup, saved: &Plan, now: &Plan) -> Result<(), ApplyError> {
    let stale = |why: String| Err(ApplyError::Stale { why });
    if !saved.is_authentic() {
        return Err(ApplyError::Edited {
            digest: saved.digest.clone(),
        });
    }
    if saved.digest == now.digest {
        return Ok(());
    }
    if (&saved.project, &saved.environment) != (&now.project, &now.environment) {
        return stale(format!(
            "it was made for {}/{}, and this is {}/{}",
            saved.project, saved.environment, now.project, now.environment
        ));
    }
    if saved.policy != now.policy {
        return stale("the project's rollout policy changed since".into());
    }
    if saved.settings != settings_digest(setup, saved) {
        return stale("placeholders, session SQL or the list of shards changed since".into());
    }
    for migration in &now.migrations {
        match saved.migration(&migration.id) {
            None => return stale(format!("{} is pending now and not in it", migration.id)),
            Some(then) if then.sha256 != migration.sha256 || then.config != migration.config => {
                return stale(format!("the file of {} changed since", migration.id));
            }
            Some(_) => {}
        }
    }
    let before: HashMap<_, _> = saved.shards().iter().map(|s| (&s.name, s.uuid)).collect();
    for shard in now.shards() {
        let name = &shard.name;
        let Some(then) = before.get(name) else {
            return stale(format!("shard `{name}` has work now, and none in it"));
        };
        if then.is_some() && *then != shard.uuid {
            return stale(format!("shard `{name}` is another database than it was"));
        }
        let work = work_of(now, name);
        if work.is_empty() {
            continue;
        }
        let planned: HashSet<_> = work_of(saved, name).into_iter().collect();
        if let Some(id) = work.iter().find(|id| !planned.contains(*id)) {
            return stale(format!(
                "shard `{name}` lacks {id} now, which the plan does not give it"
            ));
        }
    }
    Ok(())
}

/// The digest that an approval of a saved plan stands for now: shards may have gone along it since, which changes what is left of
/// it and not what was approved. It is for whoever has seen that the saved plan still is true.
pub fn approved_of_saved(
    saved: &Plan,
    approved: Option<&str>,
    now: &Plan,
) -> Result<Option<String>, ApplyError> {
    match approved {
        None => Ok(None),
        Some(approved) if approved == saved.digest || approved == now.digest => {
            Ok(Some(now.digest.clone()))
        }
        Some(approved) => Err(ApplyError::Stale {
            why: format!(
                "{approved} was approved, and the saved plan's digest is {}",
                saved.digest
            ),
        }),
    }
}

/// All that a plan runs on a shard.
fn work_of<'a>(plan: &'a Plan, shard: &ShardName) -> Vec<&'a MigrationId> {
    (0..plan.stages.len())
        .flat_map(|stage| plan.work(stage, shard))
        .collect()
}
