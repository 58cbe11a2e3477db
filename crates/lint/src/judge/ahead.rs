//! What can be known of a file without those before it: what its statements do, and what squawk says. Worked out ahead of the
//! judge, on threads of its own, where squawk has enough to read.
//!
//! Who works it out makes no difference to what is found.

use super::{File, run::operations};
use crate::{
    finding::Finding,
    operation::Operation,
    settings::Settings,
    squawk::{Said, Squawk},
    unit::Unit,
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

/// Fewer bytes than this are read sooner than a thread begins.
const WORTH: usize = 64 << 10;
/// So many files, and bytes of them, may lie ready: all that is known of a long history at once would take its memory.
const READY: usize = 64;
const READY_BYTES: usize = 8 << 20;
/// More are not needed: the judge is slower than two of them.
const WORKERS: usize = 2;
/// What the first thread of a program has.
const STACK: usize = 8 << 20;

/// Of one file.
pub(super) struct Known {
    pub(super) operations: Vec<Operation>,
    pub(super) said: Said,
}

/// Who works ahead, and what lies ready.
pub(super) struct Ahead<'a> {
    units: &'a [Unit],
    squawk: Squawk,
    shelf: Mutex<Shelf>,
    news: Condvar,
}

#[derive(Default)]
struct Shelf {
    /// The first that nobody is at.
    next: usize,
    /// The one the judge is at.
    judged: usize,
    /// Of the files between, those that are no judge's own.
    bytes: usize,
    ready: BTreeMap<usize, thread::Result<Option<Known>>>,
    over: bool,
}

/// Lets the threads go, however the judge ends.
struct Over<'a>(&'a Ahead<'a>);

impl<'a> Ahead<'a> {
    /// Works ahead of what asks for the files, one after the other.
    pub(super) fn of<R>(
        units: &'a [Unit],
        settings: &Settings,
        judge: impl FnOnce(&Ahead<'_>) -> R,
    ) -> R {
        let ahead = Ahead {
            units,
            squawk: Squawk::of(settings),
            shelf: Mutex::default(),
            news: Condvar::new(),
        };
        // Reading alone is not worth it: what is allocated on one thread is freed on another then.
        let asked = units.iter().filter(|unit| unit.is_judged());
        let asked = asked.filter_map(|unit| unit.content.as_ref().ok());
        let asked = asked.filter(|content| ahead.squawk.is_asked(content));
        let bytes: usize = asked.map(|content| content.script.text.len()).sum();
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        let workers = match bytes < WORTH {
            true => 0,
            false => (cores - 1).min(WORKERS),
        };
        thread::scope(|scope| {
            let over = Over(&ahead);
            for _ in 0..workers {
                let thread = thread::Builder::new().name("lint-ahead".to_owned());
                // Where no more threads are to be had, the judge does it.
                let _ = thread
                    .stack_size(STACK)
                    .spawn_scoped(scope, || ahead.work());
            }
            let judged = judge(&ahead);
            drop(over);
            judged
        })
    }

    /// What is known of a file; of one that can't be read, nothing.
    pub(super) fn take(&self, number: usize) -> Option<Known> {
        let mut shelf = self.shelf();
        shelf.judged = number;
        self.news.notify_all();
        loop {
            if let Some(known) = shelf.ready.remove(&number) {
                shelf.bytes -= self.length(number);
                drop(shelf);
                self.news.notify_all();
                return known.unwrap_or_else(|panic| resume_unwind(panic));
            }
            if shelf.next <= number {
                shelf.next = number + 1;
                drop(shelf);
                return self.work_out(number);
            }
            shelf = self.news.wait(shelf).expect("no panics inside");
        }
    }

    /// What squawk said to a file, as findings.
    pub(super) fn findings(&self, file: &File<'_>, said: Said) -> Result<Vec<Finding>, String> {
        self.squawk.findings(file, said)
    }

    fn work(&self) {
        loop {
            let mut shelf = self.shelf();
            let is_enough =
                |shelf: &Shelf| shelf.next >= shelf.judged + READY || shelf.bytes > READY_BYTES;
            while !shelf.over && is_enough(&shelf) {
                shelf = self.news.wait(shelf).expect("no panics inside");
            }
            let number = shelf.next;
            if shelf.over || number >= self.units.len() {
                return;
            }
            shelf.next += 1;
            shelf.bytes += self.length(number);
            drop(shelf);
            let known = catch_unwind(AssertUnwindSafe(|| self.work_out(number)));
            self.shelf().ready.insert(number, known);
            self.news.notify_all();
        }
    }

    fn length(&self, number: usize) -> usize {
        let content = self.units[number].content.as_ref();
        content.map_or(0, |content| content.script.text.len())
    }

    fn work_out(&self, number: usize) -> Option<Known> {
        let unit = &self.units[number];
        let content = unit.content.as_ref().ok()?;
        Some(Known {
            operations: operations(content),
            said: match unit.is_judged() {
                true => self.squawk.ask(content),
                false => Said::default(),
            },
        })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect("no panics inside")
    }
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.shelf().over = true;
        self.0.news.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_core::engine::Engine;

    /// More than a thread is worth, and more than may lie ready; each of another length, the last one for squawk.
    fn files() -> Vec<Unit> {
        let text = |n: usize| {
            let rows = "INSERT INTO t (a, b) VALUES (1, 'one');\n".repeat(n % 50 + 1);
            format!("CREATE TABLE t{n} (a int);\n{rows}TRUNCATE t{n} CASCADE;")
        };
        let files = (0..READY * 3).map(|n| {
            let (name, none) = (format!("V{n}__x.sql"), BTreeMap::new());
            Unit::read(Engine::Postgres, &name, text(n).as_bytes(), None, &none)
        });
        files.collect()
    }

    #[test]
    fn each_file_has_what_is_in_it_and_none_is_read_far_ahead_of_the_judge() {
        let units = files();
        let of = |content: &crate::unit::Content| content.script.statements.len();
        let lengths: Vec<usize> = units
            .iter()
            .map(|unit| of(unit.content.as_ref().unwrap()))
            .collect();
        let (found, most) = Ahead::of(&units, &Settings::default(), |ahead| {
            let mut most = 0;
            let all = (0..units.len()).map(|number| {
                let known = ahead.take(number).unwrap();
                most = most.max(ahead.shelf().ready.len());
                known.operations.len()
            });
            (all.collect::<Vec<_>>(), most)
        });
        assert_eq!(found, lengths);
        assert!(most <= READY, "{most}");
        let told = crate::lint(&units, &Settings::default(), None).findings;
        let cascades = told
            .iter()
            .filter(|found| found.rule == "squawk/ban-truncate-cascade");
        let scripts: Vec<&str> = cascades.map(|found| &*found.script).collect();
        let all: Vec<&str> = units.iter().map(|unit| &*unit.script).collect();
        assert_eq!(scripts, all);
    }

    #[test]
    fn a_judge_that_gives_up_leaves_nobody_at_work() {
        let units = files();
        let judged = catch_unwind(AssertUnwindSafe(|| {
            Ahead::of(&units, &Settings::default(), |ahead| {
                ahead.take(0);
                panic!("enough")
            })
        }));
        assert!(judged.is_err());
    }
}
