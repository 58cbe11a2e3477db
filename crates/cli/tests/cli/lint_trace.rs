//! `greylag lint --trace`, on real servers of this machine.

use crate::place::Place;
use greylag_lab::Engine;
use serde_json::Value;
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

/// Files in a folder, and no project beside them but what names it.
fn files(files: &[(&str, &str)]) -> Place {
    let place = Place::empty();
    place.write("greylag.toml", "project = \"p\"\n");
    for (name, text) in files {
        place.write(&format!("migrations/{name}"), text);
    }
    place
}

/// The finding of a rule on a file.
fn finding<'a>(document: &'a Value, rule: &str, script: &str) -> &'a Value {
    let findings = document["findings"].as_array().unwrap();
    let mut own = findings.iter().filter(|f| f["script"] == script);
    let found = own.find(|f| f["rule"] == rule);
    found.unwrap_or_else(|| panic!("no {rule} on {script}: {document:#}"))
}

fn statement<'a>(document: &'a Value, script: &str, at: usize) -> &'a Value {
    let files = document["traces"][0]["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["script"] == script);
    &file.unwrap_or_else(|| panic!("{document:#}"))["statements"][at]
}

/// Relations by name, of a list of them.
fn names(list: &Value) -> Vec<&str> {
    let relations = list.as_array().into_iter().flatten();
    relations.map(|one| one["name"].as_str().unwrap()).collect()
}

fn lock<'a>(measured: &'a Value, table: &str) -> Option<&'a str> {
    let locks = measured["locks"].as_array().unwrap();
    let found = locks.iter().find(|lock| lock["on"]["name"] == table);
    found.map(|lock| lock["mode"].as_str().unwrap())
}

const TABLES: (&str, &str) = (
    "V1__tables.sql",
    "CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, email text, at timestamp);
GRANT SELECT ON orders TO app;
",
);

#[test]
fn on_postgres_each_finding_is_confirmed_or_contradicted_and_the_rest_is_seen() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let place = files(&[
        TABLES,
        (
            "V2__index.sql",
            "CREATE INDEX orders_email ON orders (email);\n",
        ),
        (
            "V3__column.sql",
            "ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();\nCOMMENT ON TABLE customers IS 'c';\n",
        ),
        (
            "V4__null.sql",
            "ALTER TABLE orders ALTER COLUMN email SET NOT NULL;\n",
        ),
        (
            "V5__zone.sql",
            "ALTER TABLE orders ALTER COLUMN at TYPE timestamptz;\n",
        ),
        (
            "V6__block.sql",
            "DO $$ BEGIN EXECUTE 'ALTER TABLE customers ADD COLUMN name text'; END $$;\n",
        ),
        (
            "V7__concurrently.sql",
            "-- greylag:transaction off\nCREATE INDEX CONCURRENTLY orders_at ON orders (at);\nREINDEX INDEX CONCURRENTLY orders_at;\n",
        ),
    ]);
    let document = place.json("lint --engine postgres --from 1 --trace --output json", 5);
    let trace = &document["traces"][0];
    assert_eq!(
        (&trace["engine"], &trace["replayed"]),
        (&"postgres".into(), &1.into())
    );
    assert_eq!(trace["files"].as_array().unwrap().len(), 6);
    let verdict = |rule: &str, script: &str| finding(&document, rule, script)["traced"].clone();

    assert_eq!(verdict("add-index-blocking", "V2__index.sql"), "confirmed");
    let index = statement(&document, "V2__index.sql", 0);
    assert_eq!(lock(index, "orders"), Some("SHARE"), "{index:#}");
    assert_eq!(names(&index["built"]), ["orders_email"]);
    assert_eq!(names(&index["read"]), ["orders"]);
    assert_eq!(names(&index["rewritten"]), [] as [&str; 0]);
    assert!(index["log_bytes"].as_u64().unwrap() > 0);
    assert!(index["duration_us"].as_u64().unwrap() > 0);

    assert_eq!(
        verdict("add-column-rewriting", "V3__column.sql"),
        "confirmed"
    );
    assert_eq!(
        verdict("standby-lock-conflict", "V3__column.sql"),
        "confirmed"
    );
    let column = statement(&document, "V3__column.sql", 0);
    assert_eq!(lock(column, "orders"), Some("ACCESS EXCLUSIVE"));
    assert!(
        names(&column["rewritten"]).contains(&"orders"),
        "{column:#}"
    );
    assert!(
        names(&column["replayed_locks"]).contains(&"orders"),
        "{column:#}"
    );
    // The next statement of the transaction still has what this one took.
    let comment = statement(&document, "V3__column.sql", 1);
    let held = comment["locks"].as_array().unwrap();
    let held = held
        .iter()
        .find(|lock| lock["on"]["name"] == "orders")
        .unwrap();
    assert_eq!(held["held"], true, "{comment:#}");
    assert_eq!(names(&comment["replayed_locks"]), [] as [&str; 0]);

    assert_eq!(verdict("set-not-null-scan", "V4__null.sql"), "confirmed");
    // In UTC the form stays the same: the rule can't know the session's zone, the server does.
    assert_eq!(
        verdict("change-type-rewriting", "V5__zone.sql"),
        "contradicted"
    );

    let seen = finding(&document, "seen-by-trace", "V6__block.sql");
    assert_eq!(
        (&seen["traced"], &seen["decided"]),
        (&"seen_only".into(), &"trace".into())
    );
    assert!(
        seen["title"]
            .as_str()
            .unwrap()
            .contains("ACCESS EXCLUSIVE on customers"),
        "{seen:#}"
    );

    let built = statement(&document, "V7__concurrently.sql", 0);
    assert_eq!(
        lock(built, "orders"),
        Some("SHARE UPDATE EXCLUSIVE"),
        "{built:#}"
    );
    assert_eq!(
        verdict("concurrently-cancels-standby", "V7__concurrently.sql"),
        "confirmed"
    );
    // Nothing is said of what cannot be measured on one server.
    let silent = finding(&document, "unjudged", "V6__block.sql");
    assert!(silent["traced"].is_null());
    // The rest was as the rules say.
    let only: Vec<&Value> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["rule"] == "seen-by-trace" && f["script"] != "V6__block.sql")
        .collect();
    assert!(only.is_empty(), "{only:#?}");
    for file in trace["files"].as_array().unwrap() {
        assert!(
            file["replayed_after_us"].is_u64(),
            "the standby has it: {file:#}"
        );
    }
}

