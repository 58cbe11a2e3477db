//! `replicas = "auto"` as the verbs show it, and a run that is killed while its replicas replay.

use crate::{listening::Listening, place::Place};
use greylag_lab::{Cluster, Engine, TestDatabase, available};
use serde_json::Value;
use std::time::Instant;

/// A shard whose replica has one of its own, all of them found by asking.
async fn shows_a_cascade(engine: Engine) {
    if !available(engine) {
        return;
    }
    let mut cluster = Cluster::start(engine, 1).await.unwrap();
    cluster.cascade(0).await.unwrap();
    let database = cluster.database("shop").await.unwrap();
    let place = Place::empty();
    let (one, two) = (cluster.replica(0).port(), cluster.replica(1).port());
    place.write(
        "greylag.toml",
        format!(
            "project = \"shop\"\nenvironment = \"test\"\n[[shard]]\nname = \"eu-7\"\nprimary = \"{}\"\n\
             replicas = \"auto\"\n[replicas]\nmax-lag = \"1s\"\n\
             addresses = {{ replica1 = \"127.0.0.1:{one}\", replica2 = \"127.0.0.1:{two}\" }}\n",
            database.url,
        ),
    );
    place.write("migrations/V1__a.sql", "CREATE TABLE a (x int);");
    place.out("apply --yes", 0);
    let status = place.json("status --output json", 0);
    let nodes = status["shards"][0]["replicas"].as_array().unwrap();
    assert_eq!(nodes.len(), 2, "{status:#}");
    for port in [one, two] {
        let here = |node: &&Value| {
            let address = node["address"].as_str().unwrap_or_default();
            address.ends_with(&format!(":{port}"))
        };
        let node = nodes.iter().find(here).expect("both are found");
        assert_eq!(node["state"], "good", "{node:#}");
    }
    let page = place.out("fleet", 0);
    for port in [one, two] {
        assert!(page.contains(&format!(":{port}")), "{page}");
    }

    // With nothing to replay it is not good either: what comes next will wait.
    cluster.pause_replay(1).await.unwrap();
    let deadline = Instant::now() + greylag_lab::patience();
    while place.json("status --output json", 0)["fleet"]["nodes_in_trouble"] != 1 {
        assert!(Instant::now() < deadline, "it is never told");
    }
    let page = place.out("fleet", 0);
    assert!(page.contains("stalled"), "{page}");
    cluster.resume_replay(1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn standbys_that_the_primary_names_are_shown_with_those_behind_them() {
    shows_a_cascade(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_mysql_names_are_shown_with_those_behind_them() {
    shows_a_cascade(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_mariadb_names_are_shown_with_those_behind_them() {
    shows_a_cascade(Engine::MariaDb).await;
}

/// A shard whose primary says who follows it, with so many replicas; asked as this user.
async fn asked(engine: Engine, replicas: usize, user: &str) -> (Cluster, TestDatabase, Place) {
    let cluster = Cluster::start(engine, replicas).await.unwrap();
    let database = cluster.database("shop").await.unwrap();
    let primary = cluster.primary();
    let url = primary.url_through(primary.port(), user, &database.name);
    let addresses = cluster.replicas().iter().enumerate();
    let addresses: Vec<String> = addresses
        .map(|(at, one)| format!("replica{} = \"127.0.0.1:{}\"", at + 1, one.port()))
        .collect();
    let place = Place::empty();
    place.write(
        "greylag.toml",
        format!(
            "project = \"shop\"\nenvironment = \"test\"\n[[shard]]\nname = \"eu-7\"\nprimary = \"{url}\"\n\
             replicas = \"auto\"\n[replicas]\naddresses = {{ {} }}\n",
            addresses.join(", "),
        ),
    );
    place.write("migrations/V1__a.sql", "CREATE TABLE a (x int);");
    (cluster, database, place)
}

async fn misses_one_until_it_is_forgotten(engine: Engine) {
    if !available(engine) {
        return;
    }
    let (cluster, _database, place) = asked(engine, 2, "greylag").await;
    place.out("apply --yes", 0);
    let port = cluster.replica(1).port();
    cluster.replica(1).kill();
    let page = place.out("fleet", 5);
    let why = page.lines().find(|line| line.starts_with("✗ eu-7/"));
    let why = why.unwrap_or_else(|| panic!("{page}"));
    let (node, _) = why[3..].trim_start().split_once(": ").unwrap();
    assert!(page.contains(&format!(":{port}")), "{page}");
    let forget = format!("fleet forget {node} --reason");
    let said = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("greylag {forget}")), "{page}");
    let status = place.json("status --output json", 5);
    let nodes = status["shards"][0]["replicas"].as_array().unwrap();
    assert_eq!(nodes.len(), 2, "{status:#}");
    let lost = nodes.iter().find(|one| one["state"] == "unreachable");
    let name = lost.expect("it is shown")["name"].as_str().unwrap();
    assert_eq!(node, format!("eu-7/{name}"));

    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    let held = place.run("apply --yes --no-wait");
    assert_eq!(held.code, 4, "{held:?}");
    assert!(
        held.err.contains(node) && held.err.contains(&forget),
        "{held:?}"
    );
    assert_eq!(place.run("fleet forget eu-7/nobody --reason x").code, 2);
    let document = place.json(&format!("{forget} \"scaled down\" --output json"), 0);
    assert_eq!(document["nodes"][0]["node"], name, "{document}");
    // The server may list it until its own sign of life came to nothing.
    let deadline = Instant::now() + greylag_lab::patience() * 3;
    loop {
        let said = place.run("fleet");
        if said.code == 0 {
            break assert!(!said.out.contains(node), "{}", said.out);
        }
        assert!(Instant::now() < deadline, "{}", said.out);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    place.out("apply --yes", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_gone_is_a_problem_until_it_is_forgotten() {
    misses_one_until_it_is_forgotten(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_mysql_that_is_gone_is_a_problem_until_it_is_forgotten() {
    misses_one_until_it_is_forgotten(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_mariadb_that_is_gone_is_a_problem_until_it_is_forgotten() {
    misses_one_until_it_is_forgotten(Engine::MariaDb).await;
}

/// Each grant that doctor prints mends what it calls a problem.
async fn says_which_grants_show_who_follows(engine: Engine) {
    if !available(engine) {
        return;
    }
    let (cluster, database, place) = asked(engine, 1, "greylag_plain").await;
    let primary = cluster.primary();
    let grant = format!(
        "GRANT ALL PRIVILEGES ON `{}`.* TO greylag_plain@'%'",
        database.name
    );
    primary.execute(&database.name, &grant).await.unwrap();
    let said = place.run("doctor");
    assert_eq!(said.code, 5, "{said:?}");
    let at = (said.out.lines()).position(|line| line.contains("✗ who follows"));
    let at = at.unwrap_or_else(|| panic!("{}", said.out));
    assert!(said.out.lines().nth(at).unwrap().contains("can't be seen"));
    let grants: Vec<&str> = (said.out.lines().skip(at + 1))
        .map(str::trim)
        .take_while(|line| line.starts_with("GRANT "))
        .flat_map(|line| line.trim_end_matches(';').split("; "))
        .collect();
    assert_eq!(grants.len(), 2, "{}", said.out);
    let page = place.out("fleet", 5);
    assert!(page.contains("✗ eu-7/primary: who follows"), "{page}");
    for grant in grants {
        primary.execute(&database.name, grant).await.unwrap();
    }
    cluster.wait_replayed().await.unwrap();
    let said = place.run("doctor");
    assert!(!said.out.contains("who follows"), "{}", said.out);
    let page = place.run("fleet").out;
    let port = format!(":{}", cluster.replica(0).port());
    assert!(page.contains(&port), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_which_grants_show_mysqls_replicas() {
    says_which_grants_show_who_follows(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_which_grants_show_mariadbs_replicas() {
    says_which_grants_show_who_follows(Engine::MariaDb).await;
}

/// Two shards, each with a replica, that of the first one paused.
async fn goes_on_after_a_kill(engine: Engine) {
    if !available(engine) {
        return;
    }
    let mut text = "project = \"shop\"\nenvironment = \"test\"\n".to_owned();
    let mut shards = Vec::new();
    for at in 1..=2 {
        let cluster = Cluster::start(engine, 1).await.unwrap();
        let database = cluster.database("shop").await.unwrap();
        let replica = cluster.replica(0).url(&database.name);
        text.push_str(&format!(
            "[[shard]]\nname = \"s{at}\"\nprimary = \"{}\"\nreplicas = [\"{replica}\"]\n",
            database.url
        ));
        shards.push((cluster, database));
    }
    text.push_str(
        "[rollout]\nmax-in-flight = 1\n[replicas]\nmax-lag = \"10m\"\ntimeout = \"2s\"\n",
    );
    let place = Place::empty();
    place.write("greylag.toml", text);
    let files = "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);";
    place.write("migrations/V1__a.sql", files);
    let count = async |at: usize, replica: bool, table: &str| {
        let (cluster, database) = &shards[at];
        let server = match replica {
            true => cluster.replica(0),
            false => cluster.primary(),
        };
        let sql = format!("SELECT count(*) FROM {table}");
        server.value(&database.name, &sql).await.ok().flatten()
    };
    shards[0].0.pause_replay(0).await.unwrap();
    let mut run = Listening::to(&place, "apply --yes --output ndjson");
    let replays = |line: &Value| line["type"] == "shard_replaying";
    let replaying = run.find("that it waits for the replica", replays);
    assert_eq!(replaying["shard"], "s1");
    run.kill();

    // A pipeline that must not wait is told so, and nothing is run.
    let waits = place.run("apply --yes --no-wait --output ndjson");
    assert_eq!(waits.code, 4, "{waits:?}");
    assert_eq!(count(0, false, "a").await.as_deref(), Some("1"));
    assert_eq!(
        count(1, false, "a").await,
        None,
        "the next shard was touched"
    );

    shards[0].0.resume_replay(0).await.unwrap();
    let done = place.run("apply --yes --output ndjson");
    assert_eq!(done.code, 0, "{done:?}");
    let starts: Vec<&str> = done
        .out
        .lines()
        .filter(|line| line.contains("\"shard_started\"") && line.contains("\"s1\""))
        .collect();
    assert!(starts.is_empty(), "it was begun again: {starts:#?}");
    for at in 0..2 {
        for replica in [false, true] {
            let rows = count(at, replica, "a").await;
            assert_eq!(rows.as_deref(), Some("1"), "shard {at}, replica {replica}");
            let history = count(at, replica, "greylag_schema_history").await;
            assert_eq!(history.as_deref(), Some("1"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_while_a_standby_replays_is_taken_up_and_nothing_runs_twice() {
    goes_on_after_a_kill(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_while_mysqls_replica_replays_is_taken_up_and_nothing_runs_twice() {
    goes_on_after_a_kill(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_while_mariadbs_replica_replays_is_taken_up_and_nothing_runs_twice() {
    goes_on_after_a_kill(Engine::MariaDb).await;
}
