//! The examples run, and show what they are there for.

use greylag_lab::{Engine, available};
use std::{path::PathBuf, process::Command};

#[test]
fn the_example_for_postgres_reads_what_it_wrote() {
    if available(Engine::Postgres) {
        reads_what_it_wrote("postgres", &[]);
    }
}

#[test]
fn the_example_for_mysql_reads_what_it_wrote() {
    if available(Engine::MySql) {
        reads_what_it_wrote("mysql", &[]);
    }
}

#[test]
fn the_example_for_mysql_runs_on_mariadb() {
    if available(Engine::MariaDb) {
        reads_what_it_wrote("mysql", &["mariadb"]);
    }
}

fn reads_what_it_wrote(example: &str, arguments: &[&str]) {
    let output = Command::new(built(example))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (both, paused) = said.split_once("db-2 is paused").expect("a pause");
    let (one, none) = paused.split_once("db-3 is paused").expect("another");
    for node in ["db-2", "db-3"] {
        let line = format!("read from {node}: [\"first\"]");
        assert!(both.contains(&line), "{said}");
    }
    assert!(!one.contains("read from db-2"), "{said}");
    assert_eq!(one.matches("[\"first\", \"second\"]").count(), 3, "{said}");
    let last = "read from db-1: [\"first\", \"second\", \"third\"]";
    assert!(none.contains(last), "{said}");
}

/// Cargo builds examples with all tests, but not with one.
fn built(example: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = here
        .parent()
        .unwrap()
        .with_file_name("examples")
        .join(example);
    if !program.exists() {
        let cargo = Command::new(env!("CARGO"))
            .args([
                "build",
                "--package",
                env!("CARGO_PKG_NAME"),
                "--example",
                example,
            ])
            .status()
            .unwrap();
        assert!(cargo.success(), "{example} does not build");
    }
    program
}
