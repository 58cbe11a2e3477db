//! Gates, soaks and approvals.

use crate::{fixture::*, story::*};
use greylag_core::{
    event::Event,
    gate::{Verdict, WaitReason},
    migration::Phase,
    outcome::{FailureClass, Outcome},
    policy::Policy,
    rollout::{Command, RunVerdict, Why},
};
use std::time::Duration;

#[test]
fn a_wave_without_work_passes_without_gate_or_soak() {
    let mut plan = small(0);
    for wave in &mut plan.waves {
        wave.soak_ms = 60_000;
    }
    // In the second stage the last wave, `d`, has nothing to do, nor has `c` in the first.
    let mut story = Story::of(plan);
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.1 = 60;
    assert_eq!(story.ask(), Some((0, 1)));
    story.pass(0, 1).run(0, "b", Outcome::Applied);
    story.1 = 120;
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    story.1 = 180;
    story.pass(1, 0).run(1, "a", Outcome::Applied);
    story.1 = 240;
    story.pass(1, 1).run(1, "b", Outcome::Applied);
    story.run(1, "c", Outcome::Applied);
    let commands = story.next();
    assert!(
        matches!(commands.as_slice(), [Command::Finish { .. }]),
        "nothing is left to soak for: {commands:?}"
    );
}

#[test]
fn the_next_wave_waits_until_the_one_before_has_soaked() {
    let mut policy = two_waves();
    policy.waves[0].soak = Duration::from_secs(300);
    let mut story = Story::of(even(3, 1, &policy));
    story.pass(0, 0).tell(start(0, &name("s1")));
    story.1 = 100;
    story.tell(end(0, &name("s1"), Outcome::Applied));
    let until = at(400);
    let reasons = vec![WaitReason::Soak { until }];
    assert_eq!(story.next(), [Command::WaitUntil { at: until, reasons }]);
    assert_eq!(
        story.refuse(gate(0, 1, Verdict::Pass)),
        Why::Soaking { until }
    );
    assert_eq!(story.ends(), (RunVerdict::Waiting, 4));
    story.1 = 400;
    assert_eq!(story.ask(), Some((0, 1)));
}

#[test]
fn a_skipped_canary_leaves_nothing_to_soak_for() {
    let mut policy = two_waves();
    policy.waves[0].soak = Duration::from_secs(300);
    let mut story = Story::of(even(3, 1, &policy));
    story.pass(0, 0).tell(skip(&name("s1")));
    assert_eq!(story.ask(), Some((0, 1)));
}

#[test]
fn an_approval_is_asked_once_for_a_wave_and_again_for_contracts() {
    let mut plan = small(0);
    plan.waves[1].approval = true;
    plan.stages[1].phase = Phase::Contract;
    let bound = plan.clone();
    let mut story = Story::of(plan);
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    assert!(matches!(story.waits()[..], [WaitReason::Approval { .. }]));
    assert_eq!(story.refuse(gate(0, 1, Verdict::Pass)), Why::NotApproved);
    assert_eq!(story.ends(), (RunVerdict::Waiting, 4));
    let forged = Event::Approved {
        stage: 0,
        wave: 1,
        digest: "sha256:0".into(),
        by: "eve".into(),
    };
    assert!(matches!(story.refuse(forged), Why::AnotherPlan { .. }));
    assert_eq!(story.refuse(approve(&bound, 0, 0)), Why::NeedsNoApproval);
    story.tell(approve(&bound, 0, 1));
    assert_eq!(story.refuse(approve(&bound, 0, 1)), Why::ApprovedAlready);
    story.pass(0, 1).run(0, "b", Outcome::Applied);
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    story.pass(1, 0).run(1, "a", Outcome::Applied);
    assert!(matches!(story.waits()[..], [WaitReason::Approval { .. }]));
    story.tell(approve(&bound, 1, 1));
    assert_eq!(story.ask(), Some((1, 1)));
}

#[test]
fn an_approval_may_come_ahead_and_holds_for_later_stages_of_the_same_kind() {
    let mut plan = small(0);
    plan.waves[1].approval = true;
    let bound = plan.clone();
    let mut story = Story::of(plan);
    story.tell(approve(&bound, 0, 1));
    story.pass(0, 0).run(0, "a", Outcome::Applied);
    story.pass(0, 1).run(0, "b", Outcome::Applied);
    story.pass(0, 2).run(0, "d", Outcome::Applied);
    story.pass(1, 0).run(1, "a", Outcome::Applied);
    assert_eq!(story.ask(), Some((1, 1)));
}

#[test]
fn a_gate_that_says_wait_is_asked_again_later_and_shows_its_reasons() {
    let mut story = Story::of(small(0));
    let reason = WaitReason::Check {
        name: "errors".into(),
        answer: "3 %".into(),
        every_ms: None,
    };
    let wait = Verdict::Wait {
        reasons: vec![reason.clone()],
    };
    story.tell(gate(0, 0, wait.clone()));
    assert_eq!(story.waits(), [reason]);
    assert_eq!(story.ask(), None);
    story.1 = 1;
    assert_eq!(story.ask(), Some((0, 0)));
    story.tell(gate(0, 0, wait));
    story.1 = 2;
    assert_eq!(story.ask(), None, "asked again more slowly");
    story.1 = 3;
    assert_eq!(story.ask(), Some((0, 0)));
    assert_eq!(story.ends(), (RunVerdict::Waiting, 4));
}

