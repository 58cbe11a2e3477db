//! How long the lint takes: a thousand files of five kilobytes in one process, against reading and splitting them alone.

use greylag_core::{engine::Engine, script::split};
use greylag_lint::{Settings, Unit, lint};
use rustix::time::{ClockId, clock_gettime};
use std::{collections::BTreeMap, time::Duration};

const FILES: usize = 1_000;
const BYTES: usize = 5_000;
const ROUNDS: usize = 5;

fn main() {
    println!("{FILES} files of {BYTES} bytes, processor time, the best of {ROUNDS}");
    println!(
        "{:10} {:>10} {:>10} {:>10} {:>9}",
        "engine", "split", "read", "lint", "findings"
    );
    for engine in [Engine::Postgres, Engine::Mysql, Engine::Sqlite] {
        let files: Vec<(String, String)> = (1..=FILES)
            .map(|n| (format!("V{n}__file.sql"), file(engine, n)))
            .collect();
        let none = BTreeMap::new();
        let split_only = best(|| {
            files
                .iter()
                .map(|(_, text)| {
                    split(engine.dialect(), text.as_str())
                        .unwrap()
                        .statements
                        .len()
                })
                .sum()
        });
        let read = best(|| units(engine, &files, &none).len());
        let units = units(engine, &files, &none);
        let mut findings = 0;
        let judged = best(|| {
            findings = lint(&units, &Settings::default(), None).findings.len();
            findings
        });
        println!(
            "{:10} {split_only:>10.1?} {read:>10.1?} {judged:>10.1?} {findings:>9}",
            engine.as_str()
        );
    }
}

fn units(engine: Engine, files: &[(String, String)], none: &BTreeMap<String, String>) -> Vec<Unit> {
    files
        .iter()
        .map(|(name, text)| Unit::read(engine, name, text.as_bytes(), None, none))
        .collect()
}

fn best(mut work: impl FnMut() -> usize) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let begin = processor_time();
        std::hint::black_box(work());
        processor_time().saturating_sub(begin)
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
