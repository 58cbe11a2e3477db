//! Whether a plan made earlier and saved is still what would be done.

use super::ApplyError;
use crate::{planning::settings_digest, setup::Setup};
use greylag_core::plan::Plan;
use std::collections::HashMap;

/// A shard already further along the plan doesn't void it; anything else that differs does.
pub fn check_saved(setup: &Setup, saved: &Plan, now: &Plan) -> Result<(), ApplyError> {
    let stale = |why: String| Err(ApplyError::Stale { why });
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
        let planned =
            |id| (0..saved.stages.len()).any(|stage| saved.work(stage, name).contains(id));
        for stage in 0..now.stages.len() {
            if let Some(id) = now.work(stage, name).iter().find(|id| !planned(id)) {
                return stale(format!(
                    "shard `{name}` lacks {id} now, which the plan does not give it"
                ));
            }
        }
    }
    Ok(())
}
