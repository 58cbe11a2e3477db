//! Standbys: a replica is no primary, and a COMMIT that waits for one that is not there.

use crate::bench::{Bench, apply, target, until, wrapped};
use greylag_core::survey::Role;
use greylag_engines::Attempt;
use greylag_lab::{Cluster, Engine, Options, Server};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_seen_as_one_with_its_primarys_lineage() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let cluster = Cluster::start(Engine::Postgres, 1).await.unwrap();
    let database = cluster.database("p").await.unwrap();
    let look = async |url: &str| {
        crate::bench::open(&target(url))
            .await
            .survey()
            .await
            .unwrap()
    };
    let primary = look(&database.url).await;
    cluster.wait_replayed().await.unwrap();
    let replica = look(&cluster.replica(0).url(&database.name)).await;
    assert_eq!((primary.role, replica.role), (Role::Primary, Role::Replica));
    assert_eq!(primary.server.lineage, replica.server.lineage);
    assert_ne!(primary.server.address, replica.server.address);
}

#[tokio::test]
async fn a_database_that_is_set_read_only_is_seen_as_such() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let name = &bench.database.name;
    bench
        .admin(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = on"
        ))
        .await;
    assert_eq!(
        bench.session().await.survey().await.unwrap().role,
        Role::ReadOnly
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_waits_for_an_absent_standby_is_named_and_a_cancel_leaves_it_applied() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let server = Server::start(Engine::Postgres, Options::default())
        .await
        .unwrap();
    let bench = Bench::on(Arc::new(server)).await;
    let mut session = bench.ready().await;
    bench
        .admin("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        .await;
    bench.admin("SELECT pg_reload_conf()").await;
    let (pid, canceller) = (session.pid(), session.canceller());
    until("the setting holds", async || {
        bench.value("SHOW synchronous_standby_names").await == "nobody"
    })
    .await;
    let job = wrapped("V1", "CREATE TABLE t (id int)");
    let waiting = tokio::spawn(async move { apply(session.as_mut(), &job).await });
    let watcher = tokio::sync::Mutex::new(bench.session().await);
    until("the wait is seen", async || {
        let seen = watcher.lock().await.blockers(&pid).await.unwrap();
        seen.iter()
            .any(|b| b.holds.as_deref().unwrap_or("").contains("SyncRep"))
    })
    .await;
    canceller.cancel().await.unwrap();
    let Attempt::Applied(applied) = waiting.await.unwrap() else {
        panic!("a cancel at that point undoes nothing");
    };
    let told = applied.warnings.join("\n");
    assert!(told.contains("not safely replicated"), "{told}");
    assert_eq!(bench.rows("1").await, "1");
}