#[test]
fn each_shape_carries_what_was_measured() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let place = files(&[
        TABLES,
        (
            "V2__index.sql",
            "CREATE INDEX orders_email ON orders (email);\n",
        ),
    ]);
    let run = |shape: &str| {
        let line = format!("lint migrations/V2__index.sql --engine postgres --trace {shape}");
        place.out(&line, 5)
    };
    let human = run("--no-color");
    for part in [
        "measured  SHARE on orders; made: orders_email; read: orders;",
        "; confirmed by the trace",
        "traced on PostgreSQL ",
        " and a replica, after 1 file",
        "migrations/V2__index.sql:1  CREATE INDEX orders_email",
        "replayed on the replica after",
    ] {
        assert!(human.contains(part), "{part}\n{human}");
    }
    let sarif: Value = serde_json::from_str(&run("--format sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let index = results
        .iter()
        .find(|r| r["ruleId"] == "add-index-blocking")
        .unwrap();
    assert_eq!(index["properties"]["traced"], "confirmed");
    assert!(sarif["runs"][0]["properties"]["traces"][0]["files"].is_array());
    let github = run("--format github");
    assert!(github.contains("Trace: confirmed by the trace"), "{github}");
    let gitlab = run("--format gitlab");
    assert!(gitlab.contains("(confirmed by the trace)"), "{gitlab}");
    let lines = run("--output ndjson");
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["traces"][0]["engine"], "postgres");
}

#[test]
fn what_the_scratch_server_refuses_is_an_error_and_ends_the_trace() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let place = files(&[
        TABLES,
        (
            "V2__broken.sql",
            "SELECT 1;\nALTER TABLE orders DROP COLUMN nothing;\n",
        ),
        ("V3__later.sql", "ALTER TABLE orders ADD COLUMN a int;\n"),
    ]);
    let document = place.json("lint --engine postgres --from 1 --trace --output json", 5);
    let refused = finding(&document, "refused-by-trace", "V2__broken.sql");
    assert_eq!(
        (&refused["statement"], &refused["severity"]),
        (&1.into(), &"error".into())
    );
    assert!(
        refused["title"].as_str().unwrap().contains("\"nothing\""),
        "{refused:#}"
    );
    assert_eq!(document["traces"][0]["files"].as_array().unwrap().len(), 1);
    // Where it comes before what is asked about, nothing can be traced at all.
    let said = place.err("lint migrations/V3__later.sql --engine postgres --trace", 1);
    assert!(
        said.contains("V2__broken.sql:2: the scratch server refuses what ran before"),
        "{said}"
    );
}

