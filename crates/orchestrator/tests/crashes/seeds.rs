//! Random stories: faults and crashes by seed. 50 of them, 500 with `GREYLAG_FULL=1`; one with `GREYLAG_SEED=n`.

use crate::{
    crashing::Crash,
    database::Fault,
    world::{Ran, World},
};
use greylag_core::outcome::{Failure, FailureClass, Left};
use greylag_orchestrator::apply::Verdict;
use rand::{Rng, SeedableRng, rngs::StdRng};

#[tokio::test]
async fn whatever_fails_and_whenever_it_is_killed_it_comes_home_with_each_effect_once() {
    let full = std::env::var("GREYLAG_FULL").is_ok_and(|full| full == "1");
    let seeds = match std::env::var("GREYLAG_SEED") {
        Ok(seed) => {
            let seed = seed.parse().unwrap();
            seed..seed + 1
        }
        Err(_) => 0..if full { 500 } else { 50 },
    };
    let mut crashes = 0;
    for seed in seeds {
        crashes += tell(seed).await;
    }
    eprintln!("{crashes} crashes");
}

async fn tell(seed: u64) -> usize {
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new(dice.random_range(1..=6), dice.random_range(1..=4));
    let names: Vec<String> = world.databases.0.keys().map(ToString::to_string).collect();
    for name in &names {
        for _ in 0..world.versions {
            world.fault(name, fault(&mut dice));
        }
    }
    let mut crashes = 0;
    for run in 0..60 {
        let crash = (run < 8 && dice.random_bool(0.8)).then(|| Crash {
            at: dice.random_range(0..25),
            durable: dice.random_bool(0.5),
        });
        match world.run(crash).await.0 {
            Ran::Crashed => crashes += 1,
            Ran::Ended(summary) => match summary.verdict {
                Verdict::Done => {
                    world.is_home();
                    return crashes;
                }
                Verdict::Split | Verdict::NothingChanged if !summary.failed.is_empty() => {
                    world.retry().await;
                }
                other => panic!("seed {seed}: {other:?} {summary:#?}"),
            },
        }
    }
    panic!("seed {seed} does not come home");
}

fn fault(dice: &mut StdRng) -> Fault {
    match dice.random_range(0..12) {
        0 => Fault::Fail(failure(FailureClass::Data)),
        1 => Fault::Fail(failure(FailureClass::Lock)),
        2 => Fault::Fail(failure(FailureClass::Connection)),
        3 => Fault::LoseBefore,
        4 => Fault::LoseAfter,
        5 => Fault::Orphan,
        6 => Fault::Torn,
        _ => Fault::None,
    }
}

pub fn failure(class: FailureClass) -> Failure {
    Failure {
        class,
        code: None,
        message: "no".into(),
        migration: None,
        place: None,
        hint: None,
        left: Left::Nothing,
        blockers: Vec::new(),
    }
}
