//! Changes of what is remembered that hold whatever else was written meanwhile.

use super::{Amendment, Journal, JournalError, KnownShard, Lease, Scope};
use greylag_core::fleet::ShardName;
use std::collections::BTreeMap;

/// Changes what is remembered of shards, starting from what it is now, again where somebody else was first. Gives what it is then.
pub async fn revise(
    journal: &dyn Journal,
    scope: &Scope,
    lease: Option<&Lease>,
    mut change: impl FnMut(&mut BTreeMap<ShardName, KnownShard>),
) -> Result<BTreeMap<ShardName, KnownShard>, JournalError> {
    loop {
        let before: BTreeMap<ShardName, KnownShard> = (journal.known(scope).await?)
            .into_iter()
            .map(|known| (known.name.clone(), known))
            .collect();
        let mut after = before.clone();
        change(&mut after);
        let amendments: Vec<Amendment> = (after.iter())
            .filter(|(name, after)| before.get(*name) != Some(*after))
            .map(|(name, after)| Amendment {
                before: before.get(name).cloned(),
                after: after.clone(),
            })
            .collect();
        // Whoever was first has got on: this ends.
        if amendments.is_empty() || journal.amend(scope, lease, &amendments).await? {
            return Ok(after);
        }
    }
}
