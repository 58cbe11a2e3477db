//! What is said of a wrong file: everything at once, with place and hint.

use greylag_orchestrator::project::read;
use std::{fmt::Write, path::Path};

fn mistakes(text: &str) -> String {
    let error = read(Path::new("greylag.toml"), text).expect_err("the file is wrong");
    let mut out = String::new();
    for problem in &error.problems {
        writeln!(
            out,
            "{}:{} {}",
            problem.line, problem.column, problem.message
        )
        .unwrap();
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
windows = ["Mon-Fry", "Sat-Sun", "Mon 22:00-05:00 Europe/Berln"]

[[rollout.wave]]
name = "all"
[[rollout.wave]]
name = "all"
select = "tier=="
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
"#), @r#"
    1:1 greylag.toml lacks `project`
        write `project = "orders"` at the top of the file
    2:1 greylag.toml has no key `projct`
        did you mean `project`?
    3:15 `environment` is a number, and must be a string
    7:7 the state can't be kept in MySQL
        write `url = "sqlite:.greylag/state.db"`, or `postgres://…` for a team
    10:8 the shard name `eu 1` has a space at character 3; use letters, digits and `. _ - + @ : =`, beginning with a letter or digit
    11:11 `oracle:` is no database that greylag knows
        write `postgres://user@host/database`, `mysql://…`, `mariadb://…` or `sqlite:path`
    16:10 the shard is the schema `t`, and its session SQL sets a search path of its own: `SET search_path = x`
        remove one of the two; greylag sets the search path of a schema shard itself
    18:1 [[shard]] has no key `lables`
        did you mean `labels`?
    21:8 the shard `a` is named twice; the first is at line 14
        each shard has a name of its own, which is written into its database
    23:10 MySQL has no schemas that could be shards
        name the database in the URL instead
    26:1 [rollout] has no key `max_in_flight`
        did you mean `max-in-flight`?
    27:16 `max-per-host` is 0, and must be at least 1
    28:18 `failure-budget` is neither a number of shards nor a share
        write a number of shards, `failure-budget = 2`, or a share, `"2%"`
    29:9 `group` has no value `sometimes`
        known here: `always`, `auto`, `never`
    30:12 `Fry` in the window `Mon-Fry` is no day: write `Mon`, `Mon-Fri`, `Mon,Wed` or `daily`
    30:34 `Europe/Berln` in the window `Mon 22:00-05:00 Europe/Berln` is no time zone that this machine knows: write one such as `Europe/Berlin` or `UTC`
    34:1 the wave `all` gets no shard: `all` before it takes all that is left
        give `all` a `count`, a `percent` or a `select`, or put it last
    35:8 two waves are named `all`
    36:10 `select` has its end at character 7, where a value is expected
        selectors look like `tier=canary`, `region in (eu, us)` or `tier=canary, region!=us`
    38:11 a wave has `count` or `percent`, not both
    39:8 `soak` is a number, and must be a duration in quotes
        write the unit too: `soak = "5s"`
    40:1 [[rollout.wave]] has no key `soka`
        did you mean `soak`?
    43:11 `timeout`: `5 parsecs` has no unit
        durations look like `250ms`, `5s`, `10m`, `2h`, `1d` or `1h30m`
    46:8 `wait` is not understood
        write `"all"`, `"none"` or a number
    48:14 `resume-lag` is above `max-lag`
        going on needs a smaller lag than holding, or it would flap
    50:1 a check has exactly one of `sql`, `http` and `command`
        write `sql = "SELECT …"`, `http = "https://…"` or `command = ["./ready"]`
    54:8 discovery from Kubernetes comes in a later version of greylag
        until then a `command` can list the Secrets: `kubectl get secrets -o json | jq …`
    56:8 there is no kind of discovery named `databses`
        did you mean `databases`?
    60:9 `match` for databases is no regular expression: error: unclosed group
        write `match = "^tenant_"`; `match = ".*"` takes all
    "#);
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    insta::assert_snapshot!(mistakes("project = \"orders\nenvironment = 'x'\n[rollout\n"), @r#"
    1:18 invalid basic string, expected `"`
    3:9 unclosed table, expected `]`
    "#);
}

#[test]
fn a_password_in_a_wrong_url_is_not_shown() {
    let said = mistakes(
        "project = \"p\"\n[[shard]]\nname = \"a\"\nprimary = \"postgres://me:hunter2@h:port/x\"\n",
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_password_in_a_url_in_the_wrong_place_is_not_shown() {
    let said = mistakes(
        "project = \"p\"\n[[shard]]\nname = \"postgres://me:hunter2@h/x\"\nprimary = \"a\"\n",
    );
    assert!(said.contains("postgres://me:*******@h/x"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn session_sql_that_would_end_a_migrations_transaction_is_a_mistake_with_its_place() {
    let said = mistakes(
        r#"
project = "orders"
migrations = "migrations"
[session]
postgres = ["SET TIME ZONE 'UTC'; SET work_mem = '8MB'", "SET a.b = '1'; COMMIT"]
[[shard]]
name = "a"
primary = "mysql://h/a"
session = ["SELECT RELEASE_ALL_LOCKS()"]
"#,
    );
    assert!(said.contains("5:") && said.contains("`COMMIT`"), "{said}");
    assert!(
        said.contains("9:") && said.contains("RELEASE_ALL_LOCKS"),
        "{said}"
    );
}