#[test]
fn a_check_that_says_no_is_asked_again_as_often_as_it_wants() {
    let mut story = Story::of(small(0));
    let says_no = |name: &str, seconds: u64| WaitReason::Check {
        name: name.into(),
        answer: "no".into(),
        every_ms: Some(seconds * 1_000),
    };
    let closed = WaitReason::Window {
        opens: Some(at(3_600)),
    };
    let wait = |reasons: &[WaitReason]| Verdict::Wait {
        reasons: reasons.to_vec(),
    };
    // However often it has said so: neither earlier nor later.
    for round in 0..7 {
        story.tell(gate(0, 0, wait(&[says_no("errors", 10)])));
        story.1 = round * 10 + 9;
        assert_eq!(story.ask(), None, "round {round}");
        story.1 = round * 10 + 10;
        assert_eq!(story.ask(), Some((0, 0)), "round {round}");
    }
    // All are asked together: with the most eager of those that said no, whatever else holds the wave.
    let reasons = [closed, says_no("errors", 10), says_no("backup", 3)];
    story.tell(gate(0, 0, wait(&reasons)));
    story.1 = 72;
    assert_eq!(story.ask(), None);
    story.1 = 73;
    assert_eq!(story.ask(), Some((0, 0)));
}

#[test]
fn a_closed_window_is_asked_again_when_it_opens() {
    let mut story = Story::of(small(0));
    let opens = Some(at(3_600));
    let reasons = vec![WaitReason::Window { opens }];
    story.tell(gate(0, 0, Verdict::Wait { reasons }));
    story.1 = 3_599;
    assert_eq!(story.ask(), None);
    story.1 = 3_600;
    assert_eq!(story.ask(), Some((0, 0)));
}

#[test]
fn a_gate_that_says_stop_stops_until_a_person_resumes() {
    let mut story = Story::of(small(0));
    story.tell(gate(0, 0, Verdict::Stop { why: "no".into() }));
    assert_eq!(story.waits(), [WaitReason::Stopped { why: "no".into() }]);
    assert_eq!(story.ends(), (RunVerdict::Refused, 6));
    story.tell(skip(&name("a")));
    assert_eq!(story.ask(), None, "a skip does not overrule it");
    story.tell(resume());
    assert_eq!(story.ask(), Some((0, 1)));
}

#[test]
fn a_late_answer_of_a_gate_counts_for_nothing() {
    let mut story = Story::of(small(0));
    story.tell(pause());
    assert_eq!(story.refuse(gate(0, 0, Verdict::Pass)), Why::GateNotAsked);
    story.tell(resume());
    assert_eq!(story.ask(), Some((0, 0)));
}

/// Three shards, the canary done, and one of the two others under way.
fn under_way(policy: &Policy) -> Story {
    let mut policy = policy.clone();
    policy.max_in_flight = 1;
    policy.waves[0].soak = Duration::from_secs(300);
    policy.waves[1].soak = Duration::from_secs(300);
    policy.waves[1].approval = true;
    let plan = even(3, 1, &policy);
    let mut story = Story::of(plan.clone());
    story.pass(0, 0).run(0, "s1", Outcome::Applied);
    story.tell(approve(&plan, 0, 1));
    story.1 = 300;
    story.pass(0, 1).run(0, "s2", Outcome::Applied);
    story
}

#[test]
fn a_wave_under_way_is_asked_for_again_once_another_run_takes_it_up() {
    let mut story = under_way(&two_waves());
    story.restart();
    assert_eq!(story.ask(), Some((0, 1)), "but neither soaks nor approvals");
    assert_eq!(story.starts(), [""; 0]);
    assert_eq!(
        story.refuse(start(0, &name("s3"))),
        Why::GateAskedAgain,
        "the window may have closed since"
    );
    let reasons = vec![WaitReason::Window { opens: None }];
    story.tell(gate(0, 1, Verdict::Wait { reasons }));
    assert_eq!(story.ends(), (RunVerdict::Waiting, 4));
    assert!(matches!(story.waits()[..], [WaitReason::Window { .. }]));
    story.1 += 60;
    story.pass(0, 1);
    assert_eq!(story.starts(), ["s3"]);
}

#[test]
fn after_a_pause_a_stop_or_a_failure_the_gate_is_asked_again() {
    let mut story = under_way(&two_waves());
    story.tell(pause()).tell(resume());
    assert_eq!((story.ask(), story.starts().len()), (Some((0, 1)), 0));
    // A check that says stop, and a person who has mended it.
    let why = "errors are up".to_owned();
    story.tell(gate(0, 1, Verdict::Stop { why })).tell(resume());
    assert_eq!((story.ask(), story.starts().len()), (Some((0, 1)), 0));
    story.pass(0, 1);
    story.run(0, "s3", failed(FailureClass::Data));
    story.tell(retry(&name("s3")));
    assert_eq!((story.ask(), story.starts().len()), (Some((0, 1)), 0));
    story.pass(0, 1).run(0, "s3", Outcome::Applied);
    assert!(matches!(story.next()[..], [Command::Finish { .. }]));
}

#[test]
fn a_break_between_waves_asks_no_gate_twice() {
    let mut story = Story::of(even(3, 1, &two_waves()));
    story.restart().pass(0, 0).run(0, "s1", Outcome::Applied);
    story.restart();
    assert_eq!(story.ask(), Some((0, 1)));
    story.pass(0, 1);
    assert_eq!(story.starts(), ["s2", "s3"]);
}

#[test]
fn a_lost_answer_that_is_looked_up_breaks_nothing_off() {
    let mut story = under_way(&two_waves());
    story.run(0, "s3", unknown(false));
    story.tell(end(0, &name("s3"), Outcome::absent()));
    assert_eq!((story.ask(), story.starts()), (None, vec!["s3".to_owned()]));
    story.run(0, "s3", unknown(true));
    story.tell(retry(&name("s3")));
    story.tell(end(0, &name("s3"), Outcome::absent()));
    assert_eq!(story.ask(), Some((0, 1)), "a person may have taken a night");
}
