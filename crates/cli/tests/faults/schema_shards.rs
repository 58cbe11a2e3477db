//! Shards that are schemas of one database: each has its own lock, history and failures.

use crate::{
    door::{Door, THROUGH},
    ground::Ground,
    run::eventually,
};
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

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_open_than_shards_in_flight_and_the_anchor() {
    let Some(ground) = tenants().await else {
        return;
    };
    at_a_time(&ground, 3);
    // Those that were closed may be there for a moment still; far fewer than there are schemas.
    let database = &ground.databases[0];
    let limit = async |many: i32| {
        let sql = format!("ALTER DATABASE {database} CONNECTION LIMIT {many}");
        ground.execute(0, &sql).await;
    };
    limit(8).await;
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("24 shards changed");
    for at in 0..TENANTS {
        assert_eq!(versions(&ground, at).await.as_deref(), Some("1"));
    }
    // A refused one is tried again, and only the server tells of it.
    let log = std::fs::read(ground.server().log_file()).expect("its log");
    let refused = format!("too many connections for database \"{database}\"");
    assert!(!String::from_utf8_lossy(&log).contains(&refused));

    // While three stand still in their migrations, what is open is theirs, and the anchor's. (Who looks up what they wait for comes and
    // goes.)
    limit(-1).await;
    let through = THROUGH.replace(
        "INTO effect SELECT 'through'",
        "INTO people SELECT 2, 'through'",
    );
    ground.migration("V2__through.sql", &through);
    let door = Door::shut(&ground, 0).await;
    let run = ground.start(&["apply", "--yes"]);
    let at_the_door = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'greylag/%'";
    for (what, sql, count) in [
        ("three at the door", at_the_door, 3),
        ("four sessions", open, 4),
    ] {
        eventually(what, async || ground.count(0, sql).await == Some(count)).await;
    }
    door.open().await;
    run.end().await.ends(0).says("24 shards changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_index_is_built_concurrently_in_one_schema_no_sister_has_a_transaction_open() {
    let Some(ground) = tenants().await else {
        return;
    };
    at_a_time(&ground, 1);
    ground.run(&["apply", "--yes"]).await.ends(0);
    at_a_time(&ground, 2);
    // One is at its index, which somebody's transaction holds up; the other comes after it.
    ground.migration(
        "V2__index.sql",
        "-- greylag:lock-timeout 10m\nCREATE INDEX CONCURRENTLY people_email ON people (email);\n",
    );
    ground.migration(
        "V3__row.sql",
        "INSERT INTO people VALUES (3, 'eve@example.com');\n",
    );
    let holder = ground.somebody(
        0,
        "BEGIN; LOCK TABLE t00.people IN ROW EXCLUSIVE MODE; SELECT pg_sleep(3600)",
    );
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.query LIKE '%CONCURRENTLY%' AND a.datname = current_database()";
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 't00.people'::regclass AND granted";
    eventually("the table is held", async || {
        ground.count(0, held).await >= Some(1)
    })
    .await;
    let mut run = ground.start(&["apply", "--yes", "--only", "t00", "t01"]);
    eventually("the build waits", async || {
        ground.count(0, waits).await >= Some(1)
    })
    .await;
    run.until_it_says("is at a statement that no transaction may be beside")
        .await;
    let free = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 't00.people'::regclass AND granted AND mode = 'RowExclusiveLock'";
    ground.execute(0, free).await;
    holder.abort();
    run.end().await.ends(0);
    for at in 0..2 {
        assert_eq!(versions(&ground, at).await.as_deref(), Some("1,2,3"));
    }
}

/// So many shards in flight, all in one wave.
fn at_a_time(ground: &Ground, many: usize) {
    let settings = format!(
        "[rollout]\nmax-in-flight = {many}\nmax-per-host = {many}\n\n[[rollout.wave]]\nname = \"all\"\n"
    );
    let shards = shards(ground);
    ground.write_project(
        "greylag.toml",
        &format!("{}{settings}{shards}", Ground::head("")),
    );
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
    let one = "[rollout]\nmax-in-flight = 1\nmax-per-host = 1\n\n[[rollout.wave]]\nname = \"all\"\n\n[lint.severity]\nadd-index-blocking = \"off\"\n\n";
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
