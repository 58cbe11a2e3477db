//! Servers of one's own: started, hurt, started again.

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
