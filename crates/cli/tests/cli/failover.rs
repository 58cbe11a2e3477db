//! A promoted standby, as the verbs tell of it; and URLs that name several hosts.

use crate::place::Place;
use greylag_lab::{Cluster, Engine, TestDatabase, available};

struct Moved {
    cluster: Cluster,
    database: TestDatabase,
    place: Place,
}

impl Moved {
    /// `shard` writes the shard's lines, from the ports of its primary and its standby, and the database.
    async fn start(engine: Engine, shard: fn(u16, u16, &str) -> String) -> Option<Moved> {
        if !available(engine) {
            return None;
        }
        let cluster = Cluster::start(engine, 1).await.unwrap();
        let database = cluster.database("shop").await.unwrap();
        let place = Place::empty();
        let (primary, standby) = (cluster.primary().port(), cluster.replica(0).port());
        let lines = shard(primary, standby, &database.name);
        place.write(
            "greylag.toml",
            format!(
                "project = \"shop\"\nenvironment = \"test\"\n[[shard]]\nname = \"eu-7\"\n{lines}\n"
            ),
        );
        place.write("migrations/V1__a.sql", "CREATE TABLE a (x int);");
        Some(Moved {
            cluster,
            database,
            place,
        })
    }

    async fn fail_over(&self) {
        self.cluster.wait_replayed().await.unwrap();
        self.cluster.primary().kill();
        self.cluster.replica(0).promote().await.unwrap();
    }

    /// What the heir's history has.
    async fn had(&self) -> Option<String> {
        let heir = self.cluster.replica(0);
        let versions = "SELECT count(*) FROM greylag_schema_history WHERE version IN ('1', '2')";
        heir.value(&self.database.name, versions).await.unwrap()
    }
}

