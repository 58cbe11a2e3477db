//! Events that fit, and those that do not.

use crate::{fixture::*, story::*};
use greylag_core::{
    event::{Event, Stamped},
    gate::Verdict,
    rollout::{Command, Rollout, RunVerdict, Why},
};
use std::sync::Arc;

#[test]
fn what_only_informs_changes_nothing() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).tell(start(0, &name("a")));
    let before = story.0.clone();
    story.tell(Event::ShardWaiting {
        stage: 0,
        shard: name("a"),
        reasons: vec![],
    });
    story.tell(Event::StatementDone {
        stage: 0,
        shard: name("a"),
        migration: id("V2"),
        done: 1,
        total: 3,
    });
    assert_eq!(story.0, before);
}

#[test]
fn events_of_no_known_stage_wave_or_shard_are_refused() {
    let mut story = Story::of(small(0));
    let why = story.refuse(gate(9, 0, Verdict::Pass));
    assert_eq!(why, Why::NoSuchStage { stage: 9 });
    let why = story.refuse(gate(0, 9, Verdict::Pass));
    assert_eq!(why, Why::NoSuchWave { wave: 9 });
    let nobody = name("nobody");
    assert_eq!(story.refuse(start(0, &nobody)), Why::NoSuchShard(nobody));
    assert_eq!(
        story.refuse(start(1, &name("a"))),
        Why::AnotherStage { stage: 1 }
    );
}

#[test]
fn a_journal_with_a_hole_is_not_replayed() {
    let plan = Arc::new(small(0));
    let stamped = |sequence, event| Stamped {
        sequence,
        at: at(0),
        epoch: 1,
        event,
    };
    let journal = [
        stamped(1, started(&plan)),
        stamped(3, gate(0, 0, Verdict::Pass)),
    ];
    let refused = Rollout::replay(plan.clone(), &journal).unwrap_err();
    assert_eq!(
        refused.why,
        Why::Sequence {
            expected: 2,
            found: 3
        }
    );
    let refused = Rollout::replay(plan, &journal[1..]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "gate_answered does not fit: the journal goes on with 3 where 1 is due"
    );
}

#[test]
fn a_plan_with_nothing_to_do_is_done_at_once() {
    let done = reading("V1", "");
    let files = [file("V1__one.sql", "SELECT 1;")];
    let plan = made(vec![candidate("a", "h", &done)], &files, &two_waves()).unwrap();
    let story = Story::of(plan);
    assert!(matches!(story.next()[..], [Command::Finish { .. }]));
    assert_eq!(story.ends(), (RunVerdict::Done, 0));
}
