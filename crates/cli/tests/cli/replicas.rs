//! What the verbs show of replicas on real servers.

use crate::{listening::Listening, place::Place};
use greylag_lab::{Cluster, Engine, TestDatabase, available};
use serde_json::Value;
use std::collections::BTreeSet;

/// One shard with a replica, as a project.
pub struct Watched {
    pub cluster: Cluster,
    pub database: TestDatabase,
    pub place: Place,
}

impl Watched {
    /// `user` is whom Greylag connects as.
    pub async fn start(engine: Engine, user: &str) -> Option<Watched> {
        if !available(engine) {
            return None;
        }
        let cluster = Cluster::start(engine, 1).await.unwrap();
        let database = cluster.database("shop").await.unwrap();
        let url =
            |server: &greylag_lab::Server| server.url_through(server.port(), user, &database.name);
        let place = Place::empty();
        place.write(
            "greylag.toml",
            format!(
                "project = \"shop\"\nenvironment = \"test\"\n[[shard]]\nname = \"eu-7\"\nprimary = \"{}\"\n\
                 replicas = [{{ name = \"b\", url = \"{}\" }}]\n[replicas]\nmax-lag = \"1s\"\n",
                url(cluster.primary()),
                url(cluster.replica(0)),
            ),
        );
        place.write("migrations/V1__a.sql", "CREATE TABLE a (x int);");
        Some(Watched {
            cluster,
            database,
            place,
        })
    }

    /// Something that a paused replica has not replayed.
    async fn write(&self) {
        let statement = "CREATE TABLE late (x int)";
        let primary = self.cluster.primary();
        primary
            .execute(&self.database.name, statement)
            .await
            .unwrap();
    }
}

