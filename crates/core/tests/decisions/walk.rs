//! Every story of events up to some length, on a small plan.
//!
//! Stories that lead to the same state are told on only once.

use crate::{fixture::*, home::lead_home, oracle::Oracle};
use greylag_core::{
    event::Event,
    gate::{Verdict, WaitReason},
    outcome::{FailureClass, Outcome},
    plan::Plan,
    rollout::Rollout,
};
use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

#[test]
fn no_story_breaks_the_rules_without_a_budget() {
    walk(&Arc::new(small(0)), 9, 7_000);
}

#[test]
fn no_story_breaks_the_rules_within_a_budget() {
    walk(&Arc::new(small(1)), 9, 7_000);
}

#[test]
fn no_story_breaks_the_rules_of_approvals() {
    let mut plan = small(1);
    plan.waves[1].approval = true;
    walk(&Arc::new(plan), 8, 4_000);
}

#[test]
fn no_story_breaks_the_rules_with_replicas() {
    let plan = Arc::new(small(1));
    let alphabet = alphabet_of_replicas(&plan);
    walk_with(&plan, &alphabet, 9, 4_000);
}

fn walk(plan: &Arc<Plan>, length: usize, at_least: usize) {
    walk_with(plan, &alphabet(plan), length, at_least);
}

fn walk_with(plan: &Arc<Plan>, alphabet: &[Event], length: usize, at_least: usize) {
    let mut rollout = Rollout::new(plan.clone(), at(0));
    let mut oracle = Oracle::default();
    rollout.record(&started(plan), at(0), 1).unwrap();
    oracle.take(plan, &started(plan), at(0), &[]);
    let mut told = Told::default();
    tell(
        plan,
        &rollout,
        &oracle,
        &mut vec![],
        alphabet,
        length,
        &mut told,
    );
    let states = told.seen.len();
    println!("{} stories, {states} states", told.stories);
    assert!(states > at_least, "only {states} states");
}

#[derive(Default)]
struct Told {
    stories: usize,
    /// The most that was left to tell when a state was met.
    seen: HashMap<u64, usize>,
}

fn tell(
    plan: &Arc<Plan>,
    rollout: &Rollout,
    oracle: &Oracle,
    story: &mut Vec<Event>,
    alphabet: &[Event],
    left: usize,
    told: &mut Told,
) {
    told.stories += 1;
    let mut hasher = DefaultHasher::new();
    format!("{rollout:?}{oracle:?}").hash(&mut hasher);
    let known = told.seen.insert(hasher.finish(), left);
    if let Some(before) = known.filter(|before| *before >= left) {
        told.seen.insert(hasher.finish(), before);
        return;
    }
    let commands = rollout.next(at(0));
    if known.is_none() {
        assert_eq!(commands, rollout.next(at(0)), "next is not sure of itself");
        oracle.check(plan, &commands, at(0));
        lead_home(plan, rollout.clone(), oracle.clone(), at(0), 1, story);
    }
    if left == 0 {
        return;
    }
    for event in alphabet {
        let mut rollout = rollout.clone();
        if rollout.record(event, at(0), 1).is_ok() {
            let mut oracle = oracle.clone();
            oracle.take(plan, event, at(0), &commands);
            story.push(event.clone());
            tell(plan, &rollout, &oracle, story, alphabet, left - 1, told);
            story.pop();
        }
    }
}

fn no_yet() -> Verdict {
    let reason = WaitReason::Check {
        name: "error rate".into(),
        answer: "2 %".into(),
        every_ms: None,
    };
    Verdict::Wait {
        reasons: vec![reason],
    }
}

fn alphabet(plan: &Plan) -> Vec<Event> {
    let mut all = vec![
        started(plan),
        restarted(),
        pause(),
        resume(),
        abort(),
        Event::Superseded {
            by_rollout: "next".into(),
            why: "edited".into(),
        },
    ];
    for verdict in ["done", "aborted"] {
        let verdict = verdict.to_owned();
        all.push(Event::Finished { verdict });
    }
    for stage in 0..plan.stages.len() {
        for wave in 0..plan.waves.len() {
            all.push(gate(stage, wave, Verdict::Pass));
            all.push(approve(plan, stage, wave));
        }
        all.push(gate(stage, 0, Verdict::Stop { why: "no".into() }));
        all.push(gate(stage, 1, no_yet()));
        for shard in plan.shards().iter().map(|shard| &shard.name) {
            all.push(start(stage, shard));
            all.push(end(stage, shard, Outcome::Applied));
            all.push(end(stage, shard, Outcome::absent()));
            all.push(end(stage, shard, failed(FailureClass::Data)));
            all.push(end(stage, shard, unknown(false)));
            all.push(end(stage, shard, unknown(true)));
            for migration in plan.work(stage, shard) {
                all.push(applied(stage, shard, migration));
            }
        }
    }
    for shard in plan.shards().iter().map(|shard| &shard.name) {
        all.push(retry(shard));
        all.push(skip(shard));
        all.push(settle(shard, &id("V2"), true));
        all.push(settle(shard, &id("V1"), false));
    }
    all
}

/// What happens to a fleet with replicas; failures and doubts enough to meet it everywhere.
fn alphabet_of_replicas(plan: &Plan) -> Vec<Event> {
    let mut all = vec![
        restarted(),
        pause(),
        resume(),
        abort(),
        held(true),
        held(false),
    ];
    for verdict in ["done", "aborted"] {
        let verdict = verdict.to_owned();
        all.push(Event::Finished { verdict });
    }
    for stage in 0..plan.stages.len() {
        for wave in 0..plan.waves.len() {
            all.push(gate(stage, wave, Verdict::Pass));
        }
        for shard in plan.shards().iter().map(|shard| &shard.name) {
            all.push(start(stage, shard));
            all.push(replaying(stage, shard, None));
            all.push(replaying(stage, shard, Some(7)));
            all.push(not_replayed(stage, shard));
            all.push(end(stage, shard, Outcome::Applied));
            all.push(end(stage, shard, Outcome::absent()));
            all.push(end(stage, shard, failed(FailureClass::Data)));
            all.push(end(stage, shard, unknown(false)));
        }
    }
    for shard in plan.shards().iter().map(|shard| &shard.name) {
        all.push(retry(shard));
        all.push(skip(shard));
    }
    all
}
