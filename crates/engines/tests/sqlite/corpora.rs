//! Real histories of real projects: the same schema as SQLite's own shell makes, the same history as Flyway wrote.

use crate::bench::*;
use greylag_core::{
    engine::{Dialect, Engine},
    migration::{Migration, Set},
    script::prepare,
};
use greylag_engines::Job;
use rusqlite::Connection;
use std::{collections::BTreeMap, env, fs, path::Path, path::PathBuf, process::Command};

#[tokio::test]
async fn a_group_of_all_files_makes_what_the_shell_makes_and_records_what_flyway_records() {
    each(true).await;
}

#[tokio::test]
async fn one_file_at_a_time_does_so_too() {
    each(false).await;
}

async fn each(grouped: bool) {
    let Some(corpora) = corpora() else {
        eprintln!("SKIPPED: no corpora beside the repository; set GREYLAG_CORPORA");
        return;
    };
    for name in ["conductor", "hydra", "memos", "openfga"] {
        if !grouped && name == "hydra" {
            // Two hundred commits to the disk would show nothing that the others don't.
            continue;
        }
        let corpus = format!("{name}_sqlite");
        let bench = Bench::new();
        bench.shard("ours.db", "");
        let mut session = bench.ready("ours.db").await;
        let jobs = jobs(&corpora.join(&corpus));
        for group in jobs.chunk_by(|a, b| grouped && a.may_share() && b.may_share()) {
            apply_ok(&mut session, group).await;
        }
        let flyway = corpora.join(format!("_flyway/history/{corpus}.history.csv"));
        let ours = session.survey().await.unwrap().history;
        let written: Vec<[String; 5]> = ours
            .into_iter()
            .map(|row| {
                [
                    row.version.unwrap_or_default(),
                    row.description,
                    row.kind,
                    row.script,
                    row.checksum.unwrap_or_default().to_string(),
                ]
            })
            .collect();
        assert_eq!(written, history(&flyway), "{corpus}");
        if shell(&bench.path("theirs.db"), &corpora.join(&corpus), &jobs) {
            let (ours, theirs) = (
                schema(&bench.raw("ours.db")),
                schema(&bench.raw("theirs.db")),
            );
            assert_eq!(ours, theirs, "{corpus}");
            assert!(!theirs.is_empty(), "{corpus}");
        }
    }
}

fn corpora() -> Option<PathBuf> {
    let folder = env::var_os("GREYLAG_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    folder.is_dir().then_some(folder)
}

fn jobs(folder: &Path) -> Vec<Job> {
    let mut migrations = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".sql") {
            let bytes = fs::read(folder.join(&name)).unwrap();
            migrations.push(Migration::read(&name, &bytes, None).unwrap());
        }
    }
    Set::new(migrations)
        .unwrap()
        .into_vec()
        .iter()
        .map(|migration| {
            let prepared = prepare(migration, Dialect::Sqlite, &BTreeMap::new()).unwrap();
            let mode = prepared
                .script
                .run_mode(migration, Engine::Sqlite.facts())
                .unwrap();
            Job {
                migration: migration.id.clone(),
                description: migration.description.clone(),
                script_name: migration.script.clone(),
                checksum: Some(prepared.checksum),
                script: prepared.script.into(),
                mode,
                ..wrapped("V1", "")
            }
        })
        .collect()
}

/// Runs the files through SQLite's own shell, if the machine has it.
fn shell(file: &Path, folder: &Path, jobs: &[Job]) -> bool {
    let mut command = Command::new("sqlite3");
    // This is the oracle; it need not survive a power cut.
    command
        .arg("-bail")
        .arg(file)
        .arg("PRAGMA synchronous = OFF");
    for job in jobs {
        command.arg(format!(
            ".read '{}'",
            folder.join(&job.script_name).display()
        ));
    }
    let Ok(output) = command.output() else {
        eprintln!("SKIPPED: no sqlite3 to compare with");
        return false;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
    true
}

fn schema(connection: &Connection) -> Vec<(String, String, String, Option<String>)> {
    connection
        .prepare(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema
              WHERE tbl_name NOT LIKE 'greylag_%' ORDER BY type, name",
        )
        .unwrap()
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap()
}

/// Version, description, type, script and checksum of each row that Flyway wrote.
fn history(file: &Path) -> Vec<[String; 5]> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let mut columns = line
                .split(',')
                .map(|column| column.trim_matches('"').to_owned());
            columns.next();
            std::array::from_fn(|_| columns.next().unwrap())
        })
        .collect()
}
