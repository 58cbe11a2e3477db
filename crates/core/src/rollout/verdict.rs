//! What a rollout has come to, for the last line of a run and its exit code.

use super::{
    command::Command,
    state::{End, Gate, Rollout},
};
use crate::outcome::FailureClass;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a run leaves the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunVerdict {
    Done,
    /// Some shards changed, some did not.
    Split,
    /// Nobody knows what became of some shard.
    Unknown,
    /// It stopped, and no shard was changed.
    NothingChanged,
    /// Nothing failed: it waits for an approval, a gate, a soak, or is paused.
    Waiting,
    /// A guard refused, and no shard was changed.
    Refused,
    Aborted,
}

impl RunVerdict {
    /// As `verdict` in JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            RunVerdict::Done => "done",
            RunVerdict::Split => "split",
            RunVerdict::Unknown => "unknown",
            RunVerdict::NothingChanged => "nothing_changed",
            RunVerdict::Waiting => "waiting",
            RunVerdict::Refused => "refused",
            RunVerdict::Aborted => "aborted",
        }
    }
}

impl fmt::Display for RunVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Rollout {
    /// What to tell when whoever carries the rollout out leaves it now.
    pub fn verdict(&self, now: Timestamp) -> RunVerdict {
        let split = |unchanged| {
            if self.changed > 0 {
                RunVerdict::Split
            } else {
                unchanged
            }
        };
        match self.end {
            Some(End::Done) => return RunVerdict::Done,
            Some(End::Aborted) => return RunVerdict::Aborted,
            Some(End::Superseded) => return split(RunVerdict::NothingChanged),
            None => {}
        }
        if self.in_flight.len() > self.replaying.len() {
            return RunVerdict::Unknown;
        }
        if self.aborted.is_some() {
            return RunVerdict::Aborted;
        }
        if self.is_through() {
            return RunVerdict::Done;
        }
        let refused = |class: FailureClass| class == FailureClass::Refused;
        if !self.failed.is_empty() {
            let all_refused = self.failed.values().all(|failure| refused(failure.class));
            return split(if all_refused {
                RunVerdict::Refused
            } else {
                RunVerdict::NothingChanged
            });
        }
        if self.gate_stop.is_some() {
            return split(RunVerdict::Refused);
        }
        let waits = self.paused.is_some()
            || !self.replaying.is_empty()
            || self.is_held()
            || self.asked_wave().is_some()
                && (matches!(self.gate(), Gate::Waiting { .. })
                    || !matches!(self.before_gate(now), Command::AskGate { .. }));
        if waits {
            RunVerdict::Waiting
        } else {
            split(RunVerdict::NothingChanged)
        }
    }

    /// The exit code of a run that leaves the rollout now: 3 before 6 before 1, and 4 only if nothing failed.
    pub fn exit_code(&self, now: Timestamp) -> u8 {
        match self.verdict(now) {
            RunVerdict::Done => 0,
            RunVerdict::Split | RunVerdict::Unknown => 3,
            RunVerdict::Aborted if self.changed > 0 && !self.is_through() => 3,
            RunVerdict::Aborted | RunVerdict::NothingChanged => 1,
            RunVerdict::Waiting => 4,
            RunVerdict::Refused => 6,
        }
    }
}
