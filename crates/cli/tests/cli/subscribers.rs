//! What the verbs show of logical subscribers, of slots and of those who read them, on real servers.

use crate::{listening::Listening, place::Place};
use greylag_lab::{Cluster, Engine, Options, Server, TestDatabase, available};
use serde_json::Value;
use std::time::Instant;

/// A shard, a server that subscribes to it, and a slot for a reader that never comes.
struct Published {
    publisher: Server,
    subscriber: Server,
    there: TestDatabase,
    here: TestDatabase,
    place: Place,
}

impl Published {
    async fn start() -> Option<Published> {
        if !available(Engine::Postgres) {
            return None;
        }
        let publisher = Server::start(Engine::Postgres, Options::default())
            .await
            .unwrap();
        let options = Options::default().on(publisher.installation().clone());
        let subscriber = Server::start(Engine::Postgres, options).await.unwrap();
        let there = publisher.database("shop").await.unwrap();
        let here = subscriber.database("mirror").await.unwrap();
        let place = Place::empty();
        place.write(
            "greylag.toml",
            format!(
                "project = \"shop\"\nenvironment = \"test\"\n[[shard]]\nname = \"eu-7\"\nprimary = \"{}\"\n\
                 replicas = [{{ name = \"mirror\", url = \"{}\", role = \"subscriber\" }}]\n[replicas]\nmax-lag = \"1s\"\n",
                there.url, here.url,
            ),
        );
        place.write(
            "migrations/V1__a.sql",
            "CREATE TABLE a (x int PRIMARY KEY);",
        );
        let published = Published {
            publisher,
            subscriber,
            there,
            here,
            place,
        };
        published
            .publish("CREATE PUBLICATION everything FOR ALL TABLES")
            .await;
        let at = format!(
            "host=127.0.0.1 port={} user=postgres password=greylag dbname={}",
            published.publisher.port(),
            published.there.name
        );
        let subscribe =
            format!("CREATE SUBSCRIPTION mirror CONNECTION '{at}' PUBLICATION everything");
        published.subscribe(&subscribe).await;
        published
            .publish("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')")
            .await;
        Some(published)
    }

    async fn publish(&self, sql: &str) {
        self.publisher.execute(&self.there.name, sql).await.unwrap();
    }

    async fn subscribe(&self, sql: &str) {
        self.subscriber.execute(&self.here.name, sql).await.unwrap();
    }
}

