//! How a rollout moves: shards from state to state, and the cursor through waves and stages.

use super::{
    command::Progress,
    state::{Cursor, Gate, Rollout},
};
use jiff::{SignedDuration, Timestamp};
use std::ops::Range;

impl Rollout {
    /// Moves a shard within the current stage, with all that counts it.
    pub(super) fn set(&mut self, number: u32, to: Progress) {
        let wave = self.wave_of(number);
        let from = self.shards[number as usize].progress;
        self.shards[number as usize].progress = to;
        let counts = &mut self.counts[self.cursor.stage][wave];
        counts.take(from);
        counts.add(to);

        let host = self.hosts[number as usize];
        match (is_in_flight(from), is_in_flight(to)) {
            (false, true) => {
                self.in_flight.insert(number);
                *self.on_host.entry(host).or_default() += 1;
            }
            (true, false) => {
                self.in_flight.remove(&number);
                match self.on_host.get_mut(&host) {
                    Some(count) if *count > 1 => *count -= 1,
                    _ => drop(self.on_host.remove(&host)),
                }
            }
            _ => {}
        }
        if self.has_gone(wave) {
            self.cursor.open -= u32::from(is_open(from));
            self.cursor.open += u32::from(is_open(to));
            match (from, to) {
                (Progress::Pending, Progress::Pending) => {}
                (Progress::Pending, _) => self.ready.remove(number, host),
                (_, Progress::Pending) => self.ready.add(number, host),
                _ => {}
            }
        }
    }

    /// Lets the cursor's wave go: its gate has passed.
    pub(super) fn open_wave(&mut self) {
        let Cursor { stage, wave, .. } = self.cursor;
        self.cursor.gate = Gate::Passed;
        self.cursor.canary.get_or_insert(wave);
        self.cursor.open += self.counts[stage][wave].open();
        for number in self.numbers(wave) {
            if self.shards[number as usize].progress == Progress::Pending {
                self.ready.add(number, self.hosts[number as usize]);
            }
        }
    }

    /// The wave whose gate is to be asked, if one is.
    pub(super) fn asked_wave(&self) -> Option<usize> {
        if self.is_held() || self.is_stopped() {
            None
        } else if self.stands_before_gate_again() {
            self.ready.first().map(|number| self.wave_of(number))
        } else {
            self.stands_before_gate().then_some(self.cursor.wave)
        }
    }

    /// Whether shards of waves that have gone wait for the gate to be asked again.
    pub(super) fn stands_before_gate_again(&self) -> bool {
        self.again.is_some() && !self.ready.is_empty()
    }

    /// Whether the cursor's wave stands before its gate, with nothing left open in the waves before it.
    pub(super) fn stands_before_gate(&self) -> bool {
        !self.is_through()
            && !self.is_stopped()
            && self.is_wave(self.cursor.wave)
            && self.cursor.gate != Gate::Passed
            && self.cursor.open == 0
    }

    /// What was last said at the gate that is asked now.
    pub(super) fn gate(&self) -> &Gate {
        match &self.again {
            Some(gate) if self.stands_before_gate_again() => gate,
            _ => &self.cursor.gate,
        }
    }

    /// Moves the cursor past everything that is through.
    pub(super) fn advance(&mut self) {
        while !self.is_through() && self.cursor.open == 0 && !self.is_over_budget() {
            let Cursor { stage, wave, .. } = self.cursor;
            if !self.is_wave(wave) {
                if !self.failed.is_empty() {
                    return;
                }
                self.enter_stage(stage + 1);
                continue;
            }
            let counts = self.counts[stage][wave];
            if self.cursor.gate != Gate::Passed && counts.pending > 0 {
                return;
            }
            self.cursor.wave = wave + 1;
            self.cursor.gate = Gate::NotAsked;
        }
    }

    /// More failures than the budget lets pass, or one in the first wave.
    pub(super) fn is_over_budget(&self) -> bool {
        let stage = self.cursor.stage;
        let canary_failed = self
            .cursor
            .canary
            .is_some_and(|wave| self.counts[stage][wave].failed > 0);
        canary_failed || self.failed.len() > self.plan.budget as usize
    }

    pub(super) fn enter_stage(&mut self, stage: usize) {
        self.cursor = Cursor {
            stage,
            wave: 0,
            gate: Gate::NotAsked,
            canary: None,
            open: 0,
        };
        self.ready.clear();
        if stage >= self.plan.stages.len() {
            return;
        }
        for number in 0..self.shards.len() as u32 {
            let has_work = self.has_work(stage, number);
            let shard = &mut self.shards[number as usize];
            // What a shard had when it was skipped stays known.
            if shard.skipped_from.is_none_or(|from| from >= stage) {
                shard.applied = 0;
            }
            shard.progress = match (has_work, shard.skipped_from) {
                (false, _) => Progress::NoWork,
                (true, Some(_)) => Progress::Skipped,
                (true, None) => Progress::Pending,
            };
        }
    }

    /// A wave soaks from the last shard that was applied in it: where nothing was, there is nothing to watch.
    pub(super) fn soak(&mut self, number: u32, at: Timestamp) {
        let soak = self.plan.waves[self.wave_of(number)].soak_ms;
        if soak > 0 {
            let soak = SignedDuration::from_millis(i64::try_from(soak).unwrap_or(i64::MAX));
            let until = at.saturating_add(soak).unwrap_or(Timestamp::MAX);
            self.soak_until = self.soak_until.max(Some(until));
        }
    }

    /// Whether the wave's gate has passed in this stage.
    pub(super) fn has_gone(&self, wave: usize) -> bool {
        wave < self.cursor.wave || wave == self.cursor.wave && self.cursor.gate == Gate::Passed
    }

    /// A wave's shards: their numbers follow each other.
    fn numbers(&self, wave: usize) -> Range<u32> {
        let before: usize = self.plan.waves[..wave].iter().map(|w| w.shards.len()).sum();
        before as u32..(before + self.plan.waves[wave].shards.len()) as u32
    }
}

fn is_open(progress: Progress) -> bool {
    matches!(progress, Progress::Pending) || is_in_flight(progress)
}

/// An unknown one may be running still, and a replaying one burdens its host: both count against the limits.
fn is_in_flight(progress: Progress) -> bool {
    matches!(
        progress,
        Progress::Running { .. } | Progress::Unknown { .. } | Progress::Replaying { .. }
    )
}
