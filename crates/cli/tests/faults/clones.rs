//! A physical clone has everything of its original: identity, history, and what the server says of itself.

use crate::ground::Ground;
use greylag_lab::{Engine, Options, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_on_postgres_is_no_failover_until_it_is_accepted() {
    moved(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_on_mysql_is_no_failover_until_it_is_accepted() {
    moved(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_on_mariadb_is_no_failover_until_it_is_accepted() {
    moved(Engine::MariaDb).await;
}

async fn moved(engine: Engine) {
    let Some((ground, clone)) = cloned(engine).await else {
        return;
    };
    let url = clone.url(&ground.databases[0]);
    project(&ground, &[("s00", &url)]);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(6)
        .says("carries the identity of `s00`, last proven at")
        .says("greylag fleet accept s00")
        .says("greylag fleet rebrand s00");
    assert_eq!(versions(&clone, &ground).await, "1");
    ground
        .run(&["fleet", "accept", "s00", "--reason", "moved to new storage"])
        .await
        .ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(versions(&clone, &ground).await, "1 2");
    assert_eq!(ground.versions(0).await, "1", "the original is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_is_rebranded_is_a_shard_beside_its_original() {
    let Some((ground, clone)) = cloned(Engine::Postgres).await else {
        return;
    };
    let (ours, theirs) = (
        ground.server().url(&ground.databases[0]),
        clone.url(&ground.databases[0]),
    );
    project(&ground, &[("s00", &ours), ("s01", &theirs)]);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(6)
        .says("greylag fleet rebrand s01");
    ground
        .run(&["fleet", "rebrand", "s01", "--reason", "split off s00"])
        .await
        .ends(0);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("2 shards changed");
    assert_eq!(ground.versions(0).await, "1 2");
    assert_eq!(versions(&clone, &ground).await, "1 2");
}

/// A shard with V1 on a server, and a server of its own that was cloned from that. V2 is on disk.
async fn cloned(engine: Engine) -> Option<(Ground, Server)> {
    let ground = Ground::alone(engine, 1, Options::default()).await?;
    project(
        &ground,
        &[("s00", &ground.server().url(&ground.databases[0]))],
    );
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    let clone = ground.server().copy().await.expect("a clone");
    ground.migration("V2__b.sql", "CREATE TABLE b (id int);\n");
    Some((ground, clone))
}

fn project(ground: &Ground, shards: &[(&str, &str)]) {
    let shards: String = shards
        .iter()
        .map(|(name, url)| format!("\n[[shard]]\nname = \"{name}\"\nprimary = \"{url}\"\n"))
        .collect();
    ground.write_project("greylag.toml", &format!("{}{shards}", Ground::head("")));
}

async fn versions(server: &Server, ground: &Ground) -> String {
    let sql = "SELECT version FROM greylag_schema_history ORDER BY installed_rank";
    let rows = server.rows(&ground.databases[0], sql).await.expect("rows");
    let versions: Vec<String> = rows
        .into_iter()
        .filter_map(|row| row.into_iter().next()?.1)
        .collect();
    versions.join(" ")
}
