//! The fleet's anchor is kept while the loop runs.

use super::Dispatcher;
use crate::{
    dispatcher::Ledger,
    executor::{Hold, take_again},
    watch::Notice,
};
use greylag_core::fleet::ShardName;
use std::time::Duration;
use tokio::time::Instant;

/// How often the idle anchor is asked whether it still is there.
pub(super) const ANCHOR: Duration = Duration::from_secs(5);

impl Dispatcher {
    /// The shard's primary may be another server now: where it is the anchor, its lock is to be there.
    pub(super) fn look_at_anchor(&mut self, shard: &ShardName) {
        let anchor = self.run.anchor.as_ref();
        if anchor.is_some_and(|(name, _)| name == shard) {
            self.anchor_at = Instant::now();
        }
    }

    /// An anchor whose server has dropped it is taken again; where another has it now, the run goes on under its lease.
    pub(super) async fn keep_anchor(&mut self, ledger: &Ledger) {
        let Some((name, anchor)) = &self.run.anchor else {
            return;
        };
        let is_at_work = self.tasks.has_shard(name);
        if is_at_work && !anchor.is_home().await {
            return;
        }
        let Some(shard) = self.run.setup.seated(name) else {
            return;
        };
        let what = match anchor.look(&shard.target).await {
            Hold::Alive => return,
            Hold::Lost => "was lost",
            Hold::Elsewhere => "was on a server that is not its primary any more",
        };
        let again = take_again(&self.run.setup, &self.run.rollout, &shard);
        let then = match is_at_work {
            // It looks for its primary, and takes the lock itself where it goes on: two of ours would keep each other out.
            true => "is taken again by its shard's own work, once that comes to it",
            false => match tokio::time::timeout(ANCHOR, again).await {
                Ok(Some(session)) => {
                    anchor.take_back(&shard.target, session).await;
                    "is taken again"
                }
                Ok(None) | Err(_) => "can't be had again yet",
            },
        };
        ledger.show(Notice::Warning {
            shard: Some(name.clone()),
            text: format!("the session that holds the fleet's anchor {what}, and {then}"),
        });
    }
}
