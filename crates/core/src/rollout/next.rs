//! What to do now. Costs what is in flight, not what the fleet is.

use super::{
    command::{Command, Finish},
    state::{Gate, Rollout},
};
use crate::{fleet::ShardName, gate::WaitReason};
use jiff::{SignedDuration, Timestamp};

impl Rollout {
    /// Everything that may be done now. Empty while all there is to do is to let what is in flight end, and once
    /// the rollout has ended.
    pub fn next(&self, now: Timestamp) -> Vec<Command> {
        self.next_among(now, |_| true)
    }

    /// The same for a run that touches only some shards (`--only`): it starts no others, and is told nothing where
    /// only others are left to go. Looks at all that may start, so it costs more in a large fleet.
    pub fn next_among(&self, now: Timestamp, ours: impl Fn(&ShardName) -> bool) -> Vec<Command> {
        if self.end.is_some() {
            return Vec::new();
        }
        if let Some(verdict) = self.finishes() {
            return vec![Command::Finish { verdict }];
        }
        let mut commands = self.surveys();
        let surveys = commands.len();
        commands.extend(self.awaits());
        let awaits = commands.len() - surveys;
        if self.is_held() && !self.is_stopped() {
            if !self.ready.is_empty() || self.stands_before_gate() {
                commands.push(look_again(now, self.held.clone()));
            }
        } else if !self.is_stopped() {
            let stage = self.cursor.stage;
            let starts = self.startable(|number| ours(self.name(number)));
            if self.stands_before_gate() || self.again.is_some() && !starts.is_empty() {
                commands.push(self.before_gate(now));
            } else {
                commands.extend(starts.into_iter().map(|number| Command::Apply {
                    stage,
                    shard: self.name(number).clone(),
                }));
            }
        }
        let others_left = !self.is_stopped() && self.cursor.open > 0;
        let idle = self.in_flight.len() == self.unknown.len() + self.overdue();
        if commands.len() == awaits && idle && !others_left {
            let mut reasons = self.stops();
            if reasons.is_empty() {
                reasons.push(self.failures_as_reason());
            }
            commands.push(match reasons[..] {
                // It goes on by itself.
                [WaitReason::NotReplayed { .. }] => look_again(now, reasons),
                _ => Command::WaitForPerson { reasons },
            });
        }
        commands
    }

    /// Whether nothing is left to do, and what that makes of the rollout.
    pub(super) fn finishes(&self) -> Option<Finish> {
        if self.in_flight.len() > self.replaying.len() {
            None
        } else if self.aborted.is_some() {
            // What is applied stays applied, whether or not its nodes ever replay it.
            Some(Finish::Aborted)
        } else {
            self.is_through().then_some(Finish::Done)
        }
    }

    /// Those that may start together: by wave, and in the plan's order within it.
    fn startable(&self, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
        self.ready
            .list(self.room(), |host| self.room_on(host), wanted)
    }

    /// Whether the limits let a shard of an open wave start.
    pub(super) fn has_room_for(&self, number: u32) -> bool {
        self.room() > 0 && self.room_on(self.hosts[number as usize]) > 0
    }

    // A limit of zero would wait for ever without saying so.
    fn room(&self) -> usize {
        (self.plan.policy.max_in_flight.max(1) as usize).saturating_sub(self.in_flight.len())
    }

    fn room_on(&self, host: u32) -> u32 {
        let taken = self.on_host.get(&host).copied().unwrap_or(0);
        self.plan.policy.max_per_host.max(1).saturating_sub(taken)
    }

    /// What stands between now and the wave, before its gate is asked: soak and approval.
    pub(super) fn before_gate(&self, now: Timestamp) -> Command {
        let again = self.stands_before_gate_again();
        let approval = (!again && self.lacks_approval()).then(|| WaitReason::Approval {
            digest: self.plan.digest.clone(),
        });
        if let Some(until) = self.soak_until.filter(|until| !again && now < *until) {
            let mut reasons = vec![WaitReason::Soak { until }];
            reasons.extend(approval);
            return Command::WaitUntil { at: until, reasons };
        }
        if let Some(approval) = approval {
            let reasons = vec![approval];
            return Command::WaitForPerson { reasons };
        }
        match self.gate() {
            Gate::Waiting { again, reasons, .. } if now < *again => Command::WaitUntil {
                at: *again,
                reasons: reasons.clone(),
            },
            _ => Command::AskGate {
                stage: self.cursor.stage,
                wave: self.asked_wave().unwrap_or(self.cursor.wave),
            },
        }
    }

    fn awaits(&self) -> impl Iterator<Item = Command> {
        let stage = self.cursor.stage;
        self.replaying
            .iter()
            .map(move |(number, awaited)| Command::AwaitReplicas {
                stage,
                shard: self.name(*number).clone(),
                position: awaited.position.clone(),
            })
    }

    fn surveys(&self) -> Vec<Command> {
        let stage = self.cursor.stage;
        self.unknown
            .iter()
            .filter(|(_, doubt)| !doubt.needs_person)
            .map(|(number, _)| Command::Survey {
                stage,
                shard: self.name(*number).clone(),
            })
            .collect()
    }
}

/// Whoever carries it out hears of nodes as they move; this is for those who only ask what it waits for.
fn look_again(now: Timestamp, reasons: Vec<WaitReason>) -> Command {
    let at = now
        .saturating_add(SignedDuration::from_secs(1))
        .unwrap_or(Timestamp::MAX);
    Command::WaitUntil { at, reasons }
}

/// When a gate that said wait is asked again: at once after a window opens; as often as the checks that said no want to be asked, which
/// is as often as the most eager of them; else after a second, then more and more slowly, up to half a minute.
pub(super) fn pause_before_asking_again(
    at: Timestamp,
    reasons: &[WaitReason],
    times: u32,
) -> Timestamp {
    let opens = match reasons {
        [WaitReason::Window { opens: Some(opens) }] => Some(*opens),
        _ => None,
    };
    let every = reasons.iter().filter_map(|reason| match reason {
        WaitReason::Check { every_ms, .. } => *every_ms,
        _ => None,
    });
    let pause = match every.min() {
        Some(millis) => SignedDuration::from_millis(millis.try_into().unwrap_or(i64::MAX)),
        None => SignedDuration::from_secs((1_i64 << times.min(5)).min(30)),
    };
    let paused = at.saturating_add(pause).unwrap_or(Timestamp::MAX);
    opens.filter(|opens| *opens > at).unwrap_or(paused)
}
