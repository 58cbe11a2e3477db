//! How many may run, and how many may fail.

use crate::{fixture::*, story::*};
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    outcome::{FailureClass, Outcome},
    policy::{Budget, Policy, Size},
    rollout::{Command, RunVerdict, Why},
};

#[test]
fn no_more_start_than_may_be_in_flight() {
    let policy = Policy {
        max_in_flight: 3,
        max_per_host: 3,
        ..policy(vec![wave("all", Size::Rest)])
    };
    let mut story = Story::of(even(10, 5, &policy));
    story.pass(0, 0);
    assert_eq!(story.starts(), ["s1", "s2", "s3"]);
    story.tell(start(0, &name("s2")));
    assert_eq!(story.starts(), ["s1", "s3"]);
    story.tell(end(0, &name("s2"), Outcome::Applied));
    assert_eq!(story.starts(), ["s1", "s3", "s4"]);
    for shard in ["s1", "s3", "s4"] {
        story.tell(start(0, &name(shard)));
    }
    assert_eq!(story.refuse(start(0, &name("s5"))), Why::NoRoom);
}

#[test]
fn a_run_of_some_shards_starts_no_others() {
    let policy = Policy {
        max_in_flight: 2,
        max_per_host: 9,
        ..policy(vec![wave("all", Size::Rest)])
    };
    let mut story = Story::of(even(10, 5, &policy));
    let ours = |shard: &ShardName| shard.as_str() == "s9";
    let shard = name("s9");
    assert_eq!(story.refuse(start(0, &shard)), Why::NotItsTurn);
    story.pass(0, 0);
    let commands = story.0.next_among(at(0), ours);
    assert_eq!(commands, [Command::Apply { stage: 0, shard }]);
    story.run(0, "s9", Outcome::Applied);
    assert_eq!(story.0.next_among(at(0), ours), [], "only others are left");
    assert_eq!(story.starts(), ["s1", "s2"]);
}

#[test]
fn no_more_start_than_a_host_may_bear() {
    let policy = Policy {
        max_in_flight: 4,
        max_per_host: 1,
        ..policy(vec![wave("all", Size::Rest)])
    };
    let mut story = Story::of(even(6, 2, &policy));
    story.pass(0, 0);
    assert_eq!(story.starts(), ["s1", "s3", "s5"]);
    story.tell(start(0, &name("s1")));
    assert_eq!(story.starts(), ["s3", "s5"]);
    story.tell(end(0, &name("s1"), unknown(true)));
    assert_eq!(story.starts(), [""; 0], "an unknown one stops all");
    story.tell(retry(&name("s1")));
    story.tell(end(0, &name("s1"), Outcome::Applied)).pass(0, 0);
    assert_eq!(story.starts(), ["s2", "s3", "s5"]);
}

#[test]
fn a_budget_lets_the_stage_go_on_and_no_more() {
    let mut story = Story::of(small(1));
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.pass(0, 1).run(0, "b", failed(FailureClass::Data));
    assert_eq!(story.ask(), Some((0, 2)), "within the budget");
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    let [
        WaitReason::Failed {
            shards,
            count: 1,
            budget: 1,
        },
    ] = &story.waits()[..]
    else {
        panic!("the next stage may not open: {:?}", story.next());
    };
    assert_eq!(shards[0], name("b"));
    assert_eq!(story.ends(), (RunVerdict::Split, 3));
    story.tell(retry(&name("b"))).run(0, "b", Outcome::Applied);
    assert_eq!(story.ask(), Some((1, 0)));
}

#[test]
fn a_percentage_of_failures_rounds_down() {
    let rest = || {
        policy(vec![
            wave("canary", Size::Count(1)),
            wave("rest", Size::Rest),
        ])
    };
    let budget = |shards, hundredths| {
        let policy = Policy {
            failure_budget: Budget::Percent(hundredths),
            ..rest()
        };
        even(shards, 1, &policy).budget
    };
    assert_eq!(budget(49, 200), 0);
    assert_eq!(budget(50, 200), 1);
    assert_eq!(budget(99, 200), 1);
    assert_eq!(budget(40, 250), 1);
}

#[test]
fn a_failed_canary_stops_regardless_of_the_budget() {
    let mut story = Story::of(small(3));
    story.pass(0, 0).run(0, "a", failed(FailureClass::Data));
    assert_eq!(story.ask(), None);
    assert!(matches!(story.waits()[..], [WaitReason::Failed { .. }]));
    assert_eq!(story.ends(), (RunVerdict::NothingChanged, 1));
}

#[test]
fn what_is_in_flight_ends_after_a_failure_and_nothing_new_starts() {
    let policy = Policy {
        max_in_flight: 3,
        ..two_waves()
    };
    let mut story = Story::of(even(6, 1, &policy));
    story.pass(0, 0).run(0, "s1", Outcome::Applied);
    story.pass(0, 1);
    story
        .tell(start(0, &name("s2")))
        .tell(start(0, &name("s3")));
    story.tell(end(0, &name("s2"), failed(FailureClass::Data)));
    assert_eq!(story.next(), [], "s3 ends by itself");
    assert_eq!(story.refuse(start(0, &name("s4"))), Why::Stopped);
    story.tell(end(0, &name("s3"), Outcome::Applied));
    assert!(matches!(story.next()[..], [Command::WaitForPerson { .. }]));
}
