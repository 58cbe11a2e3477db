//! The real pt-online-schema-change on real servers with a replica: it does what the server can't, waits while the replica lags,
//! and leaves nothing behind however it ends.

use crate::fleet::{Replicated, Told, name, until};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    online::{PT_OSC, ToolRule, Way},
    outcome::Outcome,
};
use greylag_lab::Engine;
use greylag_orchestrator::{
    Control,
    apply::{Options, Verdict},
};
use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

const CHANGE: &str = "-- greylag:online pt-online-schema-change\n\
    -- what follows can't be done in place\n\
    ALTER TABLE big MODIFY a bigint NOT NULL COMMENT 'wide, \"now\"';\n\
    INSERT INTO big (a, b) VALUES (3000000000, 'past an int');";

/// A shard with a replica and a table of so many rows, and the tool with these arguments; none where this machine lacks one of them.
async fn given(engine: Engine, rows: u32, arguments: &[&str]) -> Option<Replicated> {
    let program = greylag_lab::tool(PT_OSC)?;
    let mut fleet = Replicated::start(engine, 1, 1).await?;
    fleet.claim = Some(1);
    fleet.files = vec![("V1__widen.sql", CHANGE)];
    with_arguments(&mut fleet, &program, arguments);
    let database = fleet.databases[0].name.clone();
    let primary = fleet.clusters[0].primary();
    for sql in [
        "CREATE TABLE big (id int PRIMARY KEY AUTO_INCREMENT, a int NOT NULL, b varchar(40)) ENGINE=InnoDB".to_owned(),
        "INSERT INTO big (a, b) VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')".to_owned(),
    ] {
        primary.execute(&database, &sql).await.unwrap();
    }
    while count(&fleet, "big").await < rows {
        primary
            .execute(&database, "INSERT INTO big (a, b) SELECT a, b FROM big")
            .await
            .unwrap();
    }
    // The tool copies at one go what the server's figures say is empty.
    primary
        .execute(&database, "ANALYZE TABLE big")
        .await
        .unwrap();
    fleet.clusters[0].wait_replayed().await.unwrap();
    Some(fleet)
}

fn with_arguments(fleet: &mut Replicated, program: &Path, arguments: &[&str]) {
    let rule = ToolRule {
        program: Some(program.display().to_string()),
        arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        ..ToolRule::known(PT_OSC).unwrap()
    };
    fleet.policy.online.tools.insert(PT_OSC.into(), rule);
}

/// Slow enough to be met half-way, for minutes.
const SLOW: [&str; 3] = ["--chunk-size=20", "--chunk-time=0", "--sleep=0.3"];

async fn value(fleet: &Replicated, sql: &str) -> Option<String> {
    let primary = fleet.clusters[0].primary();
    primary.value(&fleet.databases[0].name, sql).await.unwrap()
}

async fn count(fleet: &Replicated, table: &str) -> u32 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    value(fleet, &sql).await.unwrap().parse().unwrap()
}

async fn column(fleet: &Replicated) -> String {
    let sql = "SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'big' AND COLUMN_NAME = 'a'";
    value(fleet, sql).await.unwrap()
}

async fn remains(fleet: &Replicated) -> Option<String> {
    let sql = "SELECT GROUP_CONCAT(name) FROM (\
        SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_%' \
        UNION SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()) found";
    value(fleet, sql).await
}

fn says(text: &str) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::ToolSaid { line, .. } if line.contains(text))
}

fn lines(told: &Told) -> Vec<String> {
    let told = told.lock().unwrap();
    let line = |event: &Event| match event {
        Event::ToolSaid { line, .. } => Some(line.clone()),
        _ => None,
    };
    told.iter().filter_map(|(_, event)| line(event)).collect()
}

