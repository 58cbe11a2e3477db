//! The real gh-ost on a real MySQL with a replica: it does what the server can't, waits while the replica lags, and leaves nothing
//! behind however it ends; where it can't work, that is said before anything is touched.

use crate::{
    fleet::{Replicated, name, until},
    table::{
        column, count, failure_of, given, given_with, lines, new_table, remains, retry, says, slow,
        value, with_arguments,
    },
};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    node::NodeRole,
    online::{GH_OST, ToolRule, Way},
    outcome::FailureClass,
};
use greylag_lab::Engine;
use greylag_orchestrator::{
    Control,
    apply::{Options, Verdict},
    planning::{Ask, look_ahead},
    replicas::look_at_nodes,
    survey::survey_fleet,
    watch::Blind,
};
use std::time::Duration;

/// It makes itself known to its source as a replica does, at an address where nobody listens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gh_ost_is_no_replica_to_a_primary_that_names_its_own() {
    let Some(mut fleet) = given(Engine::MySql, GH_OST, 4000, slow(GH_OST)).await else {
        return;
    };
    fleet.auto = true;
    fleet.settings.poll = Duration::from_millis(100);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, says("Copy: ")).await;
    let seen = look_at_nodes(&fleet.setup().await, None).await;
    let replicas = seen.iter().filter(|node| node.role == NodeRole::Replica);
    assert_eq!(replicas.count(), 1, "{seen:#?}");
    // Looked at many times, it holds nothing.
    until(&told, copies_more).await;
    let holds = |event: &Event| matches!(event, Event::Held { .. });
    let told = told.lock().unwrap().clone();
    let held = told.iter().filter(|(_, event)| holds(event));
    assert_eq!(held.count(), 0, "{told:#?}");
    run.abort();
}

