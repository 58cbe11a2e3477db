//! Full-jitter backoff: a random wait up to a bound that doubles.

use rand::Rng;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Backoff {
    bound: Duration,
    cap: Duration,
}

impl Backoff {
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self {
            bound: base.max(Duration::from_millis(1)),
            cap: cap.max(base),
        }
    }

    /// The next wait. Never nothing: whoever is waited for needs some time.
    pub fn next(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.cap);
        let least = (bound / 10).min(Duration::from_millis(20));
        rand::rng().random_range(least..=bound.max(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_random_below_a_bound_that_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(400));
        for bound in [100, 200, 400, 400, 400] {
            let wait = backoff.next();
            assert!(wait <= Duration::from_millis(bound), "{wait:?}");
            assert!(wait >= Duration::from_millis(10), "{wait:?}");
        }
    }
}
