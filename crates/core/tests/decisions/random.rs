//! Long stories drawn at random, on plans drawn at random: most events are what the rollout asked for, some are a
//! person's, some make no sense.

use crate::{fixture::*, home::lead_home, oracle::Oracle};
use greylag_core::{
    event::{Event, Stamped},
    fleet::ShardName,
    gate::{Verdict, WaitReason},
    migration::Phase,
    outcome::{FailureClass, Left, Outcome},
    plan::Plan,
    policy::{Budget, Policy, Size, WaveRule},
    rollout::{Command, Rollout},
};
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};

#[test]
fn no_long_story_breaks_the_rules() {
    let full = std::env::var_os("GREYLAG_FULL").is_some_and(|full| full == "1");
    let stories = if full { 50_000 } else { 2_000 };
    let mut finished = 0;
    let mut events = 0;
    for seed in 0..stories {
        let told = story(seed);
        finished += u64::from(told.ended);
        events += told.events as u64;
    }
    println!("{stories} stories, {events} events, {finished} told to their end");
    assert!(events > stories * 20, "the stories are too short");
    assert!(finished > stories / 50, "hardly a story ends");
}

struct Told {
    events: usize,
    ended: bool,
}

/// Names the story that breaks a rule, whoever notices.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in the story of seed {}", self.0);
        }
    }
}

fn story(seed: u64) -> Told {
    let _named = Named(seed);
    let mut dice = Dice(seed);
    let plan = Arc::new(draw_plan(&mut dice));
    let mut teller = Teller {
        rollout: Rollout::new(plan.clone(), at(0)),
        oracle: Oracle::default(),
        now: at(0),
        epoch: 1,
        journal: Vec::new(),
        plan,
    };
    teller.try_event(started(&teller.plan.clone()), seed);
    for _ in 0..40 + dice.below(160) {
        let event = draw_event(&mut dice, &teller);
        teller.try_event(event, seed);
        if dice.below(3) == 0 {
            teller.now += SignedDuration::from_secs(dice.below(40) as i64);
        }
    }
    teller.check_replay(seed);
    let told = Told {
        events: teller.journal.len(),
        ended: teller.rollout.has_ended(),
    };
    let story: Vec<Event> = teller.journal.iter().map(|s| s.event.clone()).collect();
    lead_home(
        &teller.plan,
        teller.rollout,
        teller.oracle,
        teller.now,
        teller.epoch,
        &story,
    );
    told
}

struct Teller {
    plan: Arc<Plan>,
    rollout: Rollout,
    oracle: Oracle,
    now: Timestamp,
    epoch: u64,
    journal: Vec<Stamped>,
}

impl Teller {
    fn try_event(&mut self, event: Event, seed: u64) {
        let restarted = matches!(event, Event::Restarted { .. });
        let epoch = self.epoch + u64::from(restarted);
        let commands = self.rollout.next(self.now);
        let before = self.rollout.clone();
        match self.rollout.record(&event, self.now, epoch) {
            Err(_) => {
                assert_eq!(
                    self.rollout, before,
                    "seed {seed}: a refused event changed something"
                );
                assert!(
                    !asked(&event, &commands),
                    "seed {seed}: refused what was asked: {event:?}"
                );
            }
            Ok(()) => {
                self.epoch = epoch;
                self.oracle.take(&self.plan, &event, self.now, &commands);
                self.journal.push(Stamped {
                    sequence: self.journal.len() as u64 + 1,
                    at: self.now,
                    epoch,
                    event,
                });
            }
        }
        let commands = self.rollout.next(self.now);
        assert_eq!(commands, self.rollout.next(self.now), "seed {seed}");
        self.oracle.check(&self.plan, &commands, self.now);
        let summary = self.rollout.summary(self.now);
        assert_eq!(
            summary.shards.all() as usize,
            self.plan.shards().len(),
            "seed {seed}: {summary:?}"
        );
    }

    /// The journal, read back from its JSON, rebuilds the very same rollout.
    fn check_replay(&self, seed: u64) {
        let json = serde_json::to_string(&self.journal).unwrap();
        let events: Vec<Stamped> = serde_json::from_str(&json).unwrap();
        let again = Rollout::replay(self.plan.clone(), &events).unwrap();
        assert_eq!(again, self.rollout, "seed {seed}: replayed otherwise");
    }
}

