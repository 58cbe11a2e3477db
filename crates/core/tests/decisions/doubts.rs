//! Outcomes nobody knows, and failures that are not all of one kind.

use crate::{fixture::*, story::*};
use greylag_core::{
    gate::WaitReason,
    outcome::{Doubt, Failure, FailureClass, Left, Outcome},
    rollout::{Command, RunVerdict, Why},
};

#[test]
fn a_restart_makes_what_was_running_unknown_and_has_it_surveyed() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).tell(start(0, &name("a")));
    assert_eq!(story.ends(), (RunVerdict::Unknown, 3));
    story.restart();
    let shard = name("a");
    assert_eq!(story.next(), [Command::Survey { stage: 0, shard }]);
    let late = end(0, &name("a"), Outcome::Applied);
    let refused = story.0.record(&late, at(0), 1).unwrap_err();
    assert_eq!(
        refused.why,
        Why::StaleEpoch {
            event: 1,
            current: 2
        }
    );
    let refused = story.0.record(&late, at(0), 3).unwrap_err();
    assert_eq!(refused.why, Why::NotTakenUp { event: 3 });
    story.tell(end(0, &name("a"), Outcome::absent())).pass(0, 0);
    assert_eq!(story.starts(), ["a"]);
}

/// Work that was given up, or cut off, in the middle of a file: nothing has failed, and the fleet is split.
#[test]
fn what_stands_of_a_file_that_was_left_in_its_middle_is_a_change() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).tell(start(0, &name("a")));
    let left = Left::Partial { done: 1, total: 2 };
    story.tell(end(0, &name("a"), Outcome::Absent { left }));
    assert_eq!(story.ends(), (RunVerdict::Split, 3));
    assert_eq!(story.starts(), ["a"], "nobody has to say so");
    // As journals of before have it, and as nothing more is said of what never happened.
    let never = serde_json::json!({ "outcome": "absent" });
    assert_eq!(serde_json::to_value(Outcome::absent()).unwrap(), never);
    let read: Outcome = serde_json::from_value(never).unwrap();
    assert_eq!(read, Outcome::absent());
}

#[test]
fn what_the_catalog_cannot_tell_waits_for_a_person() {
    let mut story = Story::of(small(0));
    let doubt = Doubt {
        migration: Some(id("V2")),
        place: None,
        why: "the answer to COMMIT was lost".into(),
        needs_person: true,
    };
    story.pass(0, 0).run(0, "a", Outcome::Unknown { doubt });
    assert!(matches!(
        story.waits()[..],
        [WaitReason::Unsettled { count: 1, .. }]
    ));
    assert_eq!(story.ends(), (RunVerdict::Unknown, 3));
    let a = name("a");
    assert!(matches!(
        story.refuse(settle(&a, &id("V1"), true)),
        Why::NoSuchWork { .. }
    ));
    assert!(matches!(
        story.refuse(end(0, &a, Outcome::Applied)),
        Why::Shard { .. }
    ));
    story.tell(settle(&a, &id("V2"), true));
    assert_eq!(story.0.applied_so_far(&a), ids("V2"));
    story.pass(0, 0);
    assert_eq!(story.starts(), ["a"], "its history says what is left");
    story.tell(start(0, &a));
    let why = story.refuse(applied(0, &a, &id("V2")));
    assert!(matches!(why, Why::AppliedAlready { .. }));
}

#[test]
fn a_doubt_names_the_migration_that_is_settled() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    let doubt = Doubt {
        migration: Some(id("V1")),
        place: None,
        why: "lost".into(),
        needs_person: true,
    };
    story.pass(0, 1).run(0, "b", Outcome::Unknown { doubt });
    let why = story.refuse(settle(&name("b"), &id("V2"), true));
    assert!(matches!(why, Why::AnotherDoubt { .. }));
}

#[test]
fn a_failed_verify_is_applied_and_retry_asks_it_again() {
    let mut story = Story::of(small(0));
    let a = name("a");
    story.pass(0, 0).tell(start(0, &a));
    story.tell(applied(0, &a, &id("V2")));
    let failure = Failure {
        class: FailureClass::Verify,
        code: None,
        message: "12 rows are NULL".into(),
        migration: Some(id("V2")),
        place: None,
        hint: None,
        left: Left::Nothing,
        blockers: Vec::new(),
    };
    story.tell(end(0, &a, Outcome::Failed { failure }));
    assert_eq!(story.ends(), (RunVerdict::Split, 3));
    story.tell(retry(&a));
    assert_eq!(story.0.to_ask_again().collect::<Vec<_>>(), [&a]);
    assert_eq!(story.0.applied_so_far(&a), ids("V2"), "it is not run again");
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    assert_eq!(story.0.unverified().count(), 0);
}

#[test]
fn a_guards_refusal_before_anything_changed_is_its_own_verdict() {
    let mut story = Story::of(small(0));
    story.pass(0, 0).run(0, "a", failed(FailureClass::Refused));
    assert_eq!(story.ends(), (RunVerdict::Refused, 6));
    let mut story = Story::of(small(0));
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.pass(0, 1).run(0, "b", failed(FailureClass::Refused));
    assert_eq!(story.ends(), (RunVerdict::Split, 3), "3 comes before 6");
}

#[test]
fn a_half_run_migration_is_a_change() {
    let mut story = Story::of(small(0));
    let Outcome::Failed { mut failure } = failed(FailureClass::Data) else {
        unreachable!()
    };
    failure.left = Left::Partial { done: 2, total: 5 };
    story.pass(0, 0).run(0, "a", Outcome::Failed { failure });
    assert_eq!(story.ends(), (RunVerdict::Split, 3));
}
