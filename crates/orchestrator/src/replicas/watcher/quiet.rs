//! What is so for as long as it is, and is told at each weighing, is passed on once a second.

use crate::replicas::News;
use greylag_core::fleet::ShardName;
use std::{
    collections::HashMap,
    mem::{Discriminant, discriminant},
    time::Duration,
};
use tokio::time::Instant;

const ONCE_IN: Duration = Duration::from_secs(1);

/// When each kind of such news was passed on last of a shard: one kind does not silence another.
#[derive(Default)]
pub struct Quiet(HashMap<(ShardName, Discriminant<News>), Instant>);

impl Quiet {
    /// Whether it is to be passed on now.
    pub fn passes(&mut self, news: &News, now: Instant) -> bool {
        let (News::Waits { shard, .. } | News::Promoted { shard }) = news else {
            return true;
        };
        let key = (shard.clone(), discriminant(news));
        let since = self.0.get(&key).map(|last| now.duration_since(*last));
        if since.is_some_and(|since| since < ONCE_IN) {
            return false;
        }
        self.0.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_whose_node_was_promoted_tells_what_it_waits_for_too() {
        let shard: ShardName = "eu-1".parse().unwrap();
        let promoted = News::Promoted {
            shard: shard.clone(),
        };
        let waits = News::Waits {
            stage: 0,
            shard,
            reasons: Vec::new(),
        };
        let mut quiet = Quiet::default();
        let begun = Instant::now();
        let mut passed = Vec::new();
        for tenth in 0..20 {
            let now = begun + Duration::from_millis(100) * tenth;
            let news = [&promoted, &waits].into_iter();
            passed.extend(news.map(|one| (tenth, quiet.passes(one, now))));
        }
        let told: Vec<u32> = (passed.iter().filter(|(_, passes)| *passes))
            .map(|(tenth, _)| *tenth)
            .collect();
        assert_eq!(told, [0, 0, 10, 10]);
    }
}
