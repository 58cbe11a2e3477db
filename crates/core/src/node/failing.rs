//! Subscriptions that fail. A worker that fails comes back after a while and fails again: one look meets none, the next one
//! that runs. So what the look before knew is carried on, until what failed is past.

use super::{NodeSighting, Subscription};
use crate::position::{Position, Reach};

impl NodeSighting {
    /// Carries on what the look before knew of subscriptions that fail. `publisher` is the newest look at the shard's primary.
    pub fn remember(&mut self, before: Option<&NodeSighting>, publisher: Option<&NodeSighting>) {
        for now in &mut self.subscriptions {
            let then = before.and_then(|before| {
                let mut known = before.subscriptions.iter();
                known.find(|then| then.name == now.name)
            });
            now.owes = then.and_then(|then| owes(now, then, publisher));
            now.sync_fails = then.is_some_and(|then| {
                let fails = then.sync_fails || more(now.sync_errors, then.sync_errors).is_some();
                fails && now.syncing > 0
            });
        }
    }
}

impl Subscription {
    /// No worker applies what comes: there is none, or it has got nothing yet, as one that fails again and again.
    pub(super) fn stands(&self) -> bool {
        !self.running || self.received.is_none()
    }
}

/// By how much a counter has grown; none where it has not, or where one of the two looks could not see it.
pub(super) fn more(now: Option<u64>, then: Option<u64>) -> Option<u64> {
    now.zip(then)
        .map(|(now, then)| now.saturating_sub(then))
        .filter(|more| *more > 0)
}

fn owes(
    now: &Subscription,
    then: &Subscription,
    publisher: Option<&NodeSighting>,
) -> Option<Position> {
    let there = publisher.and_then(|publisher| publisher.position.as_ref());
    let known = then.owes.as_ref();
    let failed = more(now.apply_errors, then.apply_errors).is_some();
    if failed || known.is_some() && now.stands() {
        // What it fails at was written by now: whoever has confirmed this is past it.
        return there.or(known).cloned();
    }
    let known = known?;
    let slot = publisher.and_then(|publisher| {
        let mut slots = publisher.slots.iter();
        slots.find(|slot| Some(&slot.name) == now.slot.as_ref())
    });
    let is_past = match slot {
        // In another log than it failed in (its publisher was promoted) the place says nothing.
        Some(slot) => {
            (slot.confirmed.as_ref()).is_some_and(|confirmed| confirmed.reaches(known) != Reach::No)
        }
        // It gets its rows from somewhere else: that it runs is all that can be told.
        None => publisher.is_some() && !now.stands(),
    };
    (!is_past).then(|| known.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Engine,
        node::{SeenRole, Slot},
        survey::Server,
    };
    use jiff::Timestamp;

    fn at(timeline: u32, lsn: u64) -> Position {
        Position::Wal {
            system: "7".into(),
            timeline,
            lsn,
        }
    }

    fn bare() -> NodeSighting {
        let server = Server {
            engine: Engine::Postgres,
            version: "15".into(),
            lineage: "7".into(),
            database: "d".into(),
            address: "a".into(),
            dialled: String::new(),
            instance: None,
        };
        NodeSighting::bare(Timestamp::UNIX_EPOCH, server, "a".into(), SeenRole::Primary)
    }

    fn publisher(here: Position, confirmed: Position) -> NodeSighting {
        NodeSighting {
            position: Some(here),
            slots: vec![Slot {
                name: "mirror".into(),
                logical: true,
                confirmed: Some(confirmed),
                ..Slot::default()
            }],
            ..bare()
        }
    }

    /// A subscriber that has counted so many errors, and whose worker runs or does not.
    fn subscriber(errors: u64, runs: bool) -> NodeSighting {
        NodeSighting {
            subscriptions: vec![Subscription {
                name: "mirror".into(),
                enabled: true,
                running: runs,
                received: runs.then(|| at(0, 1)),
                slot: Some("mirror".into()),
                apply_errors: Some(errors),
                sync_errors: Some(0),
                ..Subscription::default()
            }],
            ..bare()
        }
    }

    /// Looks one after another; what the last one makes of it.
    fn after(looks: &[(NodeSighting, NodeSighting)]) -> Option<Position> {
        let mut before: Option<NodeSighting> = None;
        for (publisher, subscriber) in looks {
            let mut now = subscriber.clone();
            now.remember(before.as_ref(), Some(publisher));
            before = Some(now);
        }
        before.unwrap().subscriptions[0].owes.clone()
    }

    #[test]
    fn an_apply_error_stands_while_the_worker_comes_and_goes_and_until_what_failed_is_confirmed() {
        let stuck = |here| publisher(at(1, here), at(1, 90));
        let mut looks = vec![(stuck(100), subscriber(3, true))];
        assert_eq!(after(&looks), None, "what was before we looked is not news");
        looks.push((stuck(120), subscriber(4, true)));
        assert_eq!(after(&looks), Some(at(1, 120)));
        // It runs for a moment, and the counter has not moved.
        looks.push((stuck(130), subscriber(4, true)));
        assert_eq!(after(&looks), Some(at(1, 120)));
        looks.push((stuck(140), subscriber(4, false)));
        assert_eq!(
            after(&looks),
            Some(at(1, 140)),
            "it fails at what is there by now"
        );
        let mended = |confirmed| publisher(at(1, 150), at(1, confirmed));
        looks.push((mended(139), subscriber(4, true)));
        assert_eq!(after(&looks), Some(at(1, 140)));
        looks.push((mended(140), subscriber(4, true)));
        assert_eq!(after(&looks), None);
    }

    #[test]
    fn an_error_that_was_in_another_log_is_forgotten_with_it() {
        let looks = [
            (publisher(at(1, 100), at(1, 90)), subscriber(3, true)),
            (publisher(at(1, 100), at(1, 90)), subscriber(4, true)),
            (publisher(at(2, 105), at(2, 95)), subscriber(4, true)),
        ];
        assert_eq!(after(&looks[..2]), Some(at(1, 100)));
        assert_eq!(after(&looks), None);
    }

    #[test]
    fn a_failed_copy_stands_until_nothing_is_copied() {
        let there = publisher(at(1, 100), at(1, 100));
        let fails = |before: &NodeSighting, errors, syncing| {
            let mut now = subscriber(0, true);
            now.subscriptions[0].sync_errors = Some(errors);
            now.subscriptions[0].syncing = syncing;
            now.remember(Some(before), Some(&there));
            now
        };
        let first = fails(&subscriber(0, true), 1, 1);
        assert!(first.subscriptions[0].sync_fails);
        let second = fails(&first, 1, 1);
        assert!(
            second.subscriptions[0].sync_fails,
            "the counter rests between two tries"
        );
        assert!(!fails(&second, 1, 0).subscriptions[0].sync_fails);
    }
}
