//! Fleets that outlive who started them, and leave nothing behind.

use std::path::Path;

use greylag_lab::fleet::{self, FleetError, FleetOptions};
use greylag_lab::{Engine, Scratch};

fn options(engine: Engine, dir: &Path, shards: usize, replicas: usize) -> FleetOptions {
    FleetOptions {
        engine,
        shards,
        replicas,
        dir: dir.to_owned(),
        bin: None,
    }
}

fn quiet(_: &str) {}

async fn a_fleet_comes_up_and_leaves_nothing_behind(engine: Engine, shards: usize) {
    if !greylag_lab::available(engine) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let dir = scratch.file("project");
    let up = fleet::up(&options(engine, &dir, shards, 1), &quiet)
        .await
        .unwrap();
    assert_eq!(up.nodes.len(), shards * 2);
    let project = std::fs::read_to_string(up.config()).unwrap();
    assert_eq!(project.matches("[[shard]]").count(), shards);
    assert_eq!(project.matches("tier = \"canary\"").count(), 1);
    assert!(!project.contains(":greylag@"), "a password stands in a URL");
    assert!(dir.join("migrations/V1__create_customers.sql").is_file());

    let (_, nodes) = fleet::status(&dir).unwrap();
    assert!(nodes.iter().all(|node| node.running));
    let again = fleet::up(&options(engine, &dir, 1, 0), &quiet).await;
    assert!(matches!(again, Err(FleetError::Exists { .. })));

    fleet::pause(&dir, "shard-01/replica1").await.unwrap();
    fleet::resume(&dir, "shard-01/replica1").await.unwrap();
    let wrong = fleet::pause(&dir, "shard-01/primary").await.unwrap_err();
    let said = wrong.to_string();
    assert!(
        said.starts_with("the lab has no replica `shard-01/primary`: it has shard-01/replica1"),
        "{said}"
    );

    let processes: Vec<_> = up
        .nodes
        .iter()
        .map(|node| node.process.clone().unwrap())
        .collect();
    assert!(processes.iter().all(greylag_lab::ProcessId::is_alive));
    let removed = fleet::down(&dir, &quiet).unwrap();
    assert_eq!((removed.ended, removed.kept.len()), (shards * 2, 0));
    assert!(!processes.iter().any(greylag_lab::ProcessId::is_alive));
    assert!(!up.data.exists());
    assert!(!dir.exists());
    assert!(matches!(
        fleet::down(&dir, &quiet),
        Err(FleetError::NoLab { .. })
    ));
}

#[tokio::test]
async fn a_postgres_fleet_comes_up_and_leaves_nothing_behind() {
    a_fleet_comes_up_and_leaves_nothing_behind(Engine::Postgres, 3).await;
}

#[tokio::test]
async fn a_mariadb_fleet_comes_up_and_leaves_nothing_behind() {
    a_fleet_comes_up_and_leaves_nothing_behind(Engine::MariaDb, 2).await;
}

#[tokio::test]
async fn a_mysql_fleet_comes_up_and_leaves_nothing_behind() {
    a_fleet_comes_up_and_leaves_nothing_behind(Engine::MySql, 1).await;
}

#[tokio::test]
async fn a_file_that_was_changed_is_left() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let up = fleet::up(&options(Engine::Postgres, scratch.path(), 1, 0), &quiet)
        .await
        .unwrap();
    std::fs::write(up.config(), "# mine now").unwrap();
    let removed = fleet::down(scratch.path(), &quiet).unwrap();
    assert_eq!(removed.kept, [up.config()]);
    let again = fleet::up(&options(Engine::Postgres, scratch.path(), 1, 0), &quiet).await;
    assert!(matches!(again, Err(FleetError::WouldOverwrite { .. })));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_without_programs_is_refused_before_anything_is_made() {
    let scratch = Scratch::new().unwrap();
    let mut wanted = options(Engine::Postgres, &scratch.file("project"), 1, 0);
    wanted.bin = Some(scratch.path().to_owned());
    let refused = fleet::up(&wanted, &quiet).await;
    assert!(matches!(refused, Err(FleetError::NotThere { .. })));
    assert!(!scratch.file("project").exists());
}

#[tokio::test]
async fn a_server_that_was_not_recorded_yet_when_up_was_interrupted_is_found_and_ended() {
    for engine in Engine::SERVERS {
        if !greylag_lab::available(engine) {
            continue;
        }
        let scratch = Scratch::new().unwrap();
        let dir = scratch.file("project");
        let up = fleet::up(&options(engine, &dir, 1, 0), &quiet)
            .await
            .unwrap();
        let process = up.nodes[0].process.clone().unwrap();
        // As it stands in the file between the start of the server and the note of its number.
        let file = dir.join("lab.json");
        let mut state: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        state["nodes"][0]["process"] = serde_json::Value::Null;
        std::fs::write(&file, state.to_string()).unwrap();

        assert_eq!(fleet::down(&dir, &quiet).unwrap().ended, 1);
        assert!(!process.is_alive());
        assert!(!up.data.exists());
    }
}

#[tokio::test]
async fn a_fleet_whose_servers_died_is_taken_down_all_the_same() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let scratch = Scratch::new().unwrap();
    let dir = scratch.file("project");
    let up = fleet::up(&options(Engine::Postgres, &dir, 1, 1), &quiet)
        .await
        .unwrap();
    // The ordinary end of a server that somebody stopped by hand.
    let primary = up.nodes[0].process.clone().unwrap();
    let stopped = std::process::Command::new("kill")
        .args(["-QUIT", &primary.pid.to_string()])
        .status();
    assert!(stopped.unwrap().success());
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while primary.is_alive() {
        assert!(
            std::time::Instant::now() < deadline,
            "the server did not stop"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (_, nodes) = fleet::status(&dir).unwrap();
    assert_eq!(nodes.iter().filter(|node| node.running).count(), 1);
    assert_eq!(fleet::down(&dir, &quiet).unwrap().ended, 1);
    assert!(!up.data.exists() && !dir.exists());
}
