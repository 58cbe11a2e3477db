//! A primary is promoted away and takes with it what this rollout had applied.

use crate::{fixture::*, story::*};
use greylag_core::{
    outcome::{FailureClass, Outcome},
    policy::Size,
    rollout::{Progress, RunVerdict, Why},
};

#[test]
fn a_shard_that_was_done_runs_again_what_a_failover_lost() {
    let mut story = Story::of(even(2, 2, &policy(vec![wave("fleet", Size::Rest)])));
    story.pass(0, 0).run(0, "s1", Outcome::Applied);
    let s1 = name("s1");
    story.tell(lost(0, &s1, &ids("V1")));
    assert_eq!(story.0.shard_progress(0, &s1), Some(Progress::Pending));
    assert!(!story.0.has_applied(&s1, &id("V1")));
    assert_eq!(story.starts(), ["s1"]);
    story.tell(start(0, &s1)).tell(applied(0, &s1, &id("V1")));
    story.tell(end(0, &s1, Outcome::Applied));
    story.run(0, "s2", Outcome::Applied);
    assert_eq!(story.next().len(), 1, "the end is all that is left");
}

#[test]
fn what_is_awaited_on_replicas_and_lost_is_run_again_at_once() {
    let mut story = Story::of(even(1, 1, &policy(vec![wave("fleet", Size::Rest)])));
    let s1 = name("s1");
    story.pass(0, 0).tell(start(0, &s1));
    story.tell(replaying(0, &s1, Some(7)));
    story.tell(lost(0, &s1, &ids("V1")));
    assert_eq!(story.starts(), ["s1"]);
    assert_ne!(story.ends().0, RunVerdict::Done);
}

#[test]
fn what_an_earlier_stage_applied_is_run_again_in_the_current_one() {
    // `c` has no work in the first stage, `d` none in the second.
    let mut story = Story::of(small(0));
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.pass(0, 1).run(0, "b", Outcome::Applied);
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    let d = name("d");
    assert_eq!(story.ask(), Some((1, 0)));
    let had = story.0.recorded(&d);
    story.tell(lost(1, &d, &had[1..]));
    assert!(!story.0.has_applied(&d, &had[1]));
    story.pass(1, 0).run(1, "a", Outcome::Applied);
    story.pass(1, 1).run(1, "b", Outcome::Applied);
    story.run(1, "c", Outcome::Applied);
    // Without the loss its wave would have had no work, and the rollout would be through.
    assert_eq!(story.ask(), Some((1, 2)));
    story.pass(1, 2).tell(start(1, &d));
    story.tell(applied(1, &d, &had[1]));
    assert!(story.0.has_applied(&d, &had[1]));
    story.tell(end(1, &d, Outcome::Applied));
    assert_eq!(story.next().len(), 1, "the end is all that is left");
}

#[test]
fn nothing_is_lost_that_was_not_there() {
    let mut story = Story::of(even(3, 1, &policy(vec![wave("fleet", Size::Rest)])));
    let s1 = name("s1");
    story.pass(0, 0);
    let why = story.refuse(lost(0, &s1, &ids("V1")));
    assert!(matches!(why, Why::NoSuchWork { .. }), "{why:?}");
    story.run(0, "s1", Outcome::Applied);
    story.tell(skip(&name("s2")));
    let why = story.refuse(lost(0, &name("s2"), &[]));
    assert!(matches!(why, Why::Shard { .. }), "{why:?}");
}

#[test]
fn a_shard_is_not_applied_while_it_lacks_what_an_earlier_stage_put_there() {
    // `b` has V1 and V2 in the first stage, and the views in the second.
    let mut story = Story::of(small(0));
    let b = name("b");
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.pass(0, 1).run(0, "b", Outcome::Applied);
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    story.pass(1, 0).run(1, "a", Outcome::Applied);
    story.pass(1, 1).tell(lost(1, &b, &ids("V1 V2")));
    assert_eq!(story.0.owed(&b), ids("V1 V2"));
    assert_eq!(story.0.recorded(&b), []);
    story.tell(start(1, &b));
    story.tell(applied(1, &b, &ids("R__views")[0]));
    for end in [end(1, &b, Outcome::Applied), replaying(1, &b, Some(7))] {
        let why = story.refuse(end);
        assert!(
            matches!(&why, Why::Owed { migration, .. } if *migration == id("V1")),
            "{why:?}"
        );
    }
    // A failure, a break and a retry forget nothing.
    story.restart().tell(end(1, &b, Outcome::absent()));
    assert_eq!(story.0.owed(&b), ids("V1 V2"));
    story.pass(1, 1).tell(start(1, &b));
    story.tell(end(1, &b, failed(FailureClass::Data)));
    story.tell(retry(&b)).pass(1, 1).tell(start(1, &b));
    assert_eq!(story.0.owed(&b), ids("V1 V2"));
    story.tell(applied(1, &b, &id("V1")));
    assert_eq!(story.0.owed(&b), ids("V2"));
    assert_eq!(story.0.recorded(&b), ids("V1 R__views"));
    story.tell(applied(1, &b, &id("V2")));
    story.tell(end(1, &b, Outcome::Applied));
    assert_eq!(story.0.owed(&b), []);
}

/// What came before it is gone, and it with that: a successor would wait for ever for an answer to a query that nobody may ask.
#[test]
fn what_a_failover_took_is_run_anew_and_not_asked_about() {
    for is_retried in [true, false] {
        let mut story = Story::of(small(0));
        let a = name("a");
        for (wave, shard) in ["a", "b", "d"].into_iter().enumerate() {
            story.pass(0, wave).run(0, shard, Outcome::Applied);
        }
        story.pass(1, 0).tell(start(1, &a));
        let Outcome::Failed { mut failure } = failed(FailureClass::Verify) else {
            unreachable!()
        };
        failure.migration = Some(ids("R__views")[0].clone());
        story.tell(end(1, &a, Outcome::Failed { failure }));
        assert_eq!(story.0.unverified().collect::<Vec<_>>(), [&a]);
        if is_retried {
            story.tell(retry(&a));
            assert_eq!(story.0.to_ask_again().collect::<Vec<_>>(), [&a]);
        }
        story.tell(lost(1, &a, &ids("V2")));
        assert_eq!(story.0.unverified().count(), 0);
        assert_eq!(story.0.to_ask_again().count(), 0);
    }
}

#[test]
fn a_shard_without_work_of_its_own_is_applied_once_it_has_again_what_was_lost() {
    // `d` has no work in the second stage.
    let mut story = Story::of(small(0));
    let d = name("d");
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.pass(0, 1).run(0, "b", Outcome::Applied);
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    story.tell(lost(1, &d, &ids("V2")));
    story.pass(1, 0).run(1, "a", Outcome::Applied);
    story.pass(1, 1).run(1, "b", Outcome::Applied);
    story.run(1, "c", Outcome::Applied);
    story.pass(1, 2).tell(start(1, &d));
    let why = story.refuse(end(1, &d, Outcome::Applied));
    assert!(matches!(why, Why::Owed { .. }), "{why:?}");
    story.tell(applied(1, &d, &id("V2")));
    story.tell(end(1, &d, Outcome::Applied));
    assert_eq!(story.next().len(), 1, "the end is all that is left");
}
