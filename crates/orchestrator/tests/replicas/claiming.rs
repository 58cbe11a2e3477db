//! `--claim` over a fleet that takes long: the fleet's anchor is held through it, and its server is kept from ending a session that says
//! nothing.

use crate::fleet::{Replicated, assert_done, name};
use async_trait::async_trait;
use greylag_core::fleet::ShardName;
use greylag_engines::{Observer, OpenError, Session, Target};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::{
    Control,
    apply::{Options, apply},
    planning::{Ask, look_ahead},
    setup::{Open, Servers},
    survey::survey_fleet,
    watch::Blind,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Real servers; who would open a session on one shard waits at the door while it is shut.
struct Door {
    shard: ShardName,
    shut: watch::Sender<bool>,
    waiting: watch::Sender<bool>,
}

#[async_trait]
impl Open for Door {
    async fn open(&self, target: &Target) -> Result<Box<dyn Session>, OpenError> {
        let mut shut = self.shut.subscribe();
        if target.shard == self.shard && *shut.borrow() {
            self.waiting.send_replace(true);
            shut.wait_for(|shut| !shut).await.expect("the test lives");
        }
        Servers.open(target).await
    }

    async fn observe(&self, target: &Target) -> Result<Option<Box<dyn Observer>>, OpenError> {
        Servers.observe(target).await
    }
}

/// The sessions of Greylag's account that have asked for nothing but a sign of life since the log was emptied.
async fn signs_of_life(server: &Server) -> Vec<String> {
    let sql = "SELECT thread_id FROM mysql.general_log WHERE command_type = 'Query' \
               AND CONVERT(argument USING utf8mb4) LIKE '%SELECT 1%' \
               AND CONVERT(argument USING utf8mb4) NOT LIKE '%general_log%'";
    let rows = server.rows("mysql", sql).await.unwrap();
    let mut threads: Vec<String> = rows
        .into_iter()
        .filter_map(|mut row| row.remove(0).1)
        .collect();
    threads.dedup();
    threads
}

async fn keeps_its_anchor_awake(engine: Engine) {
    let Some(fleet) = Replicated::start(engine, 2, 0).await else {
        return;
    };
    // Databases with tables, and nobody's.
    for at in 0..2 {
        let primary = fleet.clusters[at].primary();
        let table = "CREATE TABLE theirs (id int PRIMARY KEY)";
        primary
            .execute(&fleet.databases[at].name, table)
            .await
            .unwrap();
    }
    let door = Arc::new(Door {
        shard: name(1),
        shut: watch::Sender::new(false),
        waiting: watch::Sender::new(false),
    });
    let mut setup = fleet.setup().await;
    setup.open = door.clone();
    let ask = Ask {
        claim: Some(2),
        ..Ask::default()
    };
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    let prospect = look_ahead(&setup, &surveyed, &ask).await.unwrap();

    door.shut.send_replace(true);
    let options = Options::default();
    let run = tokio::spawn(async move {
        let watcher = Arc::new(Blind);
        apply(
            &setup,
            surveyed,
            prospect,
            &ask,
            &options,
            Control::new(),
            watcher,
        )
        .await
    });
    let mut waiting = door.waiting.subscribe();
    waiting.wait_for(|waiting| *waiting).await.unwrap();
    // The anchor's shard is claimed; from now on its session has nothing to do but to be there.
    let anchor = fleet.clusters[0].primary();
    for sql in [
        "SET GLOBAL log_output = 'TABLE'",
        "TRUNCATE mysql.general_log",
        "SET GLOBAL general_log = 1",
    ] {
        anchor.execute("mysql", sql).await.unwrap();
    }
    let deadline = Instant::now() + greylag_lab::patience() * 2;
    let awake = loop {
        let found = signs_of_life(anchor).await;
        if !found.is_empty() {
            break found;
        }
        assert!(Instant::now() < deadline, "its session said nothing");
        assert!(!run.is_finished(), "nobody waited at the door");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let held = "SELECT count(*) FROM information_schema.processlist WHERE id = ";
    let held = anchor.value("mysql", &format!("{held}{}", awake[0])).await;
    assert_eq!(
        held.unwrap().as_deref(),
        Some("1"),
        "one session: {awake:?}"
    );
    anchor
        .execute("mysql", "SET GLOBAL general_log = 0")
        .await
        .unwrap();

    door.shut.send_replace(false);
    let summary = run.await.unwrap().unwrap();
    assert_done(&summary, &Default::default());
    for at in 0..2 {
        assert!(fleet.has(fleet.clusters[at].primary(), at, "one").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_keeps_the_anchor_of_a_run_that_claims_for_long() {
    keeps_its_anchor_awake(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_keeps_the_anchor_of_a_run_that_claims_for_long() {
    keeps_its_anchor_awake(Engine::MariaDb).await;
}
