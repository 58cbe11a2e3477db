//! Limits on load, and an account that may not see the load: nothing starts, and the grant that is told mends it. Greylag's own
//! sessions are no load.

use crate::fleet::{Replicated, assert_done, started, until};
use greylag_core::{
    event::Event,
    gate::{LoadKind, WaitReason},
    node::NodePolicy,
};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::{Control, apply::Options};
use std::time::{Duration, Instant};

async fn holds_until_it_is_granted(engine: Engine, key: &str, limit: impl Fn(&mut Replicated)) {
    let Some(mut fleet) = Replicated::start(engine, 1, 1).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(200);
    // What the account may see of the replica is another matter.
    fleet.watched = NodePolicy::Observe;
    limit(&mut fleet);
    fleet.login = Some(("greylag_plain".into(), "greylag".into()));
    let database = fleet.databases[0].name.clone();
    let needed = match engine {
        Engine::Postgres => "GRANT USAGE, CREATE ON SCHEMA public TO greylag_plain".to_owned(),
        _ => format!("GRANT ALL PRIVILEGES ON {database}.* TO greylag_plain@'%'"),
    };
    let primary = fleet.clusters[0].primary();
    primary.execute(&database, &needed).await.unwrap();

    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    let mends = |event: &Event| -> Vec<String> {
        let Event::Held { reasons } = event else {
            return Vec::new();
        };
        let mend = |reason: &WaitReason| match reason {
            WaitReason::ReplicaUnseen {
                node, why, mend, ..
            } if node.to_string() == "s1/primary" && why.contains(&format!("`{key}`")) => {
                mend.clone()
            }
            _ => None,
        };
        reasons.iter().filter_map(mend).collect()
    };
    until(&told, |event| !mends(event).is_empty()).await;
    assert!(!fleet.has(primary, 0, "one").await);
    let told_to = (told.lock().unwrap().iter())
        .find_map(|(_, event)| mends(event).into_iter().next())
        .unwrap();
    control.interrupt();
    run.await.unwrap();

    for grant in told_to.split("; ") {
        assert!(grant.starts_with("GRANT "), "{told_to}");
        primary.execute(&database, grant).await.unwrap();
    }
    fleet.done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_what_a_role_of_postgres_may_not_see_holds_until_it_may() {
    let limit = |fleet: &mut Replicated| fleet.settings.limits.active = Some(100);
    holds_until_it_is_granted(Engine::Postgres, "max-active", limit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_what_an_account_of_mysql_may_not_see_holds_until_it_may() {
    let limit = |fleet: &mut Replicated| fleet.settings.limits.lock_waiters = Some(100);
    holds_until_it_is_granted(Engine::MySql, "max-lock-waiters", limit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_what_an_account_of_mariadb_may_not_see_holds_until_it_may() {
    let limit = |fleet: &mut Replicated| fleet.settings.limits.active_per_host = Some(100);
    holds_until_it_is_granted(Engine::MariaDb, "max-active-per-host", limit).await;
}

/// How often the server was asked whether it is a replica, which each look does.
async fn looks(server: &Server) -> u64 {
    let sql = match server.engine() {
        Engine::MariaDb => {
            "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'COM_SHOW_SLAVE_STATUS'"
        }
        _ => {
            "SELECT count_star FROM performance_schema.events_statements_summary_global_by_event_name WHERE event_name = 'statement/sql/show_replica_status'"
        }
    };
    let count = server.value("mysql", sql).await.unwrap().unwrap();
    count.parse().unwrap()
}

/// An ALTER of the run's own waits for a reader, and no session may wait for a lock: that is no reason to hold.
async fn our_own_hold_nothing(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 1, 1).await else {
        return;
    };
    fleet.done().await;
    fleet.settings.poll = Duration::from_millis(100);
    fleet.settings.limits.lock_waiters = Some(0);
    // It waits for as long as the test takes, seen by every look.
    fleet.policy.lock_timeout = greylag_lab::patience() * 10;
    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;"));
    let database = &fleet.databases[0].name;
    let primary = fleet.clusters[0].primary();
    let row = "INSERT INTO one VALUES (1)";
    primary.execute(database, row).await.unwrap();
    fleet.clusters[0].wait_replayed().await.unwrap();

    let reads = async {
        let _ = primary
            .execute(database, "SELECT *, SLEEP(600) FROM one")
            .await;
    };
    let body = async {
        let count = async |of: &str| {
            let sql = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE {of}");
            primary.value(database, &sql).await.unwrap().unwrap()
        };
        let comes = async |of: &str| {
            let deadline = Instant::now() + greylag_lab::patience();
            while count(of).await == "0" {
                assert!(Instant::now() < deadline, "never: {of}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let reader = "info LIKE 'SELECT *, SLEEP%'";
        comes(reader).await;
        let (run, told) = fleet.run(Options::default()).await;
        until(&told, started(0)).await;
        let waits = "state = 'Waiting for table metadata lock'";
        comes(waits).await;
        let before = looks(primary).await;
        let deadline = Instant::now() + greylag_lab::patience();
        while looks(primary).await < before + 5 {
            assert!(Instant::now() < deadline, "nobody looks");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(count(waits).await, "1", "it waits still");
        let sql = format!("SELECT id FROM information_schema.processlist WHERE {reader}");
        let id = primary.value(database, &sql).await.unwrap().unwrap();
        let kill = format!("KILL {id}");
        primary.execute(database, &kill).await.unwrap();
        assert_done(&run.await.unwrap(), &told);
        let told = told.lock().unwrap();
        let waits = |reason: &WaitReason| {
            matches!(
                reason,
                WaitReason::Load {
                    what: LoadKind::LockWaiters,
                    ..
                }
            )
        };
        let holds =
            |event: &Event| matches!(event, Event::Held { reasons } if reasons.iter().any(waits));
        assert!(!told.iter().any(|(_, event)| holds(event)), "{told:#?}");
    };
    tokio::join!(reads, body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alter_of_our_own_that_waits_on_mysql_holds_nothing() {
    our_own_hold_nothing(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alter_of_our_own_that_waits_on_mariadb_holds_nothing() {
    our_own_hold_nothing(Engine::MariaDb).await;
}