fn alters(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let place = files(&[
        (
            "V1__orders.sql",
            "CREATE TABLE orders (id bigint PRIMARY KEY, email varchar(50), n int);\nINSERT INTO orders VALUES (1, 'a', 1);\n",
        ),
        (
            "V2__index.sql",
            "ALTER TABLE orders ADD INDEX orders_email (email);\n",
        ),
        ("V3__type.sql", "ALTER TABLE orders MODIFY n bigint;\n"),
        ("V4__column.sql", "ALTER TABLE orders ADD COLUMN c int;\n"),
    ]);
    let word = engine.word();
    let said = place.run(&format!(
        "lint --engine {word} --from 1 --trace --output json"
    ));
    let document: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
    let index = statement(&document, "V2__index.sql", 0);
    assert_eq!(names(&index["built"]), ["orders_email"], "{index:#}");
    assert_eq!(index["algorithm"], "INPLACE");
    assert_eq!(lock(index, "orders"), Some("EXCLUSIVE"), "{index:#}");
    let verdict = |rule: &str, script: &str| finding(&document, rule, script)["traced"].clone();
    assert_eq!(verdict("replayed-as-a-whole", "V2__index.sql"), "confirmed");
    let copied = statement(&document, "V3__type.sql", 0);
    assert_eq!(copied["algorithm"], "COPY", "{copied:#}");
    assert_eq!(names(&copied["rewritten"]), ["orders"]);
    assert_eq!(verdict("copies-table", "V3__type.sql"), "confirmed");
    let column = statement(&document, "V4__column.sql", 0);
    assert_eq!(names(&column["rewritten"]), [] as [&str; 0], "{column:#}");
    assert!(column["log_bytes"].as_u64().unwrap() > 0);
    for file in document["traces"][0]["files"].as_array().unwrap() {
        assert!(
            file["replayed_after_us"].is_u64(),
            "the replica has it: {file:#}"
        );
    }
}

#[test]
fn on_mariadb_copies_and_builds_are_told_apart() {
    alters(Engine::MariaDb);
}

#[test]
fn on_mysql_copies_and_builds_are_told_apart() {
    alters(Engine::MySql);
}

#[test]
fn sqlite_says_that_there_is_nothing_to_trace() {
    let place = files(&[("V1__a.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n")]);
    let out = place.out("lint --engine sqlite --trace", 0);
    assert!(out.contains("SQLite has nothing to trace"), "{out}");
}

/// A folder that servers of this run alone lie in, and that their account can enter.
fn root() -> tempfile::TempDir {
    let root = tempfile::Builder::new()
        .prefix("gt")
        .tempdir_in("/tmp")
        .unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    root
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

fn until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + greylag_lab::patience();
    while !is() {
        assert!(Instant::now() < deadline, "it never came: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn an_interrupted_trace_leaves_no_server_behind() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let root = root();
    let slow = "SELECT pg_sleep(600);\n";
    let place = files(&[TABLES, ("V2__slow.sql", slow)]);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("greylag"))
        .current_dir(place.folder.path())
        .env("GREYLAG_LAB_ROOT", root.path())
        .args(["lint", "--engine", "postgres", "--trace"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = || {
        let servers = std::fs::read_dir(root.path()).unwrap().flatten();
        let servers = servers.flat_map(|own| {
            std::fs::read_dir(own.path())
                .into_iter()
                .flatten()
                .flatten()
        });
        servers
            .filter(|one| one.path().join("data/postmaster.pid").exists())
            .count()
    };
    until("a primary and a standby", || running() == 2);
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    // As ^C does; but what runs in the background of a shell inherits that ^C is ignored.
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(!child.wait().unwrap().success());
    until("an empty folder", || is_empty(root.path()));
}
