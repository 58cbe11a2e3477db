//! The loop: choose an input, change it, try it, keep it if it reached something new.

use super::{
    coverage::{self, Reached},
    finding::{Finding, try_input},
    mutate::Mutator,
    shrink::shrink,
};
use crate::Target;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::{Duration, Instant};

/// How long a hunt goes on.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    Time(Duration),
    /// So many inputs made out of the seeds; the same each time.
    Inputs(u64),
}

/// What a hunt came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub inputs: u64,
    /// Inputs that are kept, because each reached something that those before it did not.
    pub kept: usize,
    /// Branches and counts; 0 without instrumentation.
    pub reached: usize,
}

/// A hunt's beginning.
pub struct Hunt<'a> {
    pub target: &'a Target,
    pub seeds: &'a [Vec<u8>],
    pub limit: Limit,
    pub seed: u64,
    /// Told of each input before it is tried, in case the process doesn't survive it.
    pub before: &'a mut dyn FnMut(&[u8]),
}

/// Hunts until the limit, or until the target breaks; then the input comes back as small as it could be made.
pub fn hunt(hunt: Hunt<'_>) -> (Tally, Option<Finding>) {
    let Hunt {
        target,
        seeds,
        limit,
        seed,
        before,
    } = hunt;
    let mut dice = StdRng::seed_from_u64(seed);
    let mutator = Mutator::new(target.words);
    let mut reached = Reached::default();
    let mut tally = Tally::default();
    let mut pool: Vec<Vec<u8>> = Vec::new();
    let guided = coverage::is_on();
    let began = Instant::now();
    coverage::clear();
    let mut planted = seeds.iter();
    loop {
        let seed = planted.next();
        let input = match seed {
            Some(seed) => seed.clone(),
            None => mutator.next(&pool, &mut dice),
        };
        before(&input);
        if let Err(fault) = try_input(target, &input) {
            let finding = shrink(target, input, fault);
            return (tally, Some(finding));
        }
        if seed.is_none() {
            tally.inputs += 1;
        }
        // Blindly, seeds are all there is to start from; a few others keep it moving.
        let new = reached.take();
        if new || !guided && (seed.is_some() || dice.random_ratio(1, 50)) {
            keep(&mut pool, input, guided, &mut dice);
        }
        tally.kept = pool.len();
        tally.reached = reached.count();
        let over = match limit {
            Limit::Inputs(most) => tally.inputs >= most,
            Limit::Time(most) => tally.inputs % 64 == 0 && began.elapsed() >= most,
        };
        if over && planted.len() == 0 {
            return (tally, None);
        }
    }
}

/// Blindly kept inputs must not pile up.
fn keep(pool: &mut Vec<Vec<u8>>, input: Vec<u8>, guided: bool, dice: &mut StdRng) {
    const MOST: usize = 2_000;
    if !guided && pool.len() >= MOST {
        let at = dice.random_range(0..pool.len());
        pool[at] = input;
    } else {
        pool.push(input);
    }
}

impl std::fmt::Debug for Hunt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hunt")
            .field("target", &self.target.name)
            .field("limit", &self.limit)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