/// It is well under way: chunk by chunk.
fn copies_more(event: &Event) -> bool {
    let Event::ToolSaid { line, .. } = event else {
        return false;
    };
    let copied = line
        .split_once("Copy: ")
        .and_then(|(_, rest)| rest.split_once('/'));
    copied.is_some_and(|(rows, _)| rows.parse::<u32>().is_ok_and(|rows| rows >= 50))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gh_ost_does_what_the_server_can_t_and_tells() {
    let Some(fleet) = given(Engine::MySql, GH_OST, 2000, &["--chunk-size=200"]).await else {
        return;
    };
    let rows = count(&fleet, "big").await;
    let told = fleet.done().await;
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
    for text in [
        "MODIFY a bigint NOT NULL COMMENT 'wide, \"now\"'",
        "Copy: ",
        "Lock & rename duration",
        "Done migrating",
    ] {
        assert!(shown.iter().any(|line| line.contains(text)), "{shown:#?}");
    }
    let told = told.lock().unwrap();
    let way = told.iter().find_map(|(_, event)| match event {
        Event::OnlineDdl {
            statement: 1, way, ..
        } => Some(way.clone()),
        _ => None,
    });
    assert_eq!(way, Some(Way::Tool(GH_OST.into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gh_ost_waits_while_the_replica_lags() {
    let Some(mut fleet) = given(Engine::MySql, GH_OST, 4000, slow(GH_OST)).await else {
        return;
    };
    fleet.settings.limits.max_lag = Duration::from_secs(1);
    fleet.settings.limits.resume_lag = Duration::from_millis(500);
    fleet.settings.poll = Duration::from_millis(100);
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, says("State: migrating")).await;
    fleet.clusters[0].pause_replay(0).await.unwrap();
    until(&told, says("paused: the shard's nodes hold")).await;
    until(&told, says("State: throttled, flag-file")).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { shard, reasons, .. } if *shard == name(0)
            && reasons.iter().any(|reason| matches!(reason, WaitReason::ReplicaLag { .. } | WaitReason::ReplicaTrouble { .. })))
    })
    .await;
    assert_eq!(column(&fleet).await, "int");
    // The chunk that was under way is let through, and no other.
    let new = new_table(&fleet).await;
    let copied = count(&fleet, &new).await;
    let throttled = |line: &String| line.contains("State: throttled, flag-file");
    let said = lines(&told).iter().filter(|line| throttled(line)).count();
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while lines(&told).iter().filter(|line| throttled(line)).count() < said + 4 {
        assert!(std::time::Instant::now() < deadline, "{:#?}", lines(&told));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let still = count(&fleet, &new).await;
    assert!(
        still <= copied + 10 && still < count(&fleet, "big").await,
        "{copied} {still}"
    );

    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, says("goes on: the shard's nodes let it")).await;
    while count(&fleet, &new).await <= still {
        assert!(
            std::time::Instant::now() < deadline,
            "nothing more is copied"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    control.interrupt();
    control.interrupt();
    run.await.unwrap();
    assert_eq!(remains(&fleet).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_gh_ost_leaves_nothing_and_the_next_run_does_it() {
    let Some(mut fleet) = given(Engine::MySql, GH_OST, 4000, slow(GH_OST)).await else {
        return;
    };
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, says("State: migrating")).await;
    assert!(remains(&fleet).await.is_some());
    until(&told, says("Serving on unix socket: ")).await;
    let said = lines(&told);
    let socket = said
        .iter()
        .find_map(|line| line.split_once("Serving on unix socket: "));
    let socket = std::path::PathBuf::from(socket.unwrap().1.trim());
    assert!(socket.exists(), "{socket:?}");
    control.interrupt();
    control.interrupt();
    let summary = run.await.unwrap();
    assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(remains(&fleet).await, None, "{:#?}", lines(&told));
    assert_eq!(column(&fleet).await, "int");
    assert!(!socket.parent().unwrap().exists());

    with_arguments(&mut fleet, GH_OST, &[]);
    fleet.claim = None;
    fleet.done().await;
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(remains(&fleet).await, None);
}

/// Just before its tables change places gh-ost keeps the old table's name-to-be by a table of its own, which is not the old rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gh_ost_that_is_ended_while_it_waits_to_swap_has_changed_nothing() {
    let Some(mut fleet) = given_with(Engine::MySql, GH_OST, 0, 500, &["--chunk-size=10"]).await
    else {
        return;
    };
    let primary = fleet.clusters[0].primary();
    let database = fleet.databases[0].name.clone();
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, says("Ghost table altered")).await;
    let reader = primary.execute(&database, "SELECT SLEEP(1000) FROM big LIMIT 1");
    let scene = async {
        until(&told, says("Magic cut-over table created")).await;
        control.interrupt();
        control.interrupt();
        let summary = run.await.unwrap();
        assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
        let reading =
            "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(1000)%'";
        let id = primary.value(&database, reading).await.unwrap();
        primary
            .execute(&database, &format!("KILL {}", id.expect("nobody reads")))
            .await
            .unwrap();
    };
    let (_, ()) = tokio::join!(reader, scene);
    assert_eq!(column(&fleet).await, "int");
    assert_eq!(remains(&fleet).await, None, "{:#?}", lines(&told));
    fleet.claim = None;
    fleet.done().await;
    assert_eq!(column(&fleet).await, "bigint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gh_ost_asks_for_and_has_not_is_told_with_what_mends_it() {
    let Some(mut fleet) = given_with(Engine::MySql, GH_OST, 0, 100, &[]).await else {
        return;
    };
    let run = async |fleet: &Replicated, sql: &str| {
        let primary = fleet.clusters[0].primary();
        let database = &fleet.databases[0].name;
        primary.execute(database, sql).await.unwrap();
    };
    run(&fleet, "CREATE TABLE child (id int PRIMARY KEY, big_id int, FOREIGN KEY (big_id) REFERENCES big (id))").await;
    let failure = failure_of(&fleet).await;
    assert!(
        failure
            .message
            .starts_with("gh-ost: it ended with 1: Found 1 parent-side foreign keys"),
        "{failure:?}"
    );
    assert!(failure.hint.unwrap().contains("pt-online-schema-change"));
    fleet.claim = None;
    retry(&fleet).await;
    run(&fleet, "DROP TABLE child").await;

    run(&fleet, "SET GLOBAL binlog_format = STATEMENT").await;
    let failure = failure_of(&fleet).await;
    assert!(
        failure.hint.unwrap().contains("binlog_format = ROW"),
        "{}",
        failure.message
    );
    run(&fleet, "SET GLOBAL binlog_format = ROW").await;
    retry(&fleet).await;

    run(&fleet, "SET GLOBAL binlog_row_image = MINIMAL").await;
    let failure = failure_of(&fleet).await;
    assert!(
        failure.hint.unwrap().contains("binlog_row_image = FULL"),
        "{}",
        failure.message
    );
    run(&fleet, "SET GLOBAL binlog_row_image = FULL").await;
    retry(&fleet).await;

    run(&fleet, "UPDATE performance_schema.setup_instruments SET ENABLED = 'NO' WHERE NAME = 'wait/lock/metadata/sql/mdl'").await;
    let failure = failure_of(&fleet).await;
    assert!(
        failure.hint.unwrap().contains("setup_instruments"),
        "{}",
        failure.message
    );
    // By then it has made its tables.
    assert_eq!(remains(&fleet).await, None);
    run(&fleet, "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES', TIMED = 'YES' WHERE NAME = 'wait/lock/metadata/sql/mdl'").await;
    retry(&fleet).await;

    run(&fleet, "REVOKE REPLICATION SLAVE ON *.* FROM greylag@'%'").await;
    let failure = failure_of(&fleet).await;
    assert_eq!(failure.class, FailureClass::Permission, "{failure:?}");
    assert!(
        failure
            .hint
            .unwrap()
            .contains("GRANT REPLICATION CLIENT, REPLICATION SLAVE")
    );
    run(&fleet, "GRANT REPLICATION SLAVE ON *.* TO greylag@'%'").await;
    retry(&fleet).await;

    run(&fleet, "CREATE TABLE _big_gho (id int)").await;
    let failure = failure_of(&fleet).await;
    assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
    assert!(failure.message.contains("`_big_gho`"), "{failure:?}");
    assert_eq!(remains(&fleet).await.as_deref(), Some("_big_gho"));
    run(&fleet, "DROP TABLE _big_gho").await;
    retry(&fleet).await;

    assert_eq!(column(&fleet).await, "int");
    fleet.done().await;
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(
        value(&fleet, "SELECT COUNT(*) FROM big WHERE a > 2147483647")
            .await
            .as_deref(),
        Some("1")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_gh_ost_can_t_follow_is_told_in_its_words_and_leaves_nothing() {
    let Some(mut fleet) = given_with(Engine::MySql, GH_OST, 0, 100, &[]).await else {
        return;
    };
    fleet.files = vec![(
        "V1__key.sql",
        "-- greylag:online gh-ost\nALTER TABLE big DROP PRIMARY KEY, MODIFY id int NOT NULL;",
    )];
    let failure = failure_of(&fleet).await;
    assert!(failure.message.contains("UNIQUE key"), "{failure:?}");
    assert_eq!(failure.place.as_ref().unwrap().line, 2);
    assert_eq!(remains(&fleet).await, None);

    // Left to itself it passes over rows that the new table does not take.
    let rows = count(&fleet, "big").await;
    fleet.claim = None;
    fleet.files = vec![(
        "V1__key.sql",
        "-- greylag:online gh-ost\nALTER TABLE big MODIFY a bigint NOT NULL, ADD UNIQUE (a);",
    )];
    let failure = failure_of(&fleet).await;
    assert!(failure.message.contains("Duplicate entry"), "{failure:?}");
    assert_eq!(remains(&fleet).await, None);
    assert_eq!(column(&fleet).await, "int");
    assert_eq!(count(&fleet, "big").await, rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gh_ost_is_refused_for_mariadb_before_anything_is_touched() {
    let Some(mut fleet) = given_with(Engine::MariaDb, GH_OST, 0, 100, &[]).await else {
        return;
    };
    let setup = fleet.setup().await;
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    let ask = Ask {
        claim: Some(1),
        ..Ask::default()
    };
    let refused = look_ahead(&setup, &surveyed, &ask)
        .await
        .map(drop)
        .unwrap_err();
    let mut said = refused.to_string();
    let mut source = std::error::Error::source(&refused);
    while let Some(error) = source {
        said += &format!(": {error}");
        source = error.source();
    }
    assert!(
        said.contains("is not for s1: gh-ost is for MySQL"),
        "{said}"
    );
    assert!(
        !fleet
            .has(fleet.clusters[0].primary(), 0, "greylag_step")
            .await
    );

    // What it would have come to, by a command line of the project's own.
    let program = greylag_lab::tool(GH_OST).unwrap().display().to_string();
    let command = [
        program.as_str(),
        "--execute",
        "--conf={login-file}",
        "--host={host}",
        "--port={port}",
        "--database={schema}",
        "--table={table}",
        "--alter={alter}",
        "--allow-on-master",
        "--throttle-flag-file={pause-file}",
    ];
    fleet.policy.online.tools.insert(
        GH_OST.into(),
        ToolRule {
            command: command.map(str::to_owned).to_vec(),
            makes: vec!["_{table}_gho".into(), "_{table}_ghc".into()],
            ..ToolRule::default()
        },
    );
    let failure = failure_of(&fleet).await;
    assert!(
        failure.message.starts_with("gh-ost: it ended with 1"),
        "{failure:?}"
    );
    assert_eq!(column(&fleet).await, "int");
    assert_eq!(remains(&fleet).await, None);
}
