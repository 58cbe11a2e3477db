//! The state store's server freezes: nothing answers, nothing ends. The run loses its lease, and does not go on.

use crate::{ground::Ground, run::eventually};
use greylag_lab::{Engine, Options, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_lease_is_lost_finishes_the_current_migration_and_no_more() {
    let Some(ground) = Ground::on(Engine::Postgres, 2).await else {
        return;
    };
    let state = Server::start(Engine::Postgres, Options::default())
        .await
        .expect("a server");
    let database = state.database("state").await.expect("a database");
    ground.project("");
    let text = std::fs::read_to_string(ground.file("greylag.toml")).expect("the project");
    let url = state.url(&database.name);
    ground.write_project(
        "greylag.toml",
        &format!("{text}\n[state]\nurl = \"{url}\"\n"),
    );
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration(
        "V2__b.sql",
        "-- greylag:lock-timeout 10m\nALTER TABLE a ADD COLUMN b int;\n",
    );
    ground.migration("V3__c.sql", "ALTER TABLE a ADD COLUMN c int;\n");
    let holder = ground.somebody(0, "BEGIN; LOCK TABLE a; SELECT pg_sleep(3600)");
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass AND granted = ";
    eventually("the table is locked", async || {
        ground.count(0, &format!("{locks} true")).await >= Some(1)
    })
    .await;
    let mut run = ground.start(&["apply", "--yes"]);
    eventually("V2 waits", async || {
        ground.count(0, &format!("{locks} false")).await >= Some(1)
    })
    .await;
    state.pause();
    run.until_it_says("the lease on this fleet was lost").await;
    let free =
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'a'::regclass AND granted";
    ground.execute(0, free).await;
    holder.abort();
    run.end()
        .await
        .ends(3)
        .says("the lease on this fleet was lost");
    assert_eq!(ground.versions(0).await, "1 2");
    assert_eq!(ground.versions(1).await, "1");
    state.cont();
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2 3", "s{shard:02}");
    }
}
