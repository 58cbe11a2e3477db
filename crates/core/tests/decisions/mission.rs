//! The mission's story: shard 17 of 24 fails on its data after 16 succeeded; each of the three ways leads home.

use crate::fixture::*;
use greylag_core::{
    event::Event,
    fleet::ShardName,
    gate::Verdict,
    history::{Changed, Reading},
    migration::Migration,
    outcome::{FailureClass, Outcome},
    plan::{Candidate, Input, Plan, Resume, plan, resume},
    policy::{Policy, Scope, Size},
    rollout::{Command, Rollout, RunVerdict},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

const SHARDS: usize = 24;

fn shard(number: usize) -> ShardName {
    name(&format!("shard-{number:02}"))
}

fn files(text: &str) -> Vec<Migration> {
    vec![
        file("V1__create.sql", "CREATE TABLE orders (id int);"),
        file("V2__unique.sql", text),
    ]
}

fn mission_policy() -> Policy {
    Policy {
        max_in_flight: 1,
        ..policy(vec![
            wave("canary", Size::Count(1)),
            wave("batch", Size::Count(3)),
            wave("fleet", Size::Rest),
        ])
    }
}

fn candidates(reading_of: impl Fn(usize) -> Arc<Reading>) -> Vec<Candidate> {
    (1..=SHARDS)
        .map(|number| {
            let host = format!("h{}", number % 4);
            candidate(shard(number).as_str(), &host, &reading_of(number))
        })
        .collect()
}

fn first_plan() -> Arc<Plan> {
    let fresh = reading("V1", "V2");
    let files = files("CREATE UNIQUE INDEX ON orders (id);");
    Arc::new(made(candidates(|_| fresh.clone()), &files, &mission_policy()).unwrap())
}

/// Runs until nothing more starts by itself; each apply on `bad` fails. Says which shards were started.
fn run(rollout: &mut Rollout, bad: Option<&ShardName>) -> Vec<ShardName> {
    let mut touched = Vec::new();
    loop {
        let event = match rollout.next(at(0)).into_iter().next() {
            Some(Command::AskGate { stage, wave }) => gate(stage, wave, Verdict::Pass),
            Some(Command::Apply { stage, shard }) => {
                touched.push(shard.clone());
                rollout.record(&start(stage, &shard), at(0), 1).unwrap();
                let outcome = if bad == Some(&shard) {
                    failed(FailureClass::Data)
                } else {
                    Outcome::Applied
                };
                end(stage, &shard, outcome)
            }
            Some(Command::Finish { verdict }) => Event::Finished {
                verdict: verdict.as_str().into(),
            },
            _ => return touched,
        };
        rollout.record(&event, at(0), 1).unwrap();
    }
}

/// The rollout as shard 17 left it.
fn stopped() -> Rollout {
    let plan = first_plan();
    let mut rollout = Rollout::new(plan.clone(), at(0));
    rollout.record(&started(&plan), at(0), 1).unwrap();
    let touched = run(&mut rollout, Some(&shard(17)));
    assert_eq!(touched, (1..=17).map(shard).collect::<Vec<_>>());
    rollout
}

#[test]
fn the_first_failure_stops_the_fleet_split() {
    let rollout = stopped();
    assert_eq!(rollout.verdict(at(0)), RunVerdict::Split);
    assert_eq!(rollout.exit_code(at(0)), 3);
    let counts = rollout.summary(at(0)).shards;
    assert_eq!(
        (counts.applied, counts.failed, counts.pending),
        (16, 1, 7),
        "{counts:?}"
    );
}

#[test]
fn mending_the_data_and_retrying_touches_only_what_is_left() {
    let mut rollout = stopped();
    rollout.record(&retry(&shard(17)), at(0), 1).unwrap();
    let touched = run(&mut rollout, None);
    assert_eq!(touched, (17..=24).map(shard).collect::<Vec<_>>());
    assert_eq!(rollout.verdict(at(0)), RunVerdict::Done);
    assert_eq!(rollout.exit_code(at(0)), 0);
}

#[test]
fn skipping_the_shard_lets_the_rest_go_and_leaves_it_to_the_next_plan() {
    let mut rollout = stopped();
    rollout.record(&skip(&shard(17)), at(0), 1).unwrap();
    let touched = run(&mut rollout, None);
    assert_eq!(touched, (18..=24).map(shard).collect::<Vec<_>>());
    assert_eq!(rollout.verdict(at(0)), RunVerdict::Done);

    let mut files = files("CREATE UNIQUE INDEX ON orders (id);");
    files.push(file("V3__next.sql", "SELECT 3;"));
    let (behind, others) = (reading("V1", "V2 V3"), reading("V1 V2", "V3"));
    let next = |number| if number == 17 { &behind } else { &others };
    let plan = made(candidates(|n| next(n).clone()), &files, &mission_policy()).unwrap();
    assert_eq!(plan.work(0, &shard(17)), ids("V2 V3"));
    assert_eq!(plan.work(0, &shard(18)), ids("V3"));
}

#[test]
fn an_edit_that_shards_hold_the_old_text_of_is_refused_with_both_checksums() {
    let rollout = stopped();
    let edited = files("CREATE INDEX ON orders (id);");
    let readings = readings(&edited, |number| number <= 16);
    let Resume::Refuse { changed } = resume(&rollout, &edited, &readings) else {
        panic!("not refused");
    };
    assert_eq!(changed.len(), 1);
    assert_eq!(
        changed[0].applied,
        Some(first_plan().migrations[0].checksum)
    );
    assert_eq!(changed[0].file, Some(edited[1].checksum));
    assert_eq!(changed[0].shards, (1..=16).map(shard).collect::<Vec<_>>());
}

#[test]
fn after_an_edit_and_a_repair_a_successor_takes_the_failed_shard_first() {
    let mut old = stopped();
    let edited = files("CREATE INDEX ON orders (id);");
    // `repair` has given the first sixteen the new checksum.
    let repaired = readings(&edited, |_| false);
    let Resume::Supersede {
        waves,
        first,
        differences,
    } = resume(&old, &edited, &repaired)
    else {
        panic!("not superseded");
    };
    assert_eq!(first, [shard(17)]);
    assert_eq!(differences[0].migration, id("V2"));
    let superseded = Event::Superseded {
        by_rollout: "successor".into(),
        why: "V2 was edited".into(),
    };
    old.record(&superseded, at(0), 1).unwrap();

    let next = plan(&Input {
        project: "orders",
        environment: "test",
        shards: candidates(|number| repaired[&shard(number)].clone()),
        migrations: &edited,
        policy: &mission_policy(),
        scope: &Scope::default(),
        settings: "",
        flyway_table: false,
        waves: Some(waves),
        first,
        reviewed: None,
        refused_there: None,
    })
    .unwrap();
    let next = Arc::new(next);
    assert_ne!(
        next.digest,
        first_plan().digest,
        "an old approval would pass"
    );
    let mut rollout = Rollout::new(next.clone(), at(0));
    rollout.record(&started(&next), at(0), 1).unwrap();
    let touched = run(&mut rollout, None);
    assert_eq!(touched, (17..=24).map(shard).collect::<Vec<_>>());
    assert_eq!(rollout.verdict(at(0)), RunVerdict::Done);
}

/// What the shards' histories say against the edited files: sixteen have V2, some of them as it was.
fn readings(
    edited: &[Migration],
    holds_old_text: impl Fn(usize) -> bool,
) -> HashMap<ShardName, Arc<Reading>> {
    let old = first_plan().migrations[0].checksum;
    let mut known: BTreeMap<(bool, bool), Arc<Reading>> = BTreeMap::new();
    (1..=SHARDS)
        .map(|number| {
            let key = (number <= 16, holds_old_text(number));
            let made = || match key {
                (false, _) => reading("V1", "V2"),
                (true, false) => reading("V1 V2", ""),
                (true, true) => Arc::new(Reading {
                    changed: vec![Changed {
                        migration: id("V2"),
                        applied: Some(old),
                        file: edited[1].checksum,
                    }],
                    ..(*reading("V1 V2", "")).clone()
                }),
            };
            let reading = known.entry(key).or_insert_with(made);
            (shard(number), reading.clone())
        })
        .collect()
}