/// Whether a command asks for just this event.
fn asked(event: &Event, commands: &[Command]) -> bool {
    commands.iter().any(|command| match (command, event) {
        (
            Command::AskGate { stage, wave },
            Event::GateAnswered {
                stage: s, wave: w, ..
            },
        ) => stage == s && wave == w,
        (Command::Apply { stage, shard }, Event::ShardStarted { stage: s, shard: n })
        | (
            Command::Survey { stage, shard },
            Event::ShardEnded {
                stage: s, shard: n, ..
            },
        ) => stage == s && shard == n,
        (
            Command::AwaitReplicas { stage, shard, .. },
            Event::ShardEnded {
                stage: s,
                shard: n,
                outcome: Outcome::Applied,
            },
        ) => stage == s && shard == n,
        (Command::Finish { verdict }, Event::Finished { verdict: v }) => verdict.as_str() == v,
        _ => false,
    })
}

fn draw_plan(dice: &mut Dice) -> Plan {
    let files = [
        file("V1__one.sql", "SELECT 1;"),
        file("V2__two.sql", "SELECT 2;"),
        file("V3__three.sql", "SELECT 3;"),
        file("R__views.sql", "SELECT 4;"),
    ];
    let readings = [
        reading("", "V1 V2 V3 R__views"),
        reading("V1", "V2 V3 R__views"),
        reading("V1 V2 V3", "R__views"),
        reading("R__views", "V1 V2 V3"),
        reading("V1 V2 V3 R__views", ""),
    ];
    let shards = (0..3 + dice.below(9))
        .map(|number| {
            let host = format!("h{}", dice.below(4));
            candidate(&format!("s{number}"), &host, dice.pick(&readings))
        })
        .collect();
    let rule = |name: &str, size, dice: &mut Dice| WaveRule {
        soak: Duration::from_secs(dice.below(3) * 10),
        approval: dice.below(3) == 0,
        ..wave(name, size)
    };
    let waves = vec![
        rule("canary", Size::Count(1), dice),
        rule("batch", Size::Percent(3_000), dice),
        rule("rest", Size::Rest, dice),
    ];
    let policy = Policy {
        max_in_flight: 1 + dice.below(4) as u32,
        max_per_host: 1 + dice.below(2) as u32,
        failure_budget: Budget::Shards(dice.below(3) as u32),
        ..policy(waves)
    };
    let mut plan = made(shards, &files, &policy).unwrap();
    if dice.below(3) == 0
        && let Some(last) = plan.stages.last_mut()
    {
        last.phase = Phase::Contract;
    }
    plan
}

fn draw_event(dice: &mut Dice, teller: &Teller) -> Event {
    let commands = teller.rollout.next(teller.now);
    let running: Vec<_> = teller.rollout.running().cloned().collect();
    let stage = teller.rollout.current().map_or(0, |(stage, _)| stage);
    match dice.below(20) {
        0 => draw_act(dice, teller),
        1 => draw_nonsense(dice, teller),
        2 if dice.below(3) == 0 => draw_loss(dice, teller, stage),
        2..8 if !running.is_empty() => {
            let shard = dice.pick(&running).clone();
            draw_answer(dice, teller, stage, shard)
        }
        _ if commands.is_empty() => match running.first() {
            Some(shard) => draw_answer(dice, teller, stage, shard.clone()),
            None => draw_act(dice, teller),
        },
        _ => match dice.pick(&commands) {
            Command::AskGate { stage, wave } => gate(*stage, *wave, draw_verdict(dice)),
            Command::Apply { stage, shard } => start(*stage, shard),
            Command::Survey { stage, shard } => draw_answer(dice, teller, *stage, shard.clone()),
            Command::AwaitReplicas { stage, shard, .. } => match dice.below(8) {
                0 | 1 => not_replayed(*stage, shard),
                2 => end(*stage, shard, Outcome::absent()),
                3 => replaying(*stage, shard, Some(dice.below(4))),
                _ => end(*stage, shard, Outcome::Applied),
            },
            Command::Finish { verdict } => Event::Finished {
                verdict: verdict.as_str().to_owned(),
            },
            Command::WaitUntil { .. } | Command::WaitForPerson { .. } => draw_act(dice, teller),
        },
    }
}

