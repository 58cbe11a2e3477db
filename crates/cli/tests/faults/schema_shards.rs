//! Shards that are schemas of one database: each has its own lock, history and failures.

use crate::ground::Ground;
use greylag_lab::Engine;

const TENANTS: usize = 24;
/// The seventeenth by name.
const ODD: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn the_seventeenth_schema_fails_and_the_rest_of_the_database_is_none_the_worse() {
    let Some(ground) = tenants().await else {
        return;
    };
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("24 shards changed");
    ground
        .execute(0, "INSERT INTO t16.people VALUES (2, 'anna@example.com')")
        .await;
    ground.migration(
        "V2__unique.sql",
        "CREATE UNIQUE INDEX people_email ON people (email);\n",
    );
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("t16 failed in V2")
        .says("greylag rollout retry t16");
    for at in 0..TENANTS {
        let has = if at < ODD { "1,2" } else { "1" };
        assert_eq!(
            versions(&ground, at).await.as_deref(),
            Some(has),
            "t{at:02}"
        );
    }
    ground
        .execute(0, "DELETE FROM t16.people WHERE id = 2")
        .await;
    ground.run(&["rollout", "retry", "t16"]).await.ends(0);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("8 shards changed");
    for at in 0..TENANTS {
        assert_eq!(
            versions(&ground, at).await.as_deref(),
            Some("1,2"),
            "t{at:02}"
        );
    }
    let stray = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(
        ground.count(0, stray).await,
        Some(0),
        "nothing strays into public"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_built_concurrently_in_each_schema_at_once_leaves_none_invalid() {
    let Some(ground) = tenants().await else {
        return;
    };
    let shards = shards(&ground);
    let many =
        "[rollout]\nmax-in-flight = 4\nmax-per-host = 4\n\n[[rollout.wave]]\nname = \"all\"\n";
    ground.write_project(
        "greylag.toml",
        &format!("{}{many}{shards}", Ground::head("")),
    );
    ground.migration(
        "V2__index.sql",
        "CREATE INDEX CONCURRENTLY people_email ON people (email);\n",
    );
    ground.migration(
        "V3__row.sql",
        "INSERT INTO people VALUES (3, 'eve@example.com');\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    for at in 0..TENANTS {
        assert_eq!(
            versions(&ground, at).await.as_deref(),
            Some("1,2,3"),
            "t{at:02}"
        );
    }
    let valid = "SELECT count(*) * 100 + count(*) FILTER (WHERE indisvalid) FROM pg_index WHERE indexrelid::regclass::text LIKE '%people_email%'";
    assert_eq!(ground.count(0, valid).await, Some(2424));
}

/// One database with twenty-four schemas, each a shard, one after the other.
async fn tenants() -> Option<Ground> {
    let ground = Ground::on(Engine::Postgres, 1).await?;
    for at in 0..TENANTS {
        ground
            .execute(0, &format!("CREATE SCHEMA t{at:02} AUTHORIZATION greylag"))
            .await;
    }
    let shards = shards(&ground);
    let one =
        "[rollout]\nmax-in-flight = 1\nmax-per-host = 1\n\n[[rollout.wave]]\nname = \"all\"\n";
    ground.write_project(
        "greylag.toml",
        &format!("{}{one}{shards}", Ground::head("")),
    );
    ground.migration(
        "V1__people.sql",
        "CREATE TABLE people (id int NOT NULL, email varchar(50));\nINSERT INTO people VALUES (1, 'anna@example.com');\n",
    );
    Some(ground)
}

fn shards(ground: &Ground) -> String {
    let shard = |at| {
        let lines = ground.shard(0, &format!("schema = \"t{at:02}\"\n"));
        lines.replace("\"s00\"", &format!("\"t{at:02}\""))
    };
    (0..TENANTS).map(shard).collect()
}

async fn versions(ground: &Ground, at: usize) -> Option<String> {
    let sql = format!(
        "SELECT string_agg(version, ',' ORDER BY installed_rank) FROM t{at:02}.greylag_schema_history WHERE version IS NOT NULL"
    );
    ground.value(0, &sql).await
}