fn node<'a>(status: &'a Value, name: &str) -> &'a Value {
    let nodes = status["shards"][0]["replicas"].as_array().unwrap();
    nodes.iter().find(|node| node["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_and_a_reader_of_a_slot_are_shown_as_what_they_are() {
    let Some(published) = Published::start().await else {
        return;
    };
    let place = &published.place;
    let said = place.run("apply --yes");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("REFRESH PUBLICATION"), "{}", said.err);
    // What the page tells to run is what is run.
    let status = place.json("status --output json", 0);
    let findings = node(&status, "mirror")["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|found| found["kind"] == "not-subscribed");
    let finding = finding.unwrap_or_else(|| panic!("{status:#}"));
    assert_eq!(finding["severity"], "warning");
    let text = finding["text"].as_str().unwrap();
    assert!(text.ends_with("its rows don't come: public.a"), "{text}");
    let (_, refresh) = finding["mend"].as_str().unwrap().split_once(": ").unwrap();
    assert!(place.out("fleet", 0).contains(refresh));
    published.subscribe(refresh).await;
    let status = published.place.until("status --output json", |status| {
        node(status, "mirror")["state"] == "good"
            && node(status, "mirror")["findings"] == Value::Null
    });
    assert_eq!(node(&status, "mirror")["role"], "subscriber");
    let cdc = node(&status, "cdc");
    assert_eq!(cdc["role"], "downstream");
    assert_eq!(cdc["state"], "stalled", "{cdc:#}");
    assert_eq!(cdc["policy"], "observe");
    assert!(cdc["lag_bytes"].as_u64().unwrap() > 0, "{cdc:#}");
    // Nobody waits for it.
    assert_eq!(status["fleet"]["nodes_in_trouble"], 0, "{status:#}");
    for line in ["fleet", "status --shards"] {
        let page = place.out(line, 0);
        assert!(
            page.contains("mirror") && page.contains("subscriber"),
            "{page}"
        );
        assert!(
            page.contains("cdc") && page.contains("downstream"),
            "{page}"
        );
        let why = page.lines().find(|line| line.starts_with("! eu-7/cdc: "));
        assert!(
            why.expect(&page).contains("nobody reads the slot"),
            "{page}"
        );
    }
    let fleet = place.json("fleet --output json", 0);
    assert!(fleet.to_string().contains("\"downstream\""), "{fleet:#}");

    // A column that a person adds to the publisher first, and who watches through a pipe.
    let mut watch = Listening::to(place, "status --watch --output ndjson");
    assert_eq!(watch.next()["schema"], "greylag.status/v1");
    let surveys = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name = 'greylag/survey'";
    let surveyor = published.publisher.value(&published.there.name, surveys);
    let surveyor = surveyor.await.unwrap().expect("it is kept");
    published
        .publish("ALTER TABLE a ADD late int; INSERT INTO a VALUES (1, 1)")
        .await;
    let fails = |line: &Value| {
        let findings = line["node"]["findings"].as_array().into_iter().flatten();
        let stands =
            |found: &Value| found["kind"] == "apply-error" && found["severity"] == "problem";
        line["node"]["name"] == "mirror" && findings.into_iter().any(stands)
    };
    let change = watch.find("that the subscription fails", fails);
    assert_eq!(change["node"]["role"], "subscriber", "{change:#}");
    // Each look is on the connection of the last one.
    let looks = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'greylag/watch'";
    let kept = published
        .publisher
        .value(&published.there.name, looks)
        .await
        .unwrap();
    assert_eq!(kept.as_deref(), Some("1"));
    let kept = published.publisher.value(&published.there.name, surveys);
    assert_eq!(kept.await.unwrap(), Some(surveyor));
    watch.kill();

    published.place.until("status --output json", |status| {
        node(status, "mirror")["state"] == "stalled"
    });
    // The worker comes back again and again, and one look may meet it before it fails.
    for (line, counted) in [("fleet", true), ("status", true), ("doctor", false)] {
        let deadline = Instant::now() + greylag_lab::patience();
        loop {
            let said = place.run(line);
            let page = &said.out;
            let told = "no worker applies the subscription `mirror`";
            let stands = page
                .lines()
                .any(|line| line.trim_start().starts_with("✗ ") && line.contains(told));
            // That it failed, and since when that is counted, is told by each look.
            let failed = "the subscription `mirror` has failed to apply changes";
            let since = page.lines().find(|line| line.contains(failed));
            let since = since.unwrap_or_else(|| panic!("{page}"));
            assert!(since.contains(" since 20"), "{since}");
            assert_eq!(since.starts_with("! eu-7/mirror: "), counted, "{since}");
            if stands {
                assert_eq!(said.code, 5, "{said:?}");
                break;
            }
            assert!(Instant::now() < deadline, "{page}");
        }
    }
    published.subscribe("ALTER TABLE a ADD late int").await;
    let status = published.place.until("status --output json", |status| {
        node(status, "mirror")["state"] == "good"
    });
    // What was counted is told as what was.
    let findings = node(&status, "mirror")["findings"].as_array().unwrap();
    assert!(
        findings.iter().all(|found| found["severity"] == "warning"),
        "{status:#}"
    );
    place.out("status", 0);
}

/// Who looks again and again sees an error stand until it is past, however the worker comes and goes.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_subscription_is_told_through_a_pipe_until_the_row_is_applied() {
    let Some(published) = Published::start().await else {
        return;
    };
    let place = &published.place;
    place.out("apply --yes", 0);
    published
        .subscribe("ALTER SUBSCRIPTION mirror REFRESH PUBLICATION")
        .await;
    published.place.until("status --output json", |status| {
        node(status, "mirror")["findings"] == Value::Null
    });
    // So that a look meets the worker now running, now gone.
    for sql in [
        "ALTER SYSTEM SET wal_retrieve_retry_interval = '1s'",
        "SELECT pg_reload_conf()",
    ] {
        published.subscribe(sql).await;
    }
    let mut watch = Listening::to(place, "fleet list --watch --output ndjson");
    watch.next();
    published
        .publish("ALTER TABLE a ADD late int; INSERT INTO a VALUES (1, 1)")
        .await;
    let stands = |line: &Value| {
        let findings = line["node"]["findings"].as_array().into_iter().flatten();
        let stands =
            |found: &Value| found["kind"] == "apply-error" && found["severity"] == "problem";
        findings.into_iter().any(stands)
    };
    let of_mirror = |line: &Value| line["node"]["name"] == "mirror";
    watch.find("that the subscription fails", |line| {
        of_mirror(line) && stands(line)
    });
    // However often it is tried again.
    let tries = "SELECT apply_error_count FROM pg_stat_subscription_stats";
    let deadline = Instant::now() + greylag_lab::patience();
    loop {
        let count = published
            .subscriber
            .value(&published.here.name, tries)
            .await;
        if count
            .unwrap()
            .is_some_and(|count| count.parse::<u32>().unwrap() >= 6)
        {
            break;
        }
        assert!(Instant::now() < deadline, "it is not tried again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    published.subscribe("ALTER TABLE a ADD late int").await;
    // The first line without it is one of a subscriber that has the row.
    let seen = |line: &Value| line["node"]["state"] != "unreachable";
    let past = watch.find("that it is past", |line| {
        of_mirror(line) && seen(line) && !stands(line)
    });
    assert_ne!(past["node"]["state"], "stalled", "{past:#}");
    let rows = published
        .subscriber
        .value(&published.here.name, "SELECT count(*) FROM a");
    assert_eq!(rows.await.unwrap().as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_runs_on_a_subscriber_and_holds_what_it_would_stop_at() {
    let Some(published) = Published::start().await else {
        return;
    };
    let place = &published.place;
    place.out("apply --yes", 0);
    published
        .subscribe("ALTER SUBSCRIPTION mirror REFRESH PUBLICATION")
        .await;
    place.write("migrations/V2__y.sql", "ALTER TABLE a ADD y int;");
    place.write(
        "migrations/V3__fill.sql",
        "ALTER TABLE a ADD z int; INSERT INTO a VALUES (1, 2, 3);",
    );
    place.write("migrations/V4__rows.sql", "INSERT INTO a VALUES (2, 2, 3);");
    place.write(
        "migrations/V5__block.sql",
        "DO $$ BEGIN UPDATE a SET y = 1; END $$;",
    );
    for line in ["plan", "apply --dry-run"] {
        let page = place.out(line, 0);
        for said in [
            "eu-7/mirror",
            "V2__y.sql     runs before the publisher",
            "V3__fill.sql  runs in part before the publisher; left out: the rows of a come by replication",
            "V4__rows.sql  is left out: the rows of a come by replication",
            "V5: refused on subscriber eu-7/mirror (V5__block.sql:1): whether the statement runs there can't be told",
        ] {
            assert!(page.contains(said), "{said}:\n{page}");
        }
    }
    let plan = place.json("plan --output json", 0);
    let one = &plan["subscribers"][0];
    assert_eq!(one["nodes"][0]["node"], "mirror", "{plan:#}");
    let there: Vec<_> = one["migrations"].as_array().unwrap().iter().collect();
    let words = |at: usize| {
        (
            &there[at]["migration"],
            &there[at]["turn"],
            &there[at]["there"],
        )
    };
    let texts = |at: usize| {
        let (migration, turn, there) = words(at);
        [migration, turn, there].map(|value| value.as_str().unwrap().to_owned())
    };
    assert_eq!(texts(0), ["V2", "before", "runs"]);
    assert_eq!(texts(1), ["V3", "before", "part"]);
    assert_eq!(texts(2), ["V4", "before", "left"]);
    assert_eq!(there.len(), 3);
    assert_eq!(plan["held"][0]["reasons"][0]["hold"], "subscriber");

    let said = place.run("apply --yes");
    assert_eq!(said.code, 6, "{said:?}");
    let status = place.json("status --output json", 0);
    assert_eq!(status["shards"][0]["version"], "4", "{status:#}");
    let said = place.run("apply --yes");
    assert_eq!(said.code, 6, "{said:?}");
    let told = format!("{}{}", said.out, said.err);
    assert!(
        told.contains("nothing was applied: logical subscribers can't take what is pending"),
        "{told}"
    );

    // One that can't be asked is named: its shard's turn is when it is judged.
    published.subscriber.stop_fast().await;
    let page = place.out("plan", 0);
    let said = "what runs there is judged when the shard's turn comes";
    assert!(
        page.contains("eu-7/mirror") && page.contains(said),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_subscribes_to_somebody_else_is_refused() {
    let Some(published) = Published::start().await else {
        return;
    };
    let stranger = Server::start(
        Engine::Postgres,
        Options::default().on(published.publisher.installation().clone()),
    )
    .await
    .unwrap();
    let other = stranger.database("shop").await.unwrap();
    let text = published.place.read("greylag.toml");
    published.place.write(
        "greylag.toml",
        text.replace(&published.there.url, &other.url),
    );
    let page = published.place.out("fleet", 5);
    assert!(page.contains("is no subscriber of this shard"), "{page}");
    let said = published.place.run("apply --yes --no-wait");
    assert_eq!(said.code, 6, "{said:?}");
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains("publication `everything`"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_near_its_limit_and_one_that_is_lost_are_problems_and_hold_a_rollout() {
    if !available(Engine::Postgres) {
        return;
    }
    let options = Options::default().set("max_slot_wal_keep_size", "8MB");
    let cluster = Cluster::start_with(Engine::Postgres, 1, options)
        .await
        .unwrap();
    let database = cluster.database("shop").await.unwrap();
    let place = Place::empty();
    place.write(
        "greylag.toml",
        format!(
            "project = \"shop\"\nenvironment = \"test\"\n[[shard]]\nname = \"eu-7\"\nprimary = \"{}\"\nreplicas = [\"{}\"]\n",
            database.url,
            cluster.replica(0).url(&database.name)
        ),
    );
    place.write("migrations/V1__a.sql", "CREATE TABLE a (x int);");
    let publish = async |sql: &str| {
        let primary = cluster.primary();
        primary.execute(&database.name, sql).await.unwrap();
    };
    let status = || serde_json::from_str::<Value>(&place.run("status --output json").out).unwrap();
    let finding = |status: &Value, kind: &str| {
        let findings = status["shards"][0]["primary"]["findings"].clone();
        let findings = findings.as_array().cloned().unwrap_or_default();
        findings.into_iter().find(|found| {
            found["kind"] == kind && found["text"].as_str().unwrap().contains("`cdc`")
        })
    };
    publish("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')").await;
    // The lab's segments are of 1 MB, and the next one begins without its being written.
    let next = "SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()";
    let mut near = None;
    for _ in 0..20 {
        publish(next).await;
        cluster.wait_replayed().await.unwrap();
        near = finding(&status(), "slot-near-limit");
        if near.is_some() {
            break;
        }
    }
    let near = near.expect("it is never near");
    assert_eq!(near["severity"], "problem");
    let page = place.out("fleet", 5);
    assert!(
        page.contains("✗ eu-7/primary: the slot `cdc` keeps"),
        "{page}"
    );
    assert!(place.run("doctor").out.contains("the slot `cdc` keeps"));
    let said = place.run("apply --yes --no-wait");
    assert_eq!(said.code, 4, "{said:?}");
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains("the slot `cdc` keeps"), "{said:?}");

    for _ in 0..12 {
        publish(next).await;
        cluster.wait_replayed().await.unwrap();
    }
    publish("CHECKPOINT").await;
    let deadline = Instant::now() + greylag_lab::patience();
    let lost = loop {
        let status = status();
        if finding(&status, "slot-lost").is_some() {
            break status;
        }
        assert!(Instant::now() < deadline, "it is never lost: {status:#}");
    };
    let cdc = node(&lost, "cdc");
    assert_eq!(cdc["state"], "stalled", "{cdc:#}");
    assert!(cdc["blame"].to_string().contains("lost"), "{cdc:#}");
    publish("SELECT pg_drop_replication_slot('cdc')").await;
    place.out("apply --yes", 0);
}
