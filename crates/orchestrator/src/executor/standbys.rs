//! A shard's guarded standbys, as they are known at the moment of asking: a person may forget one while somebody waits for it.

use crate::replicas::NamedNode;
use std::{fmt, sync::Arc};

/// Who is asked before a lock that is replayed.
#[derive(Clone)]
pub struct Standbys(Arc<dyn Fn() -> Vec<NamedNode> + Send + Sync>);

impl Standbys {
    /// Those that somebody watches.
    pub fn watched(now: impl Fn() -> Vec<NamedNode> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// These, for as long as it takes: nobody watches them.
    pub fn fixed(nodes: Vec<NamedNode>) -> Self {
        Self::watched(move || nodes.clone())
    }

    pub fn none() -> Self {
        Self::fixed(Vec::new())
    }

    pub fn now(&self) -> Vec<NamedNode> {
        (self.0)()
    }
}

impl fmt::Debug for Standbys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.now().into_iter().map(|named| named.node);
        f.debug_list().entries(nodes).finish()
    }
}
