//! What is said of a wrong file: everything at once, with place and hint.

use greylag_orchestrator::project::read;
use std::{fmt::Write, path::Path};

fn mistakes(text: &str) -> String {
    let error = read(Path::new("greylag.toml"), text).expect_err("the file is wrong");
    let mut out = String::new();
    for problem in &error.problems {
        writeln!(out, "{}:{} {}", problem.line, problem.column, problem.message).unwrap();
        if let Some(hint) = &problem.hint {
            writeln!(out, "    {hint}").unwrap();
        }
    }
    out
}

#[test]
fn every_mistake_is_reported_at_once() {
    insta::assert_snapshot!(mistakes(r#"
projct = "orders"
environment = 7
migrations = "migrations"

[state]
url = "mysql://h/x"

[[shard]]
name = "eu 1"
primary = "oracle://h/x"

[[shard]]
name = "a"
primary = "postgres://me:hunter2@h/a"
schema = "t"
session = ["SET search_path = x"]
lables = { a = "b" }

[[shard]]
name = "a"
primary = "mysql://h/b"
schema = "t"

[rollout]
max_in_flight = 8
max-per-host = 0
failure-budget = "lots"
group = "sometimes"

[[rollout.wave]]
name = "all"
[[rollout.wave]]
name = "all"
count = 1
percent = 5
soak = 5
soka = "5m"

[lock]
timeout = "5 parsecs"

[replicas]
wait = "some"
max-lag = "1s"
resume-lag = "2s"

[[check]]
name = "x"

[[discover]]
kind = "kubernetes"
[[discover]]
kind = "databses"
[[discover]]
kind = "databases"
url = "postgres://h/postgres"
match = "("
"#), @"");
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    insta::assert_snapshot!(mistakes("project = \"orders\nenvironment = 'x'\n[rollout\n"), @"");
}

#[test]
fn a_password_in_a_wrong_url_is_not_shown() {
    let said = mistakes("project = \"p\"\n[[shard]]\nname = \"a\"\nprimary = \"postgres://me:hunter2@h:port/x\"\n");
    assert!(!said.contains("hunter2"), "{said}");
}
