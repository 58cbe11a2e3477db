//! Every file of every corpus, cut as real Flyway cut it, and run as the servers want it.

use crate::{
    digest::sha256,
    engine::{Dialect, Engine},
    migration::Migration,
    script::{RunMode, Tx, split, split::cut},
};
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

#[derive(Deserialize)]
struct Cut {
    file: String,
    statements: Vec<FlywayStatement>,
}

#[derive(Deserialize)]
struct FlywayStatement {
    sha256: String,
    tx: bool,
    head: String,
}

/// Where we cut otherwise than Flyway, and why.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "kestra_postgres/V1_1__initial.sql",
        "Flyway loses the `;` after `$2` in a `RETURN …` body and takes the rest of the file, 93 statements, as one; psql cuts as we do",
    ),
    (
        "kestra_postgres/V1_27__escape_fulltext.sql",
        "the same body again: Flyway's statement takes its `;` along",
    ),
];

fn corpora(folder: &Path) -> Vec<(String, Vec<Cut>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder.join("_flyway/splits"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let corpus = name.strip_suffix(".jsonl.gz").unwrap().to_owned();
        let mut lines = String::new();
        GzDecoder::new(fs::File::open(path).unwrap())
            .read_to_string(&mut lines)
            .unwrap();
        let cuts = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (corpus, cuts.collect())
    };
    paths.iter().map(read).collect()
}

fn migration(folder: &Path, corpus: &str, file: &str) -> Migration {
    let bytes = fs::read(folder.join(corpus).join(file)).unwrap();
    Migration::read(file, &bytes, None).unwrap_or_else(|e| panic!("{corpus}/{file}: {e:?}"))
}

fn engine(corpus: &str) -> Engine {
    Engine::from_scheme(corpus.rsplit('_').next().unwrap()).unwrap()
}

/// Flyway keeps the comments before a statement, and ends at its delimiter.
fn as_flyway(dialect: Dialect, text: &str) -> Vec<String> {
    let pieces = cut(dialect, text).unwrap_or_else(|broken| panic!("{broken:?}"));
    let hash = |text: &str| sha256(text)[..16].to_owned();
    let texts = pieces.iter().map(|piece| text[piece.whole.clone()].trim());
    texts.map(hash).collect()
}

#[test]
fn every_file_is_cut_as_flyway_cuts_it() {
    let Some(folder) = crate::corpora::folder() else {
        return;
    };
    let (mut files, mut statements) = (0, 0);
    let mut differences = BTreeSet::new();
    for (corpus, cuts) in corpora(&folder) {
        for theirs in cuts {
            let migration = migration(&folder, &corpus, &theirs.file);
            let ours = as_flyway(engine(&corpus).dialect(), &migration.text);
            files += 1;
            statements += ours.len();
            if ours
                != theirs
                    .statements
                    .iter()
                    .map(|s| s.sha256.as_str())
                    .collect::<Vec<_>>()
            {
                differences.insert(format!("{corpus}/{}", theirs.file));
            }
        }
    }
    eprintln!("{files} files, {statements} statements");
    assert!(
        files > 2_600 && statements > 7_900,
        "{files} files, {statements} statements"
    );
    let expected = OTHERWISE
        .iter()
        .map(|(file, _)| (*file).to_owned())
        .collect();
    assert_eq!(differences, expected);
}

#[test]
fn what_flyway_keeps_out_of_transactions_we_keep_out_too() {
    let Some(folder) = crate::corpora::folder() else {
        return;
    };
    let mut kept_out = 0;
    for (corpus, cuts) in corpora(&folder) {
        if engine(&corpus) != Engine::Postgres {
            continue;
        }
        for theirs in cuts {
            let name = format!("{corpus}/{}", theirs.file);
            if OTHERWISE.iter().any(|(file, _)| *file == name) {
                continue;
            }
            let migration = migration(&folder, &corpus, &theirs.file);
            let script = split(Dialect::Postgres, migration.text.clone()).unwrap();
            for (ours, theirs) in script.statements.iter().zip(&theirs.statements) {
                let sql = script.sql(ours);
                // Flyway had no server to ask for its version; from 12 on the server takes it.
                let adds_value = sql.to_uppercase().starts_with("ALTER TYPE");
                match ours.tx {
                    Tx::Cannot(_) => assert!(!theirs.tx, "{name}: {sql}"),
                    _ => assert!(theirs.tx || adds_value, "{name}: {}", theirs.head),
                }
                kept_out += usize::from(!theirs.tx);
            }
        }
    }
    assert!(kept_out > 200, "{kept_out}");
}

#[test]
fn what_a_server_refuses_in_a_transaction_runs_statement_by_statement() {
    #[derive(Deserialize)]
    struct Outcome {
        #[serde(default)]
        no_tx_needed: BTreeSet<String>,
    }
    let Some(folder) = crate::corpora::folder() else {
        return;
    };
    let mut needed = 0;
    let mut needless = Vec::new();
    for (corpus, cuts) in corpora(&folder) {
        let engine = engine(&corpus);
        if engine != Engine::Postgres {
            continue;
        }
        let told = fs::read(folder.join(&corpus).join("RESULT.json")).unwrap();
        let outcome: Outcome = serde_json::from_slice(&told).unwrap();
        for cut in cuts {
            let migration = migration(&folder, &corpus, &cut.file);
            let script = split(engine.dialect(), migration.text.clone()).unwrap();
            let mode = script.run_mode(&migration, engine.facts()).unwrap();
            let apart = mode != RunMode::Transaction;
            if outcome.no_tx_needed.contains(&cut.file) {
                needed += 1;
                assert!(apart, "{corpus}/{} needs to run unwrapped", cut.file);
            } else if apart && !script.controls_transactions() {
                needless.push(format!("{corpus}/{}: {mode:?}", cut.file));
            }
        }
    }
    assert_eq!(needed, 180);
    assert_eq!(needless, [""; 0]);
}

#[test]
fn flyways_own_fixtures_are_cut_without_a_fault() {
    let Some(folder) = crate::corpora::folder() else {
        return;
    };
    let fixtures =
        folder.join("_flyway/tests-4.2.0/flyway-core/src/test/resources/migration/dbsupport");
    let mut statements = 0;
    for (name, dialect) in [
        ("postgresql", Dialect::Postgres),
        ("mysql", Dialect::Mysql),
        ("sqlite", Dialect::Sqlite),
    ] {
        let mut files = Vec::new();
        collect(&fixtures.join(name), &mut files);
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let text = String::from_utf8(fs::read(&file).unwrap()).unwrap();
            let script = split(dialect, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            statements += script.statements.len();
        }
    }
    assert!(statements > 150, "{statements}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "sql") {
            files.push(path);
        }
    }
}