/// Each engine shows its replica as it is, and one that was paused with its lag and the reason.
async fn shows_a_paused_replica(engine: Engine) {
    let Some(watched) = Watched::start(engine, "greylag").await else {
        return;
    };
    let place = &watched.place;
    place.out("apply --yes", 0);
    let status = place.json("status --output json", 0);
    let replica = &status["shards"][0]["replicas"][0];
    assert_eq!(replica["name"], "b");
    assert_eq!(replica["state"], "good", "{replica:#}");
    assert_eq!(status["fleet"]["replicas"], 1);
    assert_eq!(status["fleet"]["nodes_in_trouble"], 0);
    assert_eq!(status["shards"][0]["primary"]["role"], "primary");

    watched.cluster.pause_replay(0).await.unwrap();
    watched.write().await;
    let status = place.until("status --output json", |status| {
        status["fleet"]["nodes_in_trouble"] == 1
    });
    let replica = &status["shards"][0]["replicas"][0];
    assert_eq!(replica["state"], "stalled", "{replica:#}");
    let figures = ["lag_bytes", "lag_transactions"].map(|key| replica[key].as_u64());
    assert!(figures.into_iter().flatten().any(|n| n > 0), "{replica:#}");

    for line in ["fleet", "status"] {
        let page = place.out(line, 0);
        assert!(page.contains("stalled"), "{page}");
        let why = page.lines().find(|line| line.starts_with("! eu-7/b: "));
        assert!(why.expect(&page).contains("behind"), "{page}");
    }
    let page = place.out("fleet", 0);
    for line in page.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_standby_is_shown_with_its_lag_and_the_reason() {
    shows_a_paused_replica(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mysql_replica_whose_sql_thread_stands_is_shown_with_its_lag() {
    shows_a_paused_replica(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_replica_whose_sql_thread_stands_is_shown_with_its_lag() {
    shows_a_paused_replica(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_down_is_a_problem_with_its_name_and_address() {
    let Some(watched) = Watched::start(Engine::Postgres, "greylag").await else {
        return;
    };
    let port = watched.cluster.replica(0).port();
    watched.cluster.replica(0).kill();
    let page = watched.place.out("fleet", 5);
    assert!(page.contains("✗ eu-7/b: "), "{page}");
    assert!(page.contains(&format!("127.0.0.1:{port}")), "{page}");
    assert!(!page.contains("greylag:"), "a password: {page}");
    let status = watched.place.json("status --output json", 5);
    let replica = &status["shards"][0]["replicas"][0];
    assert_eq!(replica["state"], "unreachable");
    assert_eq!(replica["lag_seconds"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_prints_the_grants_that_watching_lacks_and_is_content_once_they_are_given() {
    let Some(watched) = Watched::start(Engine::Postgres, "greylag_plain").await else {
        return;
    };
    let grant = format!(
        "GRANT CREATE ON DATABASE {0} TO greylag_plain; GRANT USAGE, CREATE ON SCHEMA public TO greylag_plain",
        watched.database.name
    );
    let primary = watched.cluster.primary();
    primary
        .execute(&watched.database.name, &grant)
        .await
        .unwrap();
    let said = watched.place.run("doctor");
    assert!(said.out.contains("eu-7/b (127.0.0.1:"), "{}", said.out);
    let grants: Vec<_> = said
        .out
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("GRANT pg_monitor TO "))
        .collect();
    assert!(!grants.is_empty(), "{}", said.out);
    // As it is printed.
    primary
        .execute(&watched.database.name, grants[0])
        .await
        .unwrap();
    watched.cluster.wait_replayed().await.unwrap();
    let said = watched.place.run("doctor -v");
    assert!(!said.out.contains("GRANT pg_monitor"), "{}", said.out);
    assert!(
        said.out.contains("all that watching it needs can be seen"),
        "{}",
        said.out
    );
}

/// The statements as they are printed, each once.
fn grants_in(page: &str) -> BTreeSet<&str> {
    let lines = page.lines().map(str::trim);
    lines.filter(|line| line.starts_with("GRANT ")).collect()
}

/// A plain account is told what it lacks, on the primary and on the replica; run as printed, on the primary, that is all it needs.
async fn prints_the_grants_that_a_plain_account_lacks(engine: Engine, watching: &str) {
    let Some(watched) = Watched::start(engine, "greylag_plain").await else {
        return;
    };
    let primary = watched.cluster.primary();
    let mut said = watched.place.run("doctor");
    assert_eq!(said.code, 5, "{}", said.out);
    let (of_shard, of_nodes) = said.out.split_once("eu-7/primary (").expect(&said.out);
    let entry = format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON `{}`.* TO 'greylag_plain'@'%';",
        watched.database.name
    );
    assert!(of_shard.contains(&entry), "{}", said.out);
    let (of_primary, of_replica) = of_nodes.split_once("eu-7/b (").expect(&said.out);
    assert!(of_primary.contains(watching), "{watching}: {}", said.out);
    assert!(of_replica.contains(watching), "{watching}: {}", said.out);
    // What it follows can't be seen: that is no reason to take it out of the project.
    assert!(!of_replica.contains("no replica"), "{}", said.out);

    // Once it is let in, more is seen, and may be missing.
    for _ in 0..2 {
        for grant in grants_in(&said.out) {
            primary.execute("mysql", grant).await.unwrap();
        }
        watched.cluster.wait_replayed().await.unwrap();
        said = watched.place.run("doctor -v");
    }
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(grants_in(&said.out).is_empty(), "{}", said.out);
    let content = "all that watching it needs can be seen";
    assert_eq!(said.out.matches(content).count(), 2, "{}", said.out);
    // And it is.
    watched.place.out("apply --yes", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_prints_the_grants_that_watching_mysql_lacks_and_is_content_once_they_are_given() {
    let watching = "GRANT REPLICATION CLIENT ON *.* TO 'greylag_plain'@'%';";
    prints_the_grants_that_a_plain_account_lacks(Engine::MySql, watching).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_prints_the_grants_that_watching_mariadb_lacks_and_is_content_once_they_are_given() {
    let watching = "GRANT SLAVE MONITOR ON *.* TO 'greylag_plain'@'%';";
    prints_the_grants_that_a_plain_account_lacks(Engine::MariaDb, watching).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_through_a_pipe_is_told_what_changed() {
    let Some(watched) = Watched::start(Engine::Postgres, "greylag").await else {
        return;
    };
    watched.place.out("apply --yes", 0);
    let mut watch = Listening::to(&watched.place, "status --watch --output ndjson");
    let first = watch.next();
    assert_eq!(first["schema"], "greylag.status/v1");
    watched.cluster.pause_replay(0).await.unwrap();
    watched.write().await;
    let change = watch.find("a change of a node", |line| line["type"] == "node");
    assert_eq!(change["schema"], "greylag.change/v1");
    assert_eq!(change["was"], "good", "{change:#}");
    assert_eq!(change["node"]["name"], "b");
    watched.cluster.resume_replay(0).await.unwrap();
    let good = watch.find("that it is good again", |line| line["is"] == "good");
    assert_eq!(good["node"]["shard"], "eu-7");
}

/// What a pipeline is told that does not wait: the work is there, and the replica has not replayed it. The next run waits for that alone.
async fn ends_with_four_for_what_is_not_replayed(engine: Engine) {
    let Some(watched) = Watched::start(engine, "greylag").await else {
        return;
    };
    let place = &watched.place;
    let project = place.read("greylag.toml");
    // It is within its limit, however long it replays nothing.
    let project = project.replace("max-lag = \"1s\"", "max-lag = \"1h\"\ntimeout = \"500ms\"");
    place.write("greylag.toml", project);
    place.out("apply --yes", 0);
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    watched.cluster.pause_replay(0).await.unwrap();

    let lines = place.lines("apply --yes --no-wait --output ndjson", 4);
    let told = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((told("migration_applied"), told("not_replayed")), (1, 1));
    let summary = lines.last().unwrap();
    assert_eq!(summary["verdict"], "waiting", "{summary:#}");
    let waiting = summary["waiting"].as_array().unwrap();
    let waits = waiting
        .iter()
        .any(|reason| reason["wait"] == "not_replayed");
    assert!(waits, "{summary:#}");
    let there = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'b'";
    let database = &watched.database.name;
    let count = watched.cluster.primary().value(database, there).await;
    let rolled_back = "nothing is rolled back";
    assert_eq!(count.unwrap().as_deref(), Some("1"), "{rolled_back}");
    let count = watched.cluster.replica(0).value(database, there).await;
    assert_eq!(count.unwrap().as_deref(), Some("0"));
    // Asked again, it says so again, and runs nothing twice.
    let lines = place.lines("apply --yes --no-wait --output ndjson", 4);
    assert!(!lines.iter().any(|line| line["type"] == "migration_applied"));
    let page = place.run("apply --yes --no-wait");
    assert_eq!(page.code, 4, "{page:?}");
    let page = format!("{}{}", page.out, page.err);
    assert!(page.contains("eu-7"), "{page}");

    watched.cluster.resume_replay(0).await.unwrap();
    watched.cluster.wait_replayed().await.unwrap();
    let lines = place.lines("apply --yes --no-wait --output ndjson", 0);
    assert!(!lines.iter().any(|line| line["type"] == "migration_applied"));
    assert_eq!(lines.last().unwrap()["verdict"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wait_ends_with_four_for_a_standby_that_has_not_replayed() {
    ends_with_four_for_what_is_not_replayed(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wait_ends_with_four_for_a_mariadb_replica_that_has_not_replayed() {
    ends_with_four_for_what_is_not_replayed(Engine::MariaDb).await;
}
