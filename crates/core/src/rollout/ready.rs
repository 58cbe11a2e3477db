//! The shards that may start, by host, so that the next few are found without looking at all.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

/// Shards by number: lower numbers come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    by_host: BTreeMap<u32, BTreeSet<u32>>,
    /// The first shard of each host that has any.
    heads: BTreeSet<(u32, u32)>,
}

impl Ready {
    pub fn add(&mut self, number: u32, host: u32) {
        let shards = self.by_host.entry(host).or_default();
        if let Some(head) = shards.first() {
            self.heads.remove(&(*head, host));
        }
        shards.insert(number);
        self.heads.extend(shards.first().map(|head| (*head, host)));
    }

    pub fn remove(&mut self, number: u32, host: u32) {
        let Some(shards) = self.by_host.get_mut(&host) else {
            return;
        };
        if let Some(head) = shards.first() {
            self.heads.remove(&(*head, host));
        }
        shards.remove(&number);
        match shards.first() {
            Some(head) => {
                self.heads.insert((*head, host));
            }
            None => {
                self.by_host.remove(&host);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    pub fn first(&self) -> Option<u32> {
        self.heads.first().map(|(head, _)| *head)
    }

    pub fn clear(&mut self) {
        self.by_host.clear();
        self.heads.clear();
    }

    /// The first `limit` wanted ones that may start together; `room` says how many more a host takes.
    ///
    /// Hosts without room are passed over one by one: no more of them than are in flight.
    pub fn list(
        &self,
        limit: usize,
        room: impl Fn(u32) -> u32,
        wanted: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let mut list = Vec::new();
        let mut heads = self.heads.iter().copied().peekable();
        // Those after their host's head, with how many the host still takes.
        let mut after: BinaryHeap<Reverse<(u32, u32, u32)>> = BinaryHeap::new();
        while list.len() < limit {
            let from_heads = match (heads.peek(), after.peek()) {
                (Some((head, _)), Some(Reverse((number, _, _)))) => head < number,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let taken = if from_heads {
                heads
                    .next()
                    .map(|(number, host)| (number, host, room(host)))
            } else {
                after.pop().map(|Reverse(entry)| entry)
            };
            let Some((number, host, left)) = taken.filter(|(_, _, left)| *left > 0) else {
                continue;
            };
            let takes = wanted(number);
            if takes {
                list.push(number);
            }
            let following = self.by_host[&host].range(number + 1..).next();
            after.extend(following.map(|next| Reverse((*next, host, left - u32::from(takes)))));
        }
        list
    }
}
