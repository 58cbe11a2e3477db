//! Shards that differ: by version, by being new, by not being there, by not being who they seem.

use crate::ground::Ground;
use greylag_lab::{Cluster, Engine};
use std::fs;

const V1: &str = "CREATE TABLE effect (step varchar(10) NOT NULL);\n";

#[tokio::test(flavor = "multi_thread")]
async fn shards_on_different_versions_get_what_each_lacks_in_order_on_postgres() {
    what_each_lacks(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_on_different_versions_get_what_each_lacks_in_order_on_mysql() {
    what_each_lacks(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_on_different_versions_get_what_each_lacks_in_order_on_sqlite() {
    what_each_lacks(Engine::Sqlite).await;
}

async fn what_each_lacks(engine: Engine) {
    let Some(ground) = Ground::on(engine, 3).await else {
        return;
    };
    ground.project("");
    ground.migration("V1__effect.sql", V1);
    for at in 2..=4 {
        ground.migration(
            &format!("V{at}__row.sql"),
            &format!("INSERT INTO effect VALUES ('{at}');\n"),
        );
    }
    ground
        .run(&["apply", "--yes", "--to", "2", "--only", "s00"])
        .await
        .ends(0);
    ground
        .run(&["apply", "--yes", "--to", "3", "--only", "s01"])
        .await
        .ends(0);
    ground
        .run(&["status"])
        .await
        .ends(0)
        .says("3 pending")
        .says("V2      1")
        .says("V3      1")
        .says("nothing yet      1");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("done: 3 shards changed, 7 migrations applied");
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "1 2 3 4", "s{shard:02}");
        assert_eq!(
            ground.count(shard, "SELECT count(*) FROM effect").await,
            Some(3)
        );
    }
    ground
        .run(&["status"])
        .await
        .ends(0)
        .says("3 up to date")
        .says("V4      3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_appears_in_the_middle_of_a_rollout_is_brought_up_behind_it() {
    let mut ground = sqlite(2).await;
    let asks = "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n";
    ground.project("");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    ground.project(asks);
    ground.run(&["apply", "--yes"]).await.ends(4);
    ground.add_shard().await;
    ground.project(asks);
    ground.run(&["status"]).await.ends(0).says("s02");
    // The approval is of the plan that there is; the newcomer is in the next.
    ground.run(&["rollout", "approve"]).await.ends(0);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("pending beside it, and planned now: V1, V2 on 1 shard")
        .says("first the unfinished rollout");
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "1 2", "s{shard:02}");
        assert_eq!(
            ground.count(shard, "SELECT count(*) FROM effect").await,
            Some(1)
        );
    }
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_shard_that_fails_is_left_out_and_caught_up_later() {
    let mut ground = Ground::on(Engine::Sqlite, 2)
        .await
        .expect("SQLite is always there");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL${more});\n",
    );
    let project = |ground: &Ground, shards: &[&str]| {
        let shards = shards.iter().enumerate();
        let shards: String = shards
            .map(|(at, more)| {
                ground.shard(at, &format!("placeholders = {{ more = \"{more}\" }}\n"))
            })
            .collect();
        ground.write_project("greylag.toml", &format!("{}{shards}", Ground::head("")));
    };
    project(&ground, &["", ""]);
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.add_shard().await;
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    // A column of that name is there already.
    project(&ground, &["", "", ", step int"]);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(1)
        .says("s02 failed in V1")
        .says("greylag rollout skip s02");
    assert_eq!(ground.versions(0).await, "1");
    ground
        .run(&["rollout", "skip", "s02", "--reason", "mended tomorrow"])
        .await
        .ends(0);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("2 shards changed");
    assert_eq!(ground.versions(1).await, "1 2");
    assert_eq!(ground.versions(2).await, "");
    project(&ground, &["", "", ""]);
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(2).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_shard_stops_all_and_is_left_out_only_on_purpose() {
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    drop(listener);
    let nobody = format!(
        "\n[[shard]]\nname = \"s01\"\nprimary = \"postgres://greylag@127.0.0.1:{port}/orders\"\n"
    );
    let quick = "[rollout.retry]\nattempts = 1\n";
    ground.write_project(
        "greylag.toml",
        &format!("{}{quick}{}{nobody}", Ground::head(""), ground.shard(0, "")),
    );
    ground.migration("V1__effect.sql", V1);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(1)
        .says("s01")
        .says(&format!("127.0.0.1:{port}"))
        .says("--skip-unreachable");
    assert_eq!(ground.versions(0).await, "");
    ground
        .run(&["apply", "--yes", "--skip-unreachable"])
        .await
        .ends(0)
        .says("s01 was not reached");
    assert_eq!(ground.versions(0).await, "1");
    ground.run(&["status"]).await.says("1 unreachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_given_as_primary_is_refused() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let cluster = Cluster::start(Engine::Postgres, 1)
        .await
        .expect("a cluster");
    let database = cluster
        .primary()
        .database("orders")
        .await
        .expect("a database");
    cluster.wait_replayed().await.expect("it follows");
    let ground = sqlite(0).await;
    let shard = format!(
        "\n[[shard]]\nname = \"eu-1\"\nprimary = \"{}\"\n",
        cluster.replica(0).url(&database.name)
    );
    ground.write_project("greylag.toml", &format!("{}{shard}", Ground::head("")));
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(6)
        .says("eu-1")
        .says("replica");
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'greylag%'";
    let there = cluster
        .primary()
        .value(&database.name, tables)
        .await
        .expect("a row");
    assert_eq!(there.as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_for_one_database_are_refused_with_both() {
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    let other = format!(
        "\n[[shard]]\nname = \"twin\"\nprimary = \"{}\"\n",
        ground.server().url(&ground.databases[0])
    );
    ground.write_project(
        "greylag.toml",
        &format!("{}{}{other}", Ground::head(""), ground.shard(0, "")),
    );
    ground.migration("V1__effect.sql", V1);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(6)
        .says("s00")
        .says("twin");
    assert_eq!(ground.versions(0).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_copy_that_claims_another_shards_name_is_refused_until_rebranded() {
    let mut ground = sqlite(1).await;
    ground.project("");
    ground.run(&["apply", "--yes"]).await.ends(0);
    let copy = ground.file("s01.db");
    fs::copy(&ground.databases[0], &copy).expect("a copy");
    ground.add_shard().await;
    ground.project("");
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(6)
        .says("s00")
        .says("s01")
        .says("greylag fleet rebrand");
    assert_eq!(ground.versions(0).await, "1");
    ground
        .run(&[
            "fleet",
            "rebrand",
            "s01",
            "--reason",
            "restored for a tenant of its own",
        ])
        .await
        .ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_for_another_environment_is_refused() {
    let ground = sqlite(1).await;
    ground.project("");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    let text = format!("{}{}", Ground::head(""), ground.shard(0, ""));
    ground.write_project(
        "greylag.toml",
        &text.replace("environment = \"test\"", "environment = \"production\""),
    );
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(6)
        .says("`test`")
        .says("`production`");
    assert_eq!(ground.versions(0).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_with_tables_are_claimed_by_number_or_by_a_baseline() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MySql] {
        let Some(ground) = Ground::on(engine, 2).await else {
            continue;
        };
        ground.project("");
        ground.migration("V1__effect.sql", V1);
        ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
        for shard in 0..2 {
            ground
                .execute(shard, "CREATE TABLE effect (step varchar(10) NOT NULL)")
                .await;
            if engine == Engine::Postgres {
                ground
                    .execute(shard, "ALTER TABLE effect OWNER TO greylag")
                    .await;
            }
        }
        ground
            .run(&["apply", "--yes"])
            .await
            .ends(6)
            .says("tables and no identity")
            .says("greylag baseline")
            .says("--claim N");
        ground
            .run(&["apply", "--yes", "--claim", "1"])
            .await
            .ends(6)
            .says("2");
        ground
            .run(&["baseline", "1", "--yes", "--reason", "here before us"])
            .await
            .ends(0);
        assert_eq!(
            acts(&ground).await,
            [
                "oncall: baseline s01: baselined at version 1 (here before us)",
                "oncall: baseline s00: baselined at version 1 (here before us)",
            ]
        );
        ground.run(&["apply", "--yes"]).await.ends(0);
        for shard in 0..2 {
            assert_eq!(ground.versions(shard).await, "1 2", "{engine:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_the_right_number_goes_on() {
    let ground = sqlite(2).await;
    ground.project("");
    for shard in 0..2 {
        ground.execute(shard, "CREATE TABLE older (id int)").await;
    }
    ground
        .run(&["apply", "--yes", "--claim", "2"])
        .await
        .ends(0);
    let claimed = "a database with tables and no identity is claimed (`--claim 2`)";
    assert_eq!(
        acts(&ground).await,
        [
            format!("oncall: claim s01: {claimed}"),
            format!("oncall: claim s00: {claimed}"),
        ]
    );
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1");
    }
}

/// What people had done to shards, newest first, by name where at once.
async fn acts(ground: &Ground) -> Vec<String> {
    let ran = ground.run(&["status", "--output", "json"]).await;
    let at = ran.said.find('{').expect("a document");
    let document = &ran.said[at..];
    let mut documents = serde_json::Deserializer::from_str(document).into_iter();
    let status: serde_json::Value = documents.next().expect("one").expect("JSON");
    let acts = status["acts"].as_array().expect("acts");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let mut acts: Vec<String> = acts
        .iter()
        .map(|act| {
            let by = text(&act["by"]);
            let by = by.split('@').next().expect("a name");
            let (verb, shard) = (text(&act["verb"]), text(&act["shard"]));
            let (what, reason) = (text(&act["what"][0]), text(&act["reason"]));
            format!("{by}: {verb} {shard}: {what} ({reason})")
        })
        .collect();
    acts.sort_by(|a, b| b.cmp(a));
    acts
}

async fn sqlite(shards: usize) -> Ground {
    let ground = Ground::on(Engine::Sqlite, shards)
        .await
        .expect("SQLite is always there");
    ground.migration("V1__effect.sql", V1);
    ground
}
