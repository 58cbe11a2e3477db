//! The state store is a PostgreSQL server, and goes away in the middle.

use crate::{checks, ground::Ground, run::eventually};
use greylag_lab::{Engine, Options, Proxy, Server};

const WAVES: &str =
    "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_state_store_that_is_gone_ends_the_run_and_nothing_new_is_touched() {
    let Some((ground, state, proxy)) = with_a_server_for_state().await else {
        return;
    };
    let mut run = ground.start(&["apply", "--yes"]);
    run.until_it_says(checks::HELD).await;
    state.kill();
    proxy.refuse(true).await.expect("the port closes");
    checks::let_it_go(&ground);
    // It does not wait in silence.
    run.until_it_says("can't be reached, and is sought for")
        .await;
    let ended = run.end().await.ends(3).says("the journal can't be written");
    assert!(
        !ended.said.contains("greylag:greylag@"),
        "no password: {}",
        ended.said
    );
    assert_eq!(ground.versions(0).await, "1");
    assert_eq!(ground.versions(1).await, "");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(1)
        .says("state store")
        .says("[state]");
    state.restart().await.expect("it starts again");
    proxy.refuse(false).await.expect("the port opens");
    // The dead run's lease is its own: it is let go, or runs out.
    eventually("the rollout goes home", async || {
        ground.run(&["apply", "--yes"]).await.code == Some(0)
    })
    .await;
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_store_whose_connection_is_cut_is_found_again() {
    let Some((ground, _state, proxy)) = with_a_server_for_state().await else {
        return;
    };
    let mut run = ground.start(&["apply", "--yes"]);
    run.until_it_says(checks::HELD).await;
    proxy.cut().await;
    checks::let_it_go(&ground);
    run.end().await.ends(0);
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "1");
    }
}

/// Three SQLite shards, and the journal in PostgreSQL behind a proxy.
async fn with_a_server_for_state() -> Option<(Ground, Server, Proxy)> {
    if !greylag_lab::available(Engine::Postgres) {
        return None;
    }
    let server = Server::start(Engine::Postgres, Options::default())
        .await
        .expect("a server");
    let proxy = Proxy::start(server.port()).await.expect("a proxy");
    let database = server.database("state").await.expect("a database");
    let ground = Ground::on(Engine::Sqlite, 3).await?;
    let shards: String = (0..3).map(|at| ground.shard(at, "")).collect();
    let url = server.url_through(proxy.port(), "greylag", &database.name);
    let state = format!("[state]\nurl = \"{url}\"\n\n");
    ground.write_project(
        "greylag.toml",
        &format!(
            "{}{WAVES}{}{state}{shards}",
            Ground::head(""),
            checks::AFTER_THE_CANARY
        ),
    );
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    Some((ground, server, proxy))
}
