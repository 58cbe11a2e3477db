//! A connection cut in the middle of COMMIT: within the same run the outcome is found out under the lock, and the rollout
//! goes on.

use crate::ground::Ground;
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_commits_and_the_answer_is_lost() {
    lost_answer(Engine::Postgres, b"INTO effect VALUES").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_commits_and_the_answer_is_lost() {
    lost_answer(Engine::MySql, b"COMMIT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_commits_and_the_answer_is_lost() {
    lost_answer(Engine::MariaDb, b"COMMIT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_the_commit_never_arrives() {
    lost_request(Engine::Postgres, b"INTO effect VALUES").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_the_commit_never_arrives() {
    lost_request(Engine::MySql, b"COMMIT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mariadb_the_commit_never_arrives() {
    lost_request(Engine::MariaDb, b"COMMIT").await;
}

async fn lost_answer(engine: Engine, commit: &[u8]) {
    let Some(ground) = effects(engine).await else {
        return;
    };
    ground.proxy().cut_when_client_sends(commit);
    brought_home(&ground).await;
}

async fn lost_request(engine: Engine, commit: &[u8]) {
    let Some(ground) = effects(engine).await else {
        return;
    };
    ground.proxy().cut_before_client_sends(commit);
    brought_home(&ground).await;
}

/// Three shards that have V1 already, so that the next COMMIT is V2's.
async fn effects(engine: Engine) -> Option<Ground> {
    let ground = Ground::on(engine, 3).await?;
    ground.project("");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL);\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    ground.migration("V3__row.sql", "INSERT INTO effect VALUES ('3');\n");
    Some(ground)
}

async fn brought_home(ground: &Ground) {
    let run = ground.run(&["apply", "--yes"]).await;
    let trapped =
        tokio::time::timeout(std::time::Duration::ZERO, ground.proxy().wait_trapped(1)).await;
    assert!(trapped.is_ok(), "the trap never sprang:\n{}", run.said);
    run.ends(0)
        .says("it is looked at before anything else happens there")
        .says("done: 3 shards changed");
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "1 2 3");
        let each = "SELECT count(*) * 10 + count(DISTINCT step) FROM effect";
        assert_eq!(
            ground.count(shard, each).await,
            Some(22),
            "each row once on s{shard:02}"
        );
    }
}
