//! How long the lint takes, as a person waits for it: a thousand files of five kilobytes are read from the disk and judged in one
//! process. Beside it what its parts take: splitting alone, reading what statements do, judging.

use greylag_core::{engine::Engine, script::split};
use greylag_lint::{Settings, Unit, lint};
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

const FILES: usize = 1_000;
const BYTES: usize = 5_000;
const ROUNDS: usize = 5;

fn main() {
    println!(
        "{FILES} files of {BYTES} bytes, the best of {ROUNDS}; processor time, and by the clock"
    );
    println!(
        "{:10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "engine", "split", "read", "lint", "all", "by clock", "findings"
    );
    for engine in [
        Engine::Postgres,
        Engine::Mysql,
        Engine::Mariadb,
        Engine::Sqlite,
    ] {
        let files: Vec<(String, String)> = (1..=FILES)
            .map(|n| (format!("V{n}__file.sql"), file(engine, n)))
            .collect();
        let folder = tempfile::tempdir().expect("a folder for the files");
        for (name, text) in &files {
            fs::write(folder.path().join(name), text).expect("a file is written");
        }
        let (split_only, _) = best(|| {
            let split = |text: &String| split(engine.dialect(), text.as_str()).unwrap();
            files
                .iter()
                .map(|(_, text)| split(text).statements.len())
                .sum()
        });
        let (read, _) = best(|| units(engine, &files).len());
        let units = units(engine, &files);
        let (judged, _) = best(|| lint(&units, &Settings::default(), None).findings.len());
        let mut findings = 0;
        let (all, clock) = best(|| {
            findings = whole(engine, folder.path(), &files);
            findings
        });
        println!(
            "{:10} {split_only:>9.1?} {read:>9.1?} {judged:>9.1?} {all:>9.1?} {clock:>9.1?} {findings:>9}",
            engine.as_str()
        );
    }
}

/// From the files on the disk to the findings.
fn whole(engine: Engine, folder: &Path, files: &[(String, String)]) -> usize {
    let none = BTreeMap::new();
    let read = |(name, _): &(String, String)| {
        let bytes = fs::read(folder.join(name)).expect("a file is read");
        Unit::read(engine, name, &bytes, None, &none)
    };
    let units: Vec<Unit> = files.iter().map(read).collect();
    lint(&units, &Settings::default(), None).findings.len()
}

fn units(engine: Engine, files: &[(String, String)]) -> Vec<Unit> {
    let none = BTreeMap::new();
    let read =
        |(name, text): &(String, String)| Unit::read(engine, name, text.as_bytes(), None, &none);
    files.iter().map(read).collect()
}

/// Processor time, and time by the clock.
fn best(mut work: impl FnMut() -> usize) -> (Duration, Duration) {
    let times = (0..ROUNDS).map(|_| {
        let (begin, clock) = (processor_time(), Instant::now());
        std::hint::black_box(work());
        (processor_time().saturating_sub(begin), clock.elapsed())
    });
    times.min().unwrap_or_default()
}

/// Of this process: what else the machine does is left out.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Tables, columns, indexes, keys and rows, until the file is long enough.
fn file(engine: Engine, number: usize) -> String {
    let mut text = String::from("-- greylag:phase expand\n");
    let mut table = 0;
    while text.len() < BYTES {
        let name = format!("orders_{number}_{table}");
        text += &format!(
            "-- what somebody ordered\nCREATE TABLE {name} (id bigint PRIMARY KEY, user_id bigint NOT NULL, total bigint DEFAULT 0, note varchar(200));\n\
             ALTER TABLE {name} ADD COLUMN paid boolean;\n\
             CREATE INDEX {name}_user ON {name} (user_id, total);\n"
        );
        // What was made by the file before, so that there is something to say.
        if number > 1 {
            let old = format!("orders_{}_{table}", number - 1);
            text += &format!(
                "CREATE INDEX {old}_total ON {old} (total);\nUPDATE {old} SET total = 0 WHERE total IS NULL;\n"
            );
            if engine == Engine::Postgres {
                text += &format!(
                    "ALTER TABLE {old} ADD CONSTRAINT {old}_positive CHECK (total >= 0), ALTER COLUMN note SET NOT NULL;\n"
                );
            }
        }
        table += 1;
    }
    text
}
