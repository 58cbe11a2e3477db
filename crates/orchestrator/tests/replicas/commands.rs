//! Tools of a project's own, by their command lines: what they are told, and what is told of those that chatter, hang or lie.

use crate::{
    fleet::{Replicated, until},
    table::{column, count, failure_of, given_with, lines, remains, says, value},
};
use greylag_core::{
    online::{PT_OSC, ToolRule},
    outcome::FailureClass,
};
use greylag_lab::Engine;
use greylag_orchestrator::apply::Options;
use std::{os::unix::fs::PermissionsExt, time::Duration};
use tempfile::TempDir;

const CHANGE: &str = "-- greylag:online shift\nALTER TABLE big MODIFY a bigint NOT NULL;";

/// A shard with a table, and a script as its tool, which gets table, clauses, login file, new table, schema and pause file.
pub async fn given(script: &str) -> Option<(Replicated, TempDir)> {
    given_beside(0, script).await
}

/// … with so many replicas.
async fn given_beside(replicas: usize, script: &str) -> Option<(Replicated, TempDir)> {
    let mut fleet = given_with(Engine::MariaDb, PT_OSC, replicas, 100, &[]).await?;
    let Some(client) = fleet.clusters[0].primary().installation().client("mariadb") else {
        eprintln!("\n##### SKIPPED: no mariadb client here\n");
        return None;
    };
    let client = client.get_program().to_string_lossy().into_owned();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shift");
    let sql = format!("sql() {{ {client} --defaults-extra-file=\"$login\" \"$schema\"; }}");
    let text = format!(
        "#!/bin/sh\ntable=$1 alter=$2 login=$3 new=$4 schema=$5 pause=$6\n{sql}\n{script}\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = vec![path.display().to_string()];
    let told = [
        "{table}",
        "{alter}",
        "{login-file}",
        "{new-table}",
        "{schema}",
        "{pause-file}",
    ];
    command.extend(told.map(str::to_owned));
    fleet.policy.online.tools.insert(
        "shift".into(),
        ToolRule {
            command,
            makes: vec!["_{table}_{mark}".into()],
            keeps: Some("_{table}_was".into()),
            keep_old_rows: Some(false),
            ..ToolRule::default()
        },
    );
    fleet.files = vec![("V1__widen.sql", CHANGE)];
    Some((fleet, folder))
}

/// What such tools do, with the server's own client.
pub const COPY: &str = "echo \"CREATE TABLE $new LIKE $table; ALTER TABLE $new $alter; INSERT INTO $new SELECT * FROM $table;\" | sql";
const SWAP: &str = "echo \"RENAME TABLE $table TO _${table}_was, $new TO $table\" | sql";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_one_s_own_is_run_with_its_placeholders_filled() {
    let script = format!(
        "set -e\necho \"at work on $table by $alter\"\n[ \"$(stat -c %a \"$login\")\" = 600 ]\n{COPY}\n{SWAP}"
    );
    let Some((fleet, _folder)) = given(&script).await else {
        return;
    };
    let told = fleet.done().await;
    assert_eq!(column(&fleet).await, "bigint");
    // The script leaves the old rows; the project has said that they go.
    assert_eq!(remains(&fleet).await, None);
    assert!(lines(&told).contains(&"at work on big by MODIFY a bigint NOT NULL".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_rows_stay_where_a_command_of_one_s_own_leaves_them() {
    let Some((mut fleet, _folder)) = given(&format!("set -e\n{COPY}\n{SWAP}")).await else {
        return;
    };
    let rows = count(&fleet, "big").await;
    for rule in fleet.policy.online.tools.values_mut() {
        rule.keep_old_rows = None;
    }
    fleet.done().await;
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(remains(&fleet).await.as_deref(), Some("_big_was"));
    assert_eq!(count(&fleet, "_big_was").await, rows);
    let warnings = fleet.warnings.lock().unwrap().join("\n");
    assert!(
        warnings.contains("the old rows are in the table `_big_was`"),
        "{warnings}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_can_t_be_told_to_wait_is_ended() {
    let script = format!(
        "set -e\nkept=\"$0.login\"; cp \"$login\" \"$kept\"; login=$kept\n{COPY}\nfolder=$(dirname \"$pause\")\nrm -rf \"$folder\"\n: > \"$folder\"\necho holds on\nwhile :; do echo \"INSERT INTO $table (a, b) VALUES (1, 'x')\" | sql; sleep 1; done"
    );
    let Some((mut fleet, _folder)) = given_beside(1, &script).await else {
        return;
    };
    fleet.settings.limits.max_lag = Duration::from_secs(1);
    fleet.settings.limits.resume_lag = Duration::from_millis(500);
    fleet.settings.poll = Duration::from_millis(100);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, says("holds on")).await;
    fleet.clusters[0].pause_replay(0).await.unwrap();
    until(&told, says("tried again each second")).await;
    until(&told, says("ended: it can't be paused")).await;
    // It is tried again once nodes let it, and not before: nothing more is copied meanwhile.
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while remains(&fleet).await.is_some() {
        assert!(
            std::time::Instant::now() < deadline,
            "it is not cleared away"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(column(&fleet).await, "int");
    run.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_tells_the_password_is_not_heard_with_it() {
    let script = "cat \"$login\"; env; echo 'error: no access for s3cr\"et \\x' >&2; exit 3";
    let Some((mut fleet, _folder)) = given(script).await else {
        return;
    };
    let primary = fleet.clusters[0].primary();
    for sql in [
        "CREATE USER ann@'%' IDENTIFIED BY 's3cr\"et \\\\x'",
        "GRANT ALL PRIVILEGES ON *.* TO ann@'%'",
    ] {
        primary
            .execute(&fleet.databases[0].name, sql)
            .await
            .unwrap();
    }
    fleet.login = Some(("ann".into(), "s3cr\"et \\x".into()));
    let failure = failure_of(&fleet).await;
    assert!(
        failure.message.ends_with("error: no access for …"),
        "{failure:?}"
    );
    let warnings = fleet.warnings.lock().unwrap().join("\n");
    let journal = fleet.journal();
    assert!(
        journal.contains("password="),
        "its lines are not in the journal"
    );
    for text in [&failure.message, &warnings, &journal] {
        assert!(!text.contains("s3cr"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_heeds_no_signal_is_killed_and_its_children_with_it() {
    let script = format!(
        "{COPY}\ntrap '' TERM\necho holds on\n(trap '' TERM; while :; do sleep 1; done) &\nwhile :; do sleep 1; done"
    );
    let Some((mut fleet, folder)) = given(&script).await else {
        return;
    };
    fleet.policy.online.timeout = Duration::from_secs(1);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, says("holds on")).await;
    run.await.unwrap();
    assert!(
        lines(&told)
            .iter()
            .any(|line| line.starts_with("does not end though it was asked to")),
        "{:#?}",
        lines(&told)
    );
    assert_eq!(remains(&fleet).await, None);
    assert_eq!(column(&fleet).await, "int");
    let mark = folder.path().display().to_string();
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while runs_with(&mark) {
        assert!(std::time::Instant::now() < deadline, "it still runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether some process of this machine has an argument that holds it.
fn runs_with(argument: &str) -> bool {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .any(|process| {
            std::fs::read(process.path().join("cmdline"))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(argument))
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_says_it_is_done_and_has_done_nothing_is_told() {
    let Some((mut fleet, _folder)) = given("echo all done; exit 0").await else {
        return;
    };
    let failure = failure_of(&fleet).await;
    assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
    assert!(
        failure
            .message
            .starts_with("shift says that it is done, and `big` is as it was"),
        "{failure:?}"
    );
    // A rebuild leaves the definition as it was, and the table younger.
    fleet.claim = None;
    fleet.files = vec![(
        "V1__rebuild.sql",
        "-- greylag:online shift\nALTER TABLE big ENGINE=InnoDB, ROW_FORMAT=DEFAULT;",
    )];
    let failure = failure_of(&fleet).await;
    assert!(
        failure.message.contains("`big` is as it was"),
        "{failure:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_stops_half_way_and_says_it_is_done_is_told_and_cleared_away() {
    let Some((fleet, _folder)) = given(&format!("set -e\n{COPY}\necho all done")).await else {
        return;
    };
    let failure = failure_of(&fleet).await;
    assert!(
        failure.message.contains("`big` is as it was"),
        "{failure:?}"
    );
    assert_eq!(remains(&fleet).await, None);
    assert_eq!(column(&fleet).await, "int");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_rebuilds_a_table_is_believed_by_the_table_s_age() {
    let Some((mut fleet, _folder)) = given(&format!(
        "set -e\n{COPY}\n{SWAP}\necho \"DROP TABLE _${{table}}_was\" | sql"
    ))
    .await
    else {
        return;
    };
    fleet.files = vec![(
        "V1__rebuild.sql",
        "-- greylag:online shift\nALTER TABLE big ENGINE=InnoDB;",
    )];
    // The server keeps ages in seconds.
    let older = "SELECT CREATE_TIME < NOW() FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'big'";
    while value(&fleet, older).await.as_deref() != Some("1") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fleet.done().await;
    assert_eq!(remains(&fleet).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_is_not_installed_is_said_to_be_missing() {
    let Some(mut fleet) = Replicated::start(Engine::MariaDb, 1, 0).await else {
        return;
    };
    fleet.files = vec![(
        "V1__widen.sql",
        "-- greylag:online pt-osc\nCREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1); ALTER TABLE t MODIFY a bigint;",
    )];
    let rule = ToolRule {
        program: Some("/nowhere/pt-online-schema-change".into()),
        ..ToolRule::known(PT_OSC).unwrap()
    };
    fleet.policy.online.tools.insert(PT_OSC.into(), rule);
    let failure = failure_of(&fleet).await;
    assert!(
        failure.message.contains("the program is not there"),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains("Install it"));
}
