//! Makes new inputs out of old ones.

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

/// No input grows past this.
const LONGEST: usize = 8 * 1024;

/// Characters that mean something to most of what reads text.
const SPECIAL: &[&str] = &[
    "'",
    "\"",
    "`",
    ";",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "\0",
    "\\",
    "/",
    "*",
    "-",
    "--",
    "#",
    "$",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "=",
    ",",
    ".",
    "_",
    "@",
    "%",
    "\u{feff}",
    "ü",
    "\u{2028}",
    "\u{a0}",
    "\u{1f9a2}",
    "0",
    "9",
    "999999999999",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "İ",
    "ß",
];

pub(super) struct Mutator {
    words: &'static [&'static str],
}

impl Mutator {
    pub(super) fn new(words: &'static [&'static str]) -> Self {
        Self { words }
    }

    /// Out of what was kept; latecomers are chosen more often, for they were hard to reach.
    pub(super) fn next(&self, pool: &[Vec<u8>], dice: &mut StdRng) -> Vec<u8> {
        let mut input = choose(pool, dice).to_vec();
        // Mostly few changes, sometimes many.
        let changes = 1 << dice.random_range(0..5);
        for _ in 0..dice.random_range(1..=changes) {
            self.change(&mut input, pool, dice);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&self, input: &mut Vec<u8>, pool: &[Vec<u8>], dice: &mut StdRng) {
        let at = place(input, dice);
        match dice.random_range(0..12) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << dice.random_range(0..8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = dice.random();
                }
            }
            2 => drop(input.drain(at..end(input, at, dice))),
            3 => {
                let piece = input[at..end(input, at, dice)].to_vec();
                put(input, place(input, dice), &piece);
            }
            4 => {
                let piece = input[at..end(input, at, dice)].to_vec();
                for _ in 0..dice.random_range(1..20) {
                    put(input, at, &piece);
                }
            }
            5 => {
                // A stretch of another input.
                let other = choose(pool, dice);
                let from = place(other, dice);
                put(input, at, &other[from..end(other, from, dice)]);
            }
            6 => {
                // The beginning of this one, the end of another.
                let other = choose(pool, dice);
                let from = place(other, dice);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            7 | 8 => self.word(dice).map_or((), |word| put(input, at, word)),
            9 => {
                // A word in another's place.
                let to = end(input, at, dice).min(at + 12);
                if let Some(word) = self.word(dice) {
                    input.splice(at..to, word.iter().copied());
                }
            }
            10 => {
                let special = SPECIAL.choose(dice).copied().unwrap_or_default();
                put(input, at, special.as_bytes());
            }
            _ => {
                if let Some(byte) = input.get_mut(at).filter(|b| b.is_ascii_alphabetic()) {
                    *byte ^= 0x20;
                } else if let Some(byte) = input.get_mut(at).filter(|b| b.is_ascii_digit()) {
                    *byte = b'0' + dice.random_range(0..10);
                }
            }
        }
        input.truncate(2 * LONGEST);
    }

    fn word(&self, dice: &mut StdRng) -> Option<&'static [u8]> {
        self.words.choose(dice).map(|word| word.as_bytes())
    }
}

fn choose<'a>(pool: &'a [Vec<u8>], dice: &mut StdRng) -> &'a [u8] {
    let last = match dice.random_range(0..3) {
        0 => pool.len() / 4,
        _ => pool.len(),
    };
    let late = &pool[pool.len() - last.min(pool.len())..];
    late.choose(dice)
        .or_else(|| pool.choose(dice))
        .map_or(&[], Vec::as_slice)
}

fn place(input: &[u8], dice: &mut StdRng) -> usize {
    dice.random_range(0..=input.len())
}

/// Short stretches are likelier.
fn end(input: &[u8], at: usize, dice: &mut StdRng) -> usize {
    let longest = 1 << dice.random_range(0..10);
    (at + dice.random_range(0..=longest)).min(input.len())
}

fn put(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}
