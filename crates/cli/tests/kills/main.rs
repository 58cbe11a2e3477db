//! Killed by SIGKILL, or cut off, at seeded random points: every migration is applied exactly once everywhere.
//!
//! The oracle counts effects: each step of each migration inserts a row that names it, and a double (or a missing one) shows.
//! A seed that failed is run again alone with `GREYLAG_SEED=n`.

mod fleet;
mod steps;

use fleet::{Fleet, Strike};
use greylag_lab::Engine;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    env,
    ops::Range,
    time::{Duration, Instant},
};

/// Per engine: 50 over the four engines by default, 500 with `GREYLAG_FULL`.
const SHORT: u64 = 13;
const FULL: u64 = 125;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rollout_over_sqlite_files_is_brought_home() {
    strike_often(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rollout_over_postgres_is_brought_home() {
    strike_often(Some(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rollout_over_mariadb_is_brought_home() {
    strike_often(Some(Engine::MariaDb)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rollout_over_mysql_is_brought_home() {
    strike_often(Some(Engine::MySql)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_rollout_left_applied_is_asked_about_over_sqlite_files() {
    strike_and_ask(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_rollout_left_applied_is_asked_about_over_postgres() {
    strike_and_ask(Some(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_rollout_left_applied_is_asked_about_over_mariadb() {
    strike_and_ask(Some(Engine::MariaDb)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_rollout_left_applied_is_asked_about_over_mysql() {
    strike_and_ask(Some(Engine::MySql)).await;
}

/// A `verify` query says no until somebody mends the data: wherever the strike falls, the next run has asked it before it goes on.
async fn strike_and_ask(engine: Option<Engine>) {
    if let Some(engine) = engine
        && greylag_lab::require(engine).await.is_none()
    {
        return;
    }
    let whole = {
        let fleet = Fleet::with(engine, u64::MAX, steps::VERIFIED).await;
        let began = Instant::now();
        fleet.stop_at_the_first(u64::MAX).await;
        began.elapsed()
    };
    for seed in seeds() {
        let mut dice = StdRng::seed_from_u64(seed);
        let fleet = Fleet::with(engine, seed, steps::VERIFIED).await;
        fleet
            .apply_and(choose(&mut dice, engine.is_some(), whole))
            .await;
        fleet.stop_at_the_first(seed).await;
        fleet.mend(steps::MENDED).await;
        fleet.bring_home(seed).await;
        fleet.check_effects(seed).await;
        fleet.check_journal(seed).await;
    }
}

async fn strike_often(engine: Option<Engine>) {
    if let Some(engine) = engine
        && greylag_lab::require(engine).await.is_none()
    {
        return;
    }
    // How long an apply takes here and now that nobody strikes: what a blind kill aims at.
    let mut whole = Duration::MAX;
    // The shortest of three: a strike that comes late hits nobody, and others start servers beside one of them.
    for _ in 0..3 {
        let fleet = Fleet::build(engine, u64::MAX).await;
        let began = Instant::now();
        fleet.bring_home(u64::MAX).await;
        whole = whole.min(began.elapsed());
        fleet.check_effects(u64::MAX).await;
    }
    let mut hits = 0;
    let mut strikes = 0;
    for seed in seeds() {
        let mut dice = StdRng::seed_from_u64(seed);
        let fleet = Fleet::build(engine, seed).await;
        for _ in 0..dice.random_range(1..=3) {
            let strike = choose(&mut dice, engine.is_some(), whole);
            strikes += 1;
            hits += u32::from(fleet.apply_and(strike).await);
        }
        fleet.bring_home(seed).await;
        fleet.check_effects(seed).await;
        fleet.check_journal(seed).await;
    }
    eprintln!("{engine:?}: {hits} of {strikes} strikes hit a running apply");
    assert!(
        hits > 0,
        "none of {strikes} strikes hit a running apply: aim better"
    );
}

fn choose(dice: &mut StdRng, has_proxy: bool, whole: Duration) -> Strike {
    match dice.random_range(0..if has_proxy { 4 } else { 1 }) {
        0 => Strike::KillAfter(whole.mul_f64(dice.random_range(0.05..0.95))),
        1 => Strike::KillAfterBytesToServer(dice.random_range(500..24_000)),
        2 => Strike::KillAfterBytesToClient(dice.random_range(500..24_000)),
        _ => Strike::CutAfterBytesToClient(dice.random_range(500..24_000)),
    }
}

fn seeds() -> Range<u64> {
    if let Some(seed) = env::var("GREYLAG_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        return seed..seed + 1;
    }
    0..if env::var_os("GREYLAG_FULL").is_some() {
        FULL
    } else {
        SHORT
    }
}
