//! What a lock that a standby replays will do to those who read there, foretold.

use super::Delay;
use crate::outcome::Blocker;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// What replaying an exclusive lock will come to on one replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "prediction", rename_all = "snake_case")]
pub enum Prediction {
    /// Nobody is in the way.
    Clear,
    /// Replay waits so long, with all that comes behind it, and then ends those who are in the way.
    Cancels { after: Duration, who: Vec<Blocker> },
    /// Replay waits until they are done, however long that takes, and new readers wait behind it.
    Stalls { who: Vec<Blocker> },
}

impl Prediction {
    /// Of those who are in the way, and how long replay may be held up; where the latter is not known, the worse is assumed.
    pub fn of(patience: Option<Delay>, who: Vec<Blocker>) -> Self {
        match (who.is_empty(), patience) {
            (true, _) => Prediction::Clear,
            (false, Some(Delay::For(after))) => Prediction::Cancels { after, who },
            (false, Some(Delay::ForEver) | None) => Prediction::Stalls { who },
        }
    }

    pub fn who(&self) -> &[Blocker] {
        match self {
            Prediction::Clear => &[],
            Prediction::Cancels { who, .. } | Prediction::Stalls { who } => who,
        }
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prediction::Clear => f.write_str("nobody is in the way"),
            Prediction::Cancels { after, who } if after.is_zero() => {
                write!(f, "it would cancel {} at once", Crowd(who))
            }
            Prediction::Cancels { after, who } => {
                write!(
                    f,
                    "it would stall replay for up to {after:?}, and then cancel {}",
                    Crowd(who)
                )
            }
            Prediction::Stalls { who } => {
                write!(f, "it would stall replay until {} ends", Crowd(who))
            }
        }
    }
}

/// The first by name, the others by number.
struct Crowd<'a>(&'a [Blocker]);

impl fmt::Display for Crowd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else {
            return f.write_str("nobody");
        };
        write!(f, "pid {}", first.pid)?;
        if let Some(open) = first.open_ms {
            write!(f, " (open for {:?})", Duration::from_secs(open / 1000))?;
        }
        match self.0.len() {
            1 => Ok(()),
            more => write!(f, " and {} more", more - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(pid: &str) -> Blocker {
        Blocker {
            pid: pid.into(),
            user: None,
            application: None,
            query: None,
            open_ms: Some(12_345),
            holds: None,
        }
    }

    #[test]
    fn a_quiet_replica_is_clear_whatever_its_patience() {
        for patience in [None, Some(Delay::ForEver), Some(Delay::For(Duration::ZERO))] {
            assert_eq!(Prediction::of(patience, Vec::new()), Prediction::Clear);
        }
    }

    #[test]
    fn a_patient_replica_stalls_and_another_cancels() {
        let stalls = Prediction::of(Some(Delay::ForEver), vec![reader("7")]);
        assert_eq!(
            stalls.to_string(),
            "it would stall replay until pid 7 (open for 12s) ends"
        );
        let half_a_minute = Delay::For(Duration::from_secs(30));
        let cancels = Prediction::of(Some(half_a_minute), vec![reader("7"), reader("8")]);
        assert_eq!(
            cancels.to_string(),
            "it would stall replay for up to 30s, and then cancel pid 7 (open for 12s) and 1 more"
        );
    }

    #[test]
    fn a_patience_that_nobody_knows_is_taken_for_endless() {
        let unknown = Prediction::of(None, vec![reader("7")]);
        assert!(matches!(unknown, Prediction::Stalls { .. }), "{unknown:?}");
    }
}
