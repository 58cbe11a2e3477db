//! Applies that are killed, cut off, interrupted, paused, or not alone.

use super::{APPLY, Life, indent};
use greylag_lab::Direction;
use rand::Rng;
use std::time::Duration;

impl Life {
    pub(super) async fn apply_and_kill(&mut self) {
        self.tally.applies += 1;
        let running = self.ground.start(APPLY);
        let delay = self.whole.mul_f64(self.dice.random_range(0.0..1.0));
        // Blind on purpose: whatever it is doing then.
        tokio::time::sleep(delay).await;
        let said = running.said();
        running.kill().await;
        self.tally.struck += 1;
        self.story
            .push(format!("apply, killed after {delay:?}\n{}", indent(&said)));
    }

    pub(super) async fn apply_and_cut(&mut self) {
        if self.ground.proxy.is_none() {
            return self.apply_and_kill().await;
        }
        let direction = if self.dice.random() {
            Direction::ToServer
        } else {
            Direction::ToClient
        };
        let bytes = self.dice.random_range(500..24_000);
        let kill = self.dice.random_bool(0.5);
        self.tally.applies += 1;
        self.sprung += 1;
        let sprung = self.sprung;
        self.proxy().cut_after_bytes(bytes, direction);
        let running = self.ground.start(APPLY);
        let mut end = Box::pin(running.end());
        let ended = tokio::select! {
            () = self.proxy().wait_trapped(sprung) => None,
            ran = &mut end => Some(ran),
        };
        match ended {
            Some(ran) => {
                // It must not spring in the next one.
                self.proxy().cut_after_bytes(u64::MAX, direction);
                let late =
                    tokio::time::timeout(Duration::ZERO, self.proxy().wait_trapped(sprung)).await;
                self.sprung -= u64::from(late.is_err());
                self.note("apply, to be cut off, was sooner", ran);
            }
            None if kill => {
                // Dropped, it is killed.
                drop(end);
                self.tally.struck += 1;
                self.story.push(format!(
                    "apply, killed and cut off after {bytes} bytes {direction:?}"
                ));
            }
            None => {
                self.tally.struck += 1;
                let ran = end.await;
                self.note(
                    &format!("apply, cut off after {bytes} bytes {direction:?}"),
                    ran,
                );
            }
        }
    }

    pub(super) async fn apply_and_interrupt(&mut self) {
        self.tally.applies += 1;
        let running = self.ground.start(APPLY);
        let delay = self.whole.mul_f64(self.dice.random_range(0.1..1.0));
        tokio::time::sleep(delay).await;
        // To one that has ended it does nothing.
        for _ in 0..self.dice.random_range(1..=2) {
            running.interrupt().await;
        }
        self.tally.struck += 1;
        let ran = running.end().await;
        // Before it listens to signals, one ends it as it ends any process.
        if ran.code.is_some() && ran.code != Some(130) {
            self.note("apply, interrupted", ran);
        }
    }

    pub(super) async fn apply_while_the_server_dies(&mut self) {
        self.tally.applies += 1;
        let running = self.ground.start(APPLY);
        let delay = self.whole.mul_f64(self.dice.random_range(0.1..0.9));
        tokio::time::sleep(delay).await;
        self.ground.server().kill();
        self.tally.struck += 1;
        let restarted = self.ground.server().restart().await;
        restarted.unwrap_or_else(|error| panic!("it starts again: {error:?}\n{}", self.told()));
        let ran = running.end().await;
        self.note("apply, its server killed and started again", ran);
    }

    pub(super) async fn apply_twice(&mut self) {
        self.tally.applies += 2;
        let one = self.ground.start(&["apply", "--yes"]);
        let delay = self.whole.mul_f64(self.dice.random_range(0.0..0.5));
        tokio::time::sleep(delay).await;
        let other = self.ground.start(&["apply", "--yes"]);
        let (one, other) = tokio::join!(one.end(), other.end());
        self.note("one of two applies", one);
        self.note("the other of two applies", other);
    }

    pub(super) async fn apply_and_pause(&mut self) {
        self.tally.applies += 1;
        let running = self.ground.start(APPLY);
        let delay = self.whole.mul_f64(self.dice.random_range(0.0..0.8));
        tokio::time::sleep(delay).await;
        self.steer(&["rollout", "pause", "--reason", "the soak"])
            .await;
        let ran = running.end().await;
        self.note("apply, paused", ran);
        if self.dice.random() {
            self.steer(&["rollout", "resume"]).await;
        }
    }
}
