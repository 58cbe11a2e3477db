//! A shard's nodes around its primary, where a failover has taken that to another of its servers than the project says.

use super::{look::primary_node, named::NamedNode};
use greylag_core::{
    identity::Known,
    node::{Intake, NodeName, NodePolicy, NodeRole},
};
use greylag_engines::Target;

/// What the primary that the project names is called, once it is another server.
pub const FORMER: &str = "old-primary";

/// The primary first, then the nodes beside it. `seat` is where the primary was found, if not where it is named.
///
/// The one that was promoted is no replica any more; one whose name leads to the primary for want of itself is missed. The old primary may
/// never come back: it is watched, and waited for only once it is seen to follow.
pub fn arrange(
    named: &Target,
    seat: Option<&Target>,
    listed: &[NamedNode],
    known: Option<&Known>,
) -> Vec<NamedNode> {
    let Some(seat) = seat else {
        let mut nodes = vec![primary_node(named)];
        nodes.extend(listed.iter().cloned());
        return nodes;
    };
    let here = seat.address();
    let mut nodes = vec![primary_node(seat)];
    // Each host of one URL is the primary's by the project's own word.
    let is_host = named.each_host().iter().any(|host| host.address() == here);
    let is_missed = !is_host && known.is_some_and(Known::stands_in);
    let others = (listed.iter()).filter(|node| is_missed || node.target.address() != here);
    nodes.extend(others.cloned());
    let is_known = |address: &str| nodes.iter().any(|node| node.target.address() == address);
    // Of several hosts in one URL none is the old primary more than another.
    if named.each_host().is_empty() && !is_known(&named.address()) {
        nodes.push(NamedNode {
            node: NodeName {
                shard: named.shard.clone(),
                node: FORMER.into(),
            },
            role: NodeRole::Replica,
            policy: NodePolicy::Observe,
            intake: Intake::default(),
            target: named.clone(),
        });
    }
    nodes
}