fn draw_answer(dice: &mut Dice, teller: &Teller, stage: usize, shard: ShardName) -> Event {
    if let Some(migration) = teller.rollout.owed(&shard).first()
        && dice.below(3) > 0
    {
        return applied(stage, &shard, migration);
    }
    let done = teller.rollout.applied_so_far(&shard).len();
    if let Some(migration) = teller.plan.work(stage, &shard).get(done)
        && dice.below(2) == 0
    {
        return applied(stage, &shard, migration);
    }
    let owes = !teller.rollout.owed(&shard).is_empty();
    if dice.below(4) == 0 && !owes {
        let lsn = (dice.below(2) == 0).then(|| dice.below(4));
        return replaying(stage, &shard, lsn);
    }
    let outcome = match dice.below(12) {
        0 => failed(FailureClass::Data),
        1 => failed(FailureClass::Verify),
        2 => unknown(false),
        3 => unknown(true),
        4 => Outcome::Absent {
            left: match dice.below(2) {
                0 => Left::Nothing,
                _ => Left::Partial { done: 1, total: 2 },
            },
        },
        // Refused: `draw_nonsense` tells it.
        _ if owes => Outcome::absent(),
        _ => Outcome::Applied,
    };
    end(stage, &shard, outcome)
}

fn draw_verdict(dice: &mut Dice) -> Verdict {
    match dice.below(6) {
        0 => Verdict::Stop { why: "no".into() },
        1 => Verdict::Wait {
            reasons: vec![WaitReason::Check {
                name: "lag".into(),
                answer: "7 s".into(),
                every_ms: Some(500),
            }],
        },
        _ => Verdict::Pass,
    }
}

fn draw_act(dice: &mut Dice, teller: &Teller) -> Event {
    let plan = &teller.plan;
    let some_shard = draw_shard(dice, plan);
    let failed = teller
        .rollout
        .failures()
        .next()
        .map(|(shard, _)| shard.clone());
    let doubted = teller
        .rollout
        .doubts()
        .next()
        .map(|(shard, _)| shard.clone());
    match dice.below(17) {
        14 => held(true),
        15 | 16 => held(false),
        0 => pause(),
        1..3 => resume(),
        3 if dice.below(6) == 0 => abort(),
        4 => Event::Restarted { by: "bob".into() },
        5 => skip(&failed.unwrap_or(some_shard)),
        6..9 => retry(&failed.unwrap_or(some_shard)),
        9 | 10 => {
            let shard = doubted.unwrap_or(some_shard);
            let stage = teller.rollout.current().map_or(0, |(stage, _)| stage);
            let done = teller.rollout.applied_so_far(&shard).len();
            match plan.work(stage, &shard).get(done) {
                Some(migration) => settle(&shard, migration, dice.below(2) == 0),
                None => retry(&shard),
            }
        }
        _ => match teller.rollout.current() {
            Some((stage, Some(wave))) => approve(plan, stage, wave),
            _ => pause(),
        },
    }
}

/// A failover that takes with it what came last, or all.
fn draw_loss(dice: &mut Dice, teller: &Teller, stage: usize) -> Event {
    let shard = draw_shard(dice, &teller.plan);
    let had = teller.rollout.recorded(&shard);
    let kept = dice.below(had.len() as u64 + 1) as usize;
    lost(stage, &shard, &had[kept.min(had.len())..])
}

fn draw_nonsense(dice: &mut Dice, teller: &Teller) -> Event {
    let plan = &teller.plan;
    let shard = draw_shard(dice, plan);
    let stage = dice.below(plan.stages.len() as u64 + 1) as usize;
    let wave = dice.below(plan.waves.len() as u64 + 1) as usize;
    match dice.below(8) {
        0 => gate(stage, wave, Verdict::Pass),
        1 => start(stage, &shard),
        2 => end(stage, &shard, Outcome::Applied),
        3 => end(stage, &name("nobody"), Outcome::Applied),
        4 => applied(stage, &shard, &id("V99")),
        5 => Event::Finished {
            verdict: "done".into(),
        },
        6 => started(plan),
        _ => approve(plan, stage, wave),
    }
}

fn draw_shard(dice: &mut Dice, plan: &Plan) -> ShardName {
    if plan.shards().is_empty() {
        return name("nobody");
    }
    dice.pick(plan.shards()).name.clone()
}

/// Numbers that look random and are the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}
