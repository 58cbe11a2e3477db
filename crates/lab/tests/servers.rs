//! Servers of one's own: started, hurt, started again.

use std::time::Duration;

use greylag_lab::{Engine, Options, Server};

async fn keeps_what_was_committed_when_killed(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let server = Server::start(engine, Options::default()).await.unwrap();
    let database = server.database("t").await.unwrap();
    server
        .execute(&database.name, "CREATE TABLE seen (id int)")
        .await
        .unwrap();
    server
        .execute(&database.name, "INSERT INTO seen VALUES (1)")
        .await
        .unwrap();
    let process = server.process().unwrap();
    server.kill();
    assert!(!process.is_alive());
    assert!(
        server
            .value(&database.name, "SELECT count(*) FROM seen")
            .await
            .is_err()
    );
    server.restart().await.unwrap();
    let count = server
        .value(&database.name, "SELECT count(*) FROM seen")
        .await
        .unwrap();
    assert_eq!(count.as_deref(), Some("1"));
}

#[tokio::test]
async fn postgres_keeps_what_was_committed_when_killed() {
    keeps_what_was_committed_when_killed(Engine::Postgres).await;
}

#[tokio::test]
async fn mariadb_keeps_what_was_committed_when_killed() {
    keeps_what_was_committed_when_killed(Engine::MariaDb).await;
}

#[tokio::test]
async fn mysql_keeps_what_was_committed_when_killed() {
    keeps_what_was_committed_when_killed(Engine::MySql).await;
}

async fn answers_nothing_while_frozen(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let server = Server::start(engine, Options::default()).await.unwrap();
    server.pause();
    let home = if engine == Engine::Postgres {
        "postgres"
    } else {
        "mysql"
    };
    let early =
        tokio::time::timeout(Duration::from_millis(200), server.value(home, "SELECT 1")).await;
    assert!(early.is_err(), "a frozen server answered");
    server.cont();
    assert_eq!(
        server.value(home, "SELECT 1").await.unwrap().as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn postgres_answers_nothing_while_frozen() {
    answers_nothing_while_frozen(Engine::Postgres).await;
}

#[tokio::test]
async fn mariadb_answers_nothing_while_frozen() {
    answers_nothing_while_frozen(Engine::MariaDb).await;
}

#[tokio::test]
async fn every_installed_version_starts_and_replicates() {
    for engine in Engine::SERVERS {
        for installation in greylag_lab::installed(engine) {
            let options = Options::default().on(installation.clone());
            let cluster = greylag_lab::Cluster::start_with(engine, 1, options)
                .await
                .unwrap();
            let name = cluster.database("v").await.unwrap().name;
            let version = cluster
                .replica(0)
                .value(&name, "SELECT version()")
                .await
                .unwrap()
                .unwrap();
            assert!(
                version.contains(&installation.version),
                "{version} is not {}",
                installation.version
            );
        }
    }
}

#[tokio::test]
async fn settings_reach_the_server() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let options = Options::default()
        .set("lock_timeout", "1234ms")
        .set("max_connections", "30");
    let cluster = greylag_lab::Cluster::start_with(Engine::Postgres, 1, options)
        .await
        .unwrap();
    for server in [cluster.primary(), cluster.replica(0)] {
        assert_eq!(
            server
                .value("postgres", "SHOW lock_timeout")
                .await
                .unwrap()
                .as_deref(),
            Some("1234ms")
        );
        assert_eq!(
            server
                .value("postgres", "SHOW max_connections")
                .await
                .unwrap()
                .as_deref(),
            Some("30")
        );
    }
}

#[tokio::test]
async fn a_server_that_refuses_its_settings_shows_its_log() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let refused = Server::start(
        Engine::Postgres,
        Options::default().set("no_such_setting", "1"),
    )
    .await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("no_such_setting"), "{message}");
}

#[tokio::test]
async fn a_client_program_talks_to_its_server() {
    for (engine, program) in [
        (Engine::Postgres, "psql"),
        (Engine::MariaDb, "mariadb"),
        (Engine::MySql, "mysql"),
    ] {
        let Some(server) = greylag_lab::require(engine).await else {
            continue;
        };
        let Some(mut client) = server.installation().client(program) else {
            eprintln!("\n##### SKIPPED: no {program} on this machine\n");
            continue;
        };
        let output = match engine {
            Engine::Postgres => client
                .arg(server.superuser_url("postgres"))
                .args(["-Atc", "SELECT 6 * 7"])
                .output(),
            _ => client
                .args(["-uroot", "-pgreylag", "-h127.0.0.1", "-NBe", "SELECT 6 * 7"])
                .arg(format!("-P{}", server.port()))
                .output(),
        };
        let output = output.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "42",
            "{output:?}"
        );
    }
}
