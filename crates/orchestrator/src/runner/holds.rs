//! What nodes hold, as far as it concerns one shard.

use greylag_core::{fleet::ShardName, gate::WaitReason};
use std::sync::Arc;
use tokio::sync::watch;

/// Why nodes hold the rollout now; empty where they let it go on.
pub type Holds = watch::Receiver<Arc<[WaitReason]>>;

/// The reasons that are about the shard's own nodes, or about load, which anybody's nodes may share.
pub fn of_shard(holds: &Holds, shard: &ShardName) -> Vec<WaitReason> {
    let now = holds.borrow().clone();
    (now.iter())
        .filter(|reason| concerns(reason, shard))
        .cloned()
        .collect()
}

fn concerns(reason: &WaitReason, shard: &ShardName) -> bool {
    match reason {
        WaitReason::ReplicaLag { node, .. }
        | WaitReason::ReplicaUnseen { node, .. }
        | WaitReason::ReplicaTrouble { node, .. }
        | WaitReason::Slot { node, .. } => node.shard == *shard,
        WaitReason::NoReplicas { shard: of, .. } | WaitReason::TooFewReplicas { shard: of, .. } => {
            of == shard
        }
        WaitReason::Load { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_core::node::NodeName;

    #[test]
    fn another_shard_s_lag_pauses_nothing_here() {
        let lag = |shard: &str| WaitReason::ReplicaLag {
            node: NodeName {
                shard: shard.parse().unwrap(),
                node: "replica-1".into(),
            },
            lag_ms: Some(7000),
            at_least: false,
            distance: None,
            limit_ms: 5000,
            blame: None,
        };
        let (_send, holds) = watch::channel(Arc::from([lag("one"), lag("two")]));
        assert_eq!(of_shard(&holds, &"one".parse().unwrap()), [lag("one")]);
        assert!(of_shard(&holds, &"three".parse().unwrap()).is_empty());
    }
}
