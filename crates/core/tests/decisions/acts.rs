//! What a person does to a rollout.

use crate::{fixture::*, story::*};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    node::NodeName,
    outcome::{FailureClass, Outcome},
    rollout::{Command, Progress, RunVerdict, Why},
};

#[test]
fn a_shard_skipped_in_one_stage_is_left_out_of_the_later_ones() {
    let mut story = Story::of(small(0));
    let b = name("b");
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.pass(0, 1).tell(skip(&b));
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    story.pass(1, 0).run(1, "a", Outcome::Applied);
    story.pass(1, 1);
    assert_eq!(story.starts(), ["c"]);
    assert_eq!(story.0.shard_progress(1, &b), Some(Progress::Skipped));
    story.run(1, "c", Outcome::Applied);
    let verdict = "done".to_owned();
    story.tell(Event::Finished { verdict });
    assert_eq!(story.ends(), (RunVerdict::Done, 0));
    assert_eq!(story.refuse(retry(&b)), Why::Ended);
}

#[test]
fn an_abort_lets_what_is_in_flight_end_and_then_finishes() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).tell(start(0, &name("a"))).tell(abort());
    assert_eq!(story.next(), []);
    assert_eq!(story.refuse(pause()), Why::AbortedAlready);
    story.tell(end(0, &name("a"), Outcome::Applied));
    assert!(matches!(story.next()[..], [Command::Finish { .. }]));
    let done = "done".to_owned();
    assert_eq!(
        story.refuse(Event::Finished { verdict: done }),
        Why::NotThrough
    );
    let verdict = "aborted".to_owned();
    story.tell(Event::Finished { verdict });
    assert_eq!(
        story.ends(),
        (RunVerdict::Aborted, 3),
        "one shard was changed"
    );
}

#[test]
fn an_aborted_rollout_still_has_its_unknowns_settled() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).tell(start(0, &name("a"))).tell(abort());
    story.tell(end(0, &name("a"), unknown(false)));
    assert!(matches!(story.next()[..], [Command::Survey { .. }]));
    story.tell(end(0, &name("a"), Outcome::absent()));
    assert!(matches!(story.next()[..], [Command::Finish { .. }]));
    assert_eq!(
        story.ends(),
        (RunVerdict::Aborted, 1),
        "nothing was changed"
    );
}

#[test]
fn a_pause_holds_new_work_and_resume_goes_on_where_it_was() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).tell(pause());
    assert!(matches!(story.waits()[..], [WaitReason::Paused { .. }]));
    assert_eq!(story.ends(), (RunVerdict::Waiting, 4));
    assert_eq!(story.refuse(pause()), Why::PausedAlready);
    story.tell(resume()).pass(0, 0);
    assert_eq!(story.starts(), ["a"]);
    assert_eq!(story.refuse(resume()), Why::NotPaused);
}

#[test]
fn a_successor_ends_a_rollout_once_nothing_is_in_flight() {
    let mut story = Story::of(small(0));
    let superseded = || Event::Superseded {
        by_rollout: "next".into(),
        why: "V2 was edited".into(),
    };
    story.pass(0, 0).tell(start(0, &name("a")));
    assert_eq!(story.refuse(superseded()), Why::InFlight);
    story.tell(end(0, &name("a"), failed(FailureClass::Syntax)));
    story.tell(superseded());
    assert_eq!(story.next(), []);
    assert_eq!(story.ends(), (RunVerdict::NothingChanged, 1));
}

#[test]
fn what_is_settled_on_a_subscriber_lets_its_shard_be_tried_again_and_says_nothing_of_the_shard() {
    let mut story = Story::of(small(0));
    let a = name("a");
    let on_subscriber = |applied| {
        let Event::Settled {
            shard,
            migration,
            by,
            reason,
            ..
        } = settle(&a, &id("V1"), applied)
        else {
            unreachable!()
        };
        let node = Some(NodeName {
            shard: shard.clone(),
            node: "mirror".into(),
        });
        Event::Settled {
            shard,
            migration,
            applied,
            by,
            reason,
            node,
        }
    };
    story.pass(0, 0).run(0, "a", failed(FailureClass::Refused));
    story.tell(on_subscriber(true));
    assert_eq!(story.0.shard_progress(0, &a), Some(Progress::Pending));
    assert_eq!(story.0.recorded(&a), [], "it never ran there");
    story.refuse(on_subscriber(true));
}
