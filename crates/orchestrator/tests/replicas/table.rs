//! A shard with a big table that a tool is to change, and looks at what came of it.

use crate::fleet::{Replicated, Told, name};
use greylag_core::{
    event::Event,
    online::{GH_OST, ToolRule},
    outcome::{Failure, Outcome},
};
use greylag_lab::Engine;
use greylag_orchestrator::{
    apply::{Options, Verdict},
    steering::{Request, steer},
};

/// What can't be done in place, and a statement behind it that needs it.
pub fn change_by(tool: &str) -> &'static str {
    match tool {
        GH_OST => {
            "-- greylag:online gh-ost\n\
             -- what follows can't be done in place\n\
             ALTER TABLE big MODIFY a bigint NOT NULL COMMENT 'wide, \"now\"';\n\
             INSERT INTO big (a, b) VALUES (3000000000, 'past an int');"
        }
        _ => {
            "-- greylag:online pt-online-schema-change\n\
             -- what follows can't be done in place\n\
             ALTER TABLE big MODIFY a bigint NOT NULL COMMENT 'wide, \"now\"';\n\
             INSERT INTO big (a, b) VALUES (3000000000, 'past an int');"
        }
    }
}

/// Slow enough to be met half-way, for minutes.
pub fn slow(tool: &str) -> &'static [&'static str] {
    match tool {
        GH_OST => &["--chunk-size=10", "--nice-ratio=100"],
        _ => &["--chunk-size=20", "--chunk-time=0", "--sleep=0.3"],
    }
}

/// A shard with a replica and a table of so many rows, and the tool with these arguments; none where this machine lacks one of them.
pub async fn given(
    engine: Engine,
    tool: &str,
    rows: u32,
    arguments: &[&str],
) -> Option<Replicated> {
    given_with(engine, tool, 1, rows, arguments).await
}

/// … with so many replicas.
pub async fn given_with(
    engine: Engine,
    tool: &str,
    replicas: usize,
    rows: u32,
    arguments: &[&str],
) -> Option<Replicated> {
    greylag_lab::tool(tool)?;
    let mut fleet = Replicated::start(engine, 1, replicas).await?;
    fleet.claim = Some(1);
    fleet.files = vec![("V1__widen.sql", change_by(tool))];
    with_arguments(&mut fleet, tool, arguments);
    let database = fleet.databases[0].name.clone();
    let primary = fleet.clusters[0].primary();
    if tool == GH_OST {
        for sql in [
            format!("GRANT ALL PRIVILEGES ON `{database}`.* TO greylag@'%'"),
            "GRANT REPLICATION SLAVE ON *.* TO greylag@'%'".to_owned(),
        ] {
            primary.execute(&database, &sql).await.unwrap();
        }
    }
    for sql in [
        "CREATE TABLE big (id int PRIMARY KEY AUTO_INCREMENT, a int NOT NULL, b varchar(40)) ENGINE=InnoDB",
        "INSERT INTO big (a, b) VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')",
    ] {
        primary.execute(&database, sql).await.unwrap();
    }
    while count(&fleet, "big").await < rows {
        primary
            .execute(&database, "INSERT INTO big (a, b) SELECT a, b FROM big")
            .await
            .unwrap();
    }
    // Percona's tool copies at one go what the server's figures say is empty.
    primary
        .execute(&database, "ANALYZE TABLE big")
        .await
        .unwrap();
    fleet.clusters[0].wait_replayed().await.unwrap();
    Some(fleet)
}

/// The tool where this machine has it, with these arguments.
pub fn with_arguments(fleet: &mut Replicated, tool: &str, arguments: &[&str]) {
    let program = greylag_lab::tool(tool).unwrap();
    let rule = ToolRule {
        program: Some(program.display().to_string()),
        arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        ..ToolRule::known(tool).unwrap()
    };
    fleet.policy.online.tools.insert(tool.into(), rule);
}

pub async fn value(fleet: &Replicated, sql: &str) -> Option<String> {
    let primary = fleet.clusters[0].primary();
    primary.value(&fleet.databases[0].name, sql).await.unwrap()
}

pub async fn count(fleet: &Replicated, table: &str) -> u32 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    value(fleet, &sql).await.unwrap().parse().unwrap()
}

pub async fn column(fleet: &Replicated) -> String {
    let sql = "SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'big' AND COLUMN_NAME = 'a'";
    value(fleet, sql).await.unwrap()
}

pub async fn remains(fleet: &Replicated) -> Option<String> {
    let sql = "SELECT GROUP_CONCAT(name) FROM (\
        SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_%' \
        UNION SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()) found";
    value(fleet, sql).await
}

/// The table that holds the new rows while a tool is at work.
pub async fn new_table(fleet: &Replicated) -> String {
    let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_big\\_gl%' \
               AND TABLE_NAME NOT LIKE '%\\_ghc' AND TABLE_NAME NOT LIKE '%\\_del'";
    value(fleet, sql).await.unwrap()
}

pub fn says(text: &str) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::ToolSaid { line, .. } if line.contains(text))
}

pub fn lines(told: &Told) -> Vec<String> {
    let told = told.lock().unwrap();
    let line = |event: &Event| match event {
        Event::ToolSaid { line, .. } => Some(line.clone()),
        _ => None,
    };
    told.iter().filter_map(|(_, event)| line(event)).collect()
}

/// A run whose shard fails, and how.
pub async fn failure_of(fleet: &Replicated) -> Failure {
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
    failed(&told)
}

/// How a shard failed, by what was told.
pub fn failed(told: &Told) -> Failure {
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

/// What failed may be tried again.
pub async fn retry(fleet: &Replicated) {
    let request = Request::Retry { shards: Vec::new() };
    steer(&fleet.setup().await, None, request).await.unwrap();
}

/// What waits for a person is looked at again.
pub async fn retry_by_name(fleet: &Replicated) {
    let request = Request::Retry {
        shards: vec![name(0)],
    };
    steer(&fleet.setup().await, None, request).await.unwrap();
}