async fn is_done_and_told(engine: Engine) {
    let Some(fleet) = given(engine, 2000, &["--chunk-size=200"]).await else {
        return;
    };
    let rows = count(&fleet, "big").await;
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        summary.verdict,
        Verdict::Done,
        "{summary:#?}\n{:#?}",
        lines(&told)
    );
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(count(&fleet, "big").await, rows + 1);
    assert_eq!(remains(&fleet).await, None);
    let replica = fleet.clusters[0].replica(0);
    let there = replica
        .value(
            &fleet.databases[0].name,
            "SELECT COUNT(*) FROM big WHERE a > 2147483647",
        )
        .await;
    assert_eq!(there.unwrap().as_deref(), Some("1"));

    let shown = lines(&told);
    let copying = shown
        .iter()
        .find(|line| line.contains("Copying approximately"));
    assert!(
        copying.is_some_and(|line| !line.contains("approximately 0 rows")),
        "it takes the table for empty: {copying:?}"
    );
    assert!(
        shown
            .iter()
            .any(|line| line.contains("Successfully altered")),
        "{shown:#?}"
    );
    assert!(
        shown[0].starts_with("begins: ")
            && shown[0].ends_with("MODIFY a bigint NOT NULL COMMENT 'wide, \"now\"'"),
        "{}",
        shown[0]
    );
    let told = told.lock().unwrap();
    let way = told.iter().find_map(|(_, event)| match event {
        Event::OnlineDdl {
            statement: 1,
            way,
            not,
            ..
        } => Some((way.clone(), not.clone())),
        _ => None,
    });
    let (way, not) = way.unwrap();
    assert_eq!(way, Way::Tool(PT_OSC.into()));
    assert!(not[0].starts_with("ALGORITHM=INSTANT: "), "{not:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_can_t_do_a_tool_does_and_tells_on_mysql() {
    is_done_and_told(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_can_t_do_a_tool_does_and_tells_on_mariadb() {
    is_done_and_told(Engine::MariaDb).await;
}

async fn waits_for_the_replica(engine: Engine) {
    let Some(mut fleet) = given(engine, 4000, &SLOW).await else {
        return;
    };
    fleet.settings.limits.max_lag = Duration::from_secs(1);
    fleet.settings.limits.resume_lag = Duration::from_millis(500);
    fleet.settings.poll = Duration::from_millis(100);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, says("Copying approximately")).await;
    fleet.clusters[0].pause_replay(0).await.unwrap();
    until(&told, says("paused: the shard's nodes hold")).await;
    until(&told, says("Waiting: greylag's lag gates hold")).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { shard, reasons, .. } if *shard == name(0)
            && reasons.iter().any(|reason| matches!(reason, WaitReason::ReplicaLag { .. } | WaitReason::ReplicaTrouble { .. })))
    })
    .await;
    assert_eq!(column(&fleet).await, "int");
    // While it waits, the new table grows by what is written alone: nothing is copied.
    let new = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_big\\_gl%'";
    let new = value(&fleet, new).await.unwrap();
    let copied = count(&fleet, &new).await;
    assert!(
        copied < count(&fleet, "big").await,
        "all was copied before it was paused"
    );
    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, says("goes on: the shard's nodes let it")).await;
    until(&told, says("Going on after")).await;
    // What is left of the copy would take minutes; that it goes on is seen.
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while count(&fleet, &new).await <= copied {
        assert!(
            std::time::Instant::now() < deadline,
            "nothing more is copied"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    run.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_waits_while_the_replica_lags_on_mysql() {
    waits_for_the_replica(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_waits_while_the_replica_lags_on_mariadb() {
    waits_for_the_replica(Engine::MariaDb).await;
}

async fn is_cancelled_and_cleared_away(engine: Engine) {
    let Some(mut fleet) = given(engine, 4000, &SLOW).await else {
        return;
    };
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, says("Copying approximately")).await;
    assert!(remains(&fleet).await.is_some());
    control.interrupt();
    // The first interrupt lets what is in flight come to its end.
    until(&told, says("Copying")).await;
    control.interrupt();
    let summary = run.await.unwrap();
    assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(remains(&fleet).await, None, "{:#?}", lines(&told));
    assert_eq!(column(&fleet).await, "int");

    let program = greylag_lab::tool(PT_OSC).unwrap();
    with_arguments(&mut fleet, &program, &[]);
    fleet.claim = None;
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        summary.verdict,
        Verdict::Done,
        "{summary:#?}\n{:#?}",
        lines(&told)
    );
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(remains(&fleet).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_tool_leaves_nothing_and_the_next_run_does_it_on_mysql() {
    is_cancelled_and_cleared_away(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_tool_leaves_nothing_and_the_next_run_does_it_on_mariadb() {
    is_cancelled_and_cleared_away(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_fails_is_told_in_its_own_words_and_leaves_nothing() {
    let Some(mut fleet) = given(Engine::MariaDb, 100, &[]).await else {
        return;
    };
    fleet.files = vec![(
        "V1__widen.sql",
        "-- greylag:online pt-osc\nALTER TABLE big MODIFY nope bigint;",
    )];
    // The server says at once that there is no such column.
    let failure = failure_of(&fleet).await;
    assert_eq!(failure.code.as_deref(), Some("1054"), "{failure:?}");

    fleet.claim = None;
    fleet.files = vec![(
        "V2__key.sql",
        "-- greylag:online pt-osc\nALTER TABLE big DROP PRIMARY KEY, MODIFY id int NOT NULL;",
    )];
    let failure = failure_of(&fleet).await;
    assert!(
        failure
            .message
            .starts_with("pt-online-schema-change: it ended with"),
        "{failure:?}"
    );
    assert_eq!(failure.place.as_ref().unwrap().line, 2);
    assert_eq!(remains(&fleet).await, None);
}

async fn failure_of(fleet: &Replicated) -> greylag_core::outcome::Failure {
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
    let told = told.lock().unwrap();
    let failed = told.iter().find_map(|(_, event)| match event {
        Event::ShardEnded {
            outcome: Outcome::Failed { failure },
            ..
        } => Some(failure.clone()),
        _ => None,
    });
    failed.unwrap_or_else(|| panic!("{told:#?}"))
}

/// A tool of one's own by its command line: here a script that does what such tools do, with the server's own client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_one_s_own_is_run_with_its_placeholders_filled() {
    let Some(mut fleet) = given(Engine::MariaDb, 100, &[]).await else {
        return;
    };
    let Some(client) = fleet.clusters[0].primary().installation().client("mariadb") else {
        eprintln!("\n##### SKIPPED: no mariadb client here\n");
        return;
    };
    let client = client.get_program().to_string_lossy().into_owned();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("shift");
    let text = format!(
        "#!/bin/sh\nset -e\necho \"at work on $1 by $2\"\n[ \"$(stat -c %a \"$3\")\" = 600 ]\n\
         echo \"CREATE TABLE $4 LIKE $1; ALTER TABLE $4 $2; INSERT INTO $4 SELECT * FROM $1; RENAME TABLE $1 TO _$1_was, $4 TO $1\" |\n\
         {client} --defaults-extra-file=\"$3\" \"$5\"\n"
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let texts = |list: &[&str]| {
        list.iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let program = script.display().to_string();
    fleet.policy.online.tools.insert(
        "shift".into(),
        ToolRule {
            command: texts(&[
                &program,
                "{table}",
                "{alter}",
                "{login-file}",
                "{new-table}",
                "{schema}",
            ]),
            makes: texts(&["_{table}_{mark}"]),
            keeps: Some("_{table}_was".into()),
            ..ToolRule::default()
        },
    );
    fleet.files = vec![(
        "V1__widen.sql",
        "-- greylag:online shift\nALTER TABLE big MODIFY a bigint NOT NULL;",
    )];
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        summary.verdict,
        Verdict::Done,
        "{summary:#?}\n{:#?}",
        lines(&told)
    );
    assert_eq!(column(&fleet).await, "bigint");
    // The script leaves the old rows; what it said it makes is cleared away.
    assert_eq!(remains(&fleet).await, None);
    assert!(lines(&told).contains(&"at work on big by MODIFY a bigint NOT NULL".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_is_not_installed_is_said_to_be_missing() {
    let Some(mut fleet) = Replicated::start(Engine::MariaDb, 1, 0).await else {
        return;
    };
    fleet.files = vec![(
        "V1__widen.sql",
        "-- greylag:online gh-ost\nCREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1); ALTER TABLE t MODIFY a bigint;",
    )];
    let rule = ToolRule {
        program: Some("/nowhere/gh-ost".into()),
        ..ToolRule::known("gh-ost").unwrap()
    };
    fleet.policy.online.tools.insert("gh-ost".into(), rule);
    let failure = failure_of(&fleet).await;
    assert!(
        failure.message.contains("the program is not there"),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains("Install it"));
}
