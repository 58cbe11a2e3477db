//! Which branches of the instrumented crates an input took. Without instrumentation there are none.
//!
//! The compiler gives each branch of an instrumented crate a byte that counts, and hands the bytes over at start.
#![allow(unsafe_code)]

use std::sync::Mutex;

/// Where the counters lie; a module of a crate each.
static REGIONS: Mutex<Vec<Region>> = Mutex::new(Vec::new());

#[derive(Clone, Copy)]
struct Region {
    start: usize,
    len: usize,
}

/// Called by each instrumented module before `main`.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let (start, stop) = (start as usize, stop as usize);
    let Ok(mut regions) = REGIONS.lock() else {
        return;
    };
    if start < stop && !regions.iter().any(|region| region.start == start) {
        regions.push(Region {
            start,
            len: stop - start,
        });
    }
}

/// What has been reached so far: for each branch, how often in one run, in eight steps.
#[derive(Debug, Default)]
pub struct Reached {
    steps: Vec<u8>,
    count: usize,
}

impl Reached {
    /// How many branches, at how many different counts.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes over what the last run reached; whether any of it is new.
    pub fn take(&mut self) -> bool {
        let mut at = 0;
        let mut new = 0;
        each_counter(|counters| {
            if self.steps.len() < at + counters.len() {
                self.steps.resize(at + counters.len(), 0);
            }
            let known = &mut self.steps[at..at + counters.len()];
            at += counters.len();
            // Most branches are not taken by most inputs: whole lines of the cache are passed over at once.
            for (counters, known) in counters.chunks_mut(64).zip(known.chunks_mut(64)) {
                if counters.iter().fold(0, |any, n| any | n) == 0 {
                    continue;
                }
                for (counter, known) in counters.iter_mut().zip(known) {
                    let step = step(*counter);
                    *counter = 0;
                    if step & !*known != 0 {
                        *known |= step;
                        new += 1;
                    }
                }
            }
        });
        self.count += new;
        new > 0
    }
}

/// Whether the crates under test count their branches.
pub fn is_on() -> bool {
    REGIONS.lock().is_ok_and(|regions| !regions.is_empty())
}

/// Forgets what was counted since the last look.
pub fn clear() {
    each_counter(|counters| counters.fill(0));
}

fn each_counter(mut see: impl FnMut(&mut [u8])) {
    let regions = REGIONS.lock().map(|r| r.clone()).unwrap_or_default();
    for Region { start, len } in regions {
        // SAFETY: the compiler's own static array of bytes, alive as long as the process. It is written by instrumented code
        // alone, and a target runs on the very thread that looks here.
        see(unsafe { std::slice::from_raw_parts_mut(start as *mut u8, len) });
    }
}

/// A loop that runs nine times is like one that runs ten, and unlike one that runs once.
fn step(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128.. => 128,
    }
}
