//! Fleets that live through anything: random lives by seed, on real servers, with the oracle that counts effects.
//!
//! In a life, migrations are written one after the other, some of them fail on some shards, and all the while applies are
//! killed, cut off, interrupted and run twice, people pause, abort, retry, skip, mend data and edit files, and shards are
//! added. In the end everything is mended, and each effect must be on each shard once.
//!
//! One life per engine by default; with `GREYLAG_FULL=1` as many as ten minutes hold, or `GREYLAG_SOAK=1h`. A life that
//! failed tells its seed and all it did; `GREYLAG_SEED=n` lives it again, alone.

#[allow(dead_code, reason = "shared with the faults, which need more of it")]
#[path = "../faults/ground.rs"]
mod ground;
#[allow(dead_code, reason = "shared with the faults, which need more of it")]
#[path = "../faults/run.rs"]
mod run;

mod life;
mod oracle;
mod scripts;

use greylag_lab::Engine;
use life::{Life, Tally};
use std::{
    env,
    time::{Duration, Instant},
};

const ENGINES: [Engine; 4] = [
    Engine::Sqlite,
    Engine::Postgres,
    Engine::MariaDb,
    Engine::MySql,
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_lives_through_anything_and_comes_home_with_each_effect_once() {
    if let Some(seed) = number("GREYLAG_SEED") {
        live(seed).await;
        return;
    }
    let began = Instant::now();
    let span = span();
    let mut tally = Tally::default();
    // Other lives each time where there is time for many.
    let first = if span.is_some() {
        rand::random_range(0..1_000_000) * 4
    } else {
        0
    };
    for seed in first.. {
        let over = match span {
            Some(span) => began.elapsed() >= span,
            None => seed >= first + ENGINES.len() as u64,
        };
        if over {
            break;
        }
        tally.add(&live(seed).await);
    }
    eprintln!(
        "soak: {tally}, from seed {first} on, in {} s",
        began.elapsed().as_secs()
    );
    assert!(tally.lives > 0 && tally.applies > 0, "nobody lived");
}

async fn live(seed: u64) -> Tally {
    let engine = ENGINES[usize::try_from(seed % 4).expect("a small number")];
    match Life::begin(engine, seed).await {
        Some(life) => life.live().await,
        None => Tally::default(),
    }
}

/// How long to go on, if not for one life per engine.
fn span() -> Option<Duration> {
    if let Ok(text) = env::var("GREYLAG_SOAK") {
        let span = greylag_core::migration::parse_duration(&text);
        return Some(span.unwrap_or_else(|error| panic!("GREYLAG_SOAK: {error}")));
    }
    env::var_os("GREYLAG_FULL").map(|_| Duration::from_secs(600))
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}