/// Every verb works before and after the failover, whichever host is the primary.
async fn several_hosts_lead_to_the_primary(engine: Engine, shard: fn(u16, u16, &str) -> String) {
    let Some(moved) = Moved::start(engine, shard).await else {
        return;
    };
    let place = &moved.place;
    place.out("apply --yes", 0);
    place.out("doctor", 0);
    place.out("fleet", 0);
    moved.fail_over().await;

    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    let plan = place.run("plan");
    assert_eq!(plan.code, 0, "{plan:#?}");
    assert!(
        plan.out.contains("V2") && !plan.out.contains("V1"),
        "{plan:#?}"
    );
    let (old, heir) = (moved.cluster.primary(), moved.cluster.replica(0));
    let told = plan.err.lines().find(|line| line.contains("primary moved"));
    let told = told.unwrap_or_else(|| panic!("{plan:#?}"));
    assert!(told.contains(&format!(":{} to ", old.port())), "{told}");
    assert!(
        told.ends_with(&format!(":{} (promoted)", heir.port())),
        "{told}"
    );
    let doctor = place.run("doctor -v");
    assert!(
        doctor.out.contains(&format!(":{}/", heir.port())),
        "{doctor:#?}"
    );
    let fleet = place.run("fleet");
    assert!(
        !fleet.out.contains("greylag:greylag"),
        "a password: {fleet:#?}"
    );
    place.out("apply --yes", 0);
    assert_eq!(moved.had().await.as_deref(), Some("2"));
    let status = place.json("status --output json", 0);
    assert_eq!(status["shards"][0]["version"], "2", "{status:#}");
    // It is where it was left: nothing is told any more.
    let plan = place.run("plan");
    assert!(!plan.err.contains("moved"), "{plan:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_of_two_hosts_with_their_ports_leads_to_the_primary_before_and_after_a_failover() {
    several_hosts_lead_to_the_primary(Engine::Postgres, |primary, standby, database| {
        format!(
            "primary = \"postgres://greylag:greylag@127.0.0.1:{primary},127.0.0.1:{standby}/{database}?target_session_attrs=read-write\""
        )
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_and_ports_among_the_options_of_a_url_lead_to_the_primary_too() {
    several_hosts_lead_to_the_primary(Engine::Postgres, |primary, standby, database| {
        format!(
            "primary = \"postgres://greylag:greylag@127.0.0.1,127.0.0.1/{database}?port={standby},{primary}\""
        )
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_of_mariadb_lead_to_the_primary_before_and_after_a_failover() {
    several_hosts_lead_to_the_primary(Engine::MariaDb, |primary, standby, database| {
        let hosts = format!("127.0.0.1:{primary},127.0.0.1:{standby}");
        format!("primary = \"mariadb://greylag:greylag@{hosts}/{database}\"")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_of_mysql_lead_to_the_primary_before_and_after_a_failover() {
    several_hosts_lead_to_the_primary(Engine::MySql, |primary, standby, database| {
        let hosts = format!("127.0.0.1:{primary},127.0.0.1:{standby}");
        format!("primary = \"mysql://greylag:greylag@{hosts}/{database}\"")
    })
    .await;
}

/// Nobody has seen it follow: a person must say that it is the shard, and is told how.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_nobody_watched_is_accepted_by_the_very_command_that_is_told() {
    let url = |port: u16, database: &str| {
        format!("postgres://greylag:greylag@127.0.0.1:{port}/{database}")
    };
    let Some(moved) = Moved::start(Engine::Postgres, |primary, _, database| {
        format!("primary = \"postgres://greylag:greylag@127.0.0.1:{primary}/{database}\"")
    })
    .await
    else {
        return;
    };
    let (place, database) = (&moved.place, &moved.database.name);
    place.out("apply --yes", 0);
    moved.fail_over().await;
    let (old, heir) = (
        moved.cluster.primary().port(),
        moved.cluster.replica(0).port(),
    );
    let text = place.read("greylag.toml");
    let named = url(old, database);
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");

    // Listed only now: it carries the identity, and proves nothing.
    let listed = format!("{named}\"\nreplicas = [\"{}\"]", url(heir, database));
    place.write("greylag.toml", text.replace(&format!("{named}\""), &listed));
    let said = place.run("plan");
    assert_eq!(said.code, 1, "{said:#?}");
    assert!(said.err.contains("was never proven its node"), "{said:#?}");
    assert!(said.err.contains("point `primary` at it"), "{said:#?}");
    let command = "greylag fleet accept eu-7 --reason …";
    assert!(said.err.contains(command), "{said:#?}");

    place.write("greylag.toml", text.replace(&named, &url(heir, database)));
    let said = place.run("apply --yes");
    assert_eq!(said.code, 6, "{said:#?}");
    assert!(said.err.contains(command), "{said:#?}");
    let accept = command
        .trim_start_matches("greylag ")
        .replace('…', "promoted");
    place.out(&accept, 0);
    place.out("apply --yes", 0);
    assert_eq!(moved.had().await.as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_found_by_every_verb_and_told() {
    let Some(moved) = Moved::start(Engine::Postgres, |primary, standby, database| {
        let url = |port: u16| format!("postgres://greylag:greylag@127.0.0.1:{port}/{database}");
        format!(
            "primary = \"{}\"\nreplicas = [\"{}\"]",
            url(primary),
            url(standby)
        )
    })
    .await
    else {
        return;
    };
    let place = &moved.place;
    place.out("apply --yes", 0);
    moved.fail_over().await;

    let heir = format!("127.0.0.1:{}", moved.cluster.replica(0).port());
    let fleet = place.run("fleet");
    assert!(fleet.err.contains("primary moved from"), "{fleet:#?}");
    assert!(fleet.out.contains("old-primary"), "{fleet:#?}");
    let doctor = place.run("doctor");
    assert!(
        doctor.out.contains("its primary is postgres://"),
        "{doctor:#?}"
    );
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    let apply = place.run("apply --yes");
    assert_eq!(apply.code, 0, "{apply:#?}");
    let moves = format!("to {heir} (promoted)");
    assert!(
        (apply.out.clone() + &apply.err).contains(&moves),
        "{apply:#?}"
    );
    assert_eq!(moved.had().await.as_deref(), Some("2"));

    // The old one comes back and accepts writes: nothing is written anywhere.
    moved.cluster.primary().restart().await.unwrap();
    place.write("migrations/V3__c.sql", "CREATE TABLE c (x int);");
    let apply = place.run("apply --yes");
    assert_eq!(apply.code, 6, "{apply:#?}");
    assert!(apply.err.contains("has two primaries"), "{apply:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_primaries_among_the_hosts_of_a_url_are_refused_and_nothing_is_written() {
    let Some(moved) = Moved::start(Engine::Postgres, |primary, standby, database| {
        let hosts = format!("127.0.0.1:{primary},127.0.0.1:{standby}");
        format!("primary = \"postgres://greylag:greylag@{hosts}/{database}\"")
    })
    .await
    else {
        return;
    };
    let place = &moved.place;
    place.out("apply --yes", 0);
    moved.cluster.wait_replayed().await.unwrap();
    moved.cluster.replica(0).promote().await.unwrap();
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    for line in ["plan", "apply --yes"] {
        let said = place.run(line);
        assert_eq!(said.code, 6, "{said:#?}");
        assert!(said.err.contains("has two primaries"), "{said:#?}");
    }
    let doctor = place.run("doctor");
    assert!(doctor.out.contains("has two primaries"), "{doctor:#?}");
    assert_eq!(moved.had().await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_promoted_beside_its_primary_is_refused_by_every_verb_that_writes() {
    let Some(moved) = Moved::start(Engine::Postgres, |primary, standby, database| {
        let url = |port: u16| format!("postgres://greylag:greylag@127.0.0.1:{port}/{database}");
        format!(
            "primary = \"{}\"\nreplicas = [\"{}\"]",
            url(primary),
            url(standby)
        )
    })
    .await
    else {
        return;
    };
    let place = &moved.place;
    place.out("apply --yes", 0);
    moved.cluster.wait_replayed().await.unwrap();
    moved.cluster.replica(0).promote().await.unwrap();
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    for line in [
        "plan",
        "apply --yes",
        "repair --yes --reason mend",
        "baseline 1 --yes",
    ] {
        let said = place.run(line);
        assert_eq!(said.code, 6, "{line}: {said:#?}");
        let text = said.out.clone() + &said.err;
        assert!(text.contains("has two primaries"), "{line}: {said:#?}");
    }
    assert_eq!(moved.had().await.as_deref(), Some("1"));
    // A person decides.
    moved.cluster.replica(0).kill();
    let plan = place.run("plan");
    assert_eq!(plan.code, 0, "{plan:#?}");
}
