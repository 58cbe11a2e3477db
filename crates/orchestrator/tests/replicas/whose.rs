//! Whose doing a lag is, where it is neither the replica's replay nor a broken line: a line that is slow, a disk that takes nothing.

use crate::{
    cut::holds_and_goes_on,
    fleet::{Replicated, assert_done, name, started, until},
};
use greylag_core::{event::Event, gate::WaitReason, node::Blame};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::Options;
use std::{
    io::{ErrorKind, Read},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

async fn given(engine: Engine) -> Option<Replicated> {
    let mut fleet = Replicated::start(engine, 2, 1).await?;
    fleet.settings.limits.max_lag = Duration::from_secs(1);
    fleet.settings.limits.resume_lag = Duration::from_millis(500);
    fleet.settings.poll = Duration::from_millis(200);
    Some(fleet)
}

/// More than a slow line carries before the test is over, and than the buffers along it hold.
async fn write_much(fleet: &Replicated, engine: Engine) {
    let much: &[&str] = match engine {
        Engine::Postgres => &[
            // What the standby lacks is kept for it.
            "ALTER SYSTEM SET wal_keep_size = '1GB'",
            "SELECT pg_reload_conf()",
            "SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1000))) FROM generate_series(1, 120000)",
        ],
        _ => &[
            "CREATE TABLE filler (i int PRIMARY KEY, x text)",
            "CREATE PROCEDURE fill() BEGIN DECLARE n int DEFAULT 0; \
             WHILE n < 1600 DO INSERT INTO filler VALUES (n, REPEAT('x', 20000)); SET n = n + 1; END WHILE; END",
            // Each row is a transaction of its own.
            "CALL fill()",
        ],
    };
    let primary = fleet.clusters[0].primary();
    for sql in much {
        let database = &fleet.databases[0].name;
        primary.execute(database, sql).await.unwrap();
    }
}

async fn is_the_networks_doing(engine: Engine) {
    let Some(mut fleet) = given(engine).await else {
        return;
    };
    let proxy = fleet.clusters[0].put_between(0).await.unwrap();
    fleet.done().await;
    fleet.clusters[0].wait_replayed().await.unwrap();
    proxy.set_rate(Some(match engine {
        Engine::Postgres => 500_000,
        _ => 100_000,
    }));
    write_much(&fleet, engine).await;
    fleet
        .files
        .push(("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);"));

    let (run, told) = fleet.run(Options::default()).await;
    let holds = |event: &Event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { node, distance: Some(distance), blame: Some(Blame::Network), .. }]
            if node.to_string() == "s1/replica-1" && !distance.is_zero()))
    };
    until(&told, holds).await;
    for at in 0..2 {
        let primary = fleet.clusters[at].primary();
        assert!(!fleet.has(primary, at, "two").await, "{} was", name(at));
    }
    proxy.set_rate(None);
    assert_done(&run.await.unwrap(), &told);
    assert!(fleet.has(fleet.clusters[0].replica(0), 0, "two").await);
    let told = told.lock().unwrap();
    let place = |what: &dyn Fn(&Event) -> bool| told.iter().position(|(_, event)| what(event));
    let freed = place(&|event| matches!(event, Event::Held { reasons } if reasons.is_empty()));
    assert!(freed.unwrap() < place(&started(0)).unwrap(), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_on_a_slow_line_lags_by_the_networks_doing() {
    is_the_networks_doing(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_replica_on_a_slow_line_lags_by_the_networks_doing() {
    is_the_networks_doing(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_replica_on_a_slow_line_lags_by_the_networks_doing() {
    is_the_networks_doing(Engine::MariaDb).await;
}

/// A disk that hangs: what a standby's receiver has written is not on the disk before this goes. The receiver's flushes are held up by
/// `strace`, the only one who can do that to a server that knows nothing of it.
struct HungDisk(Child);

impl HungDisk {
    /// None where this machine has no `strace`, or lets it do nothing; said loudly.
    async fn of(standby: &Server) -> Option<HungDisk> {
        // The lab's servers don't flush.
        for sql in ["ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()"] {
            standby.execute("postgres", sql).await.unwrap();
        }
        let until = Instant::now() + greylag_lab::patience();
        let ask = "SHOW fsync";
        while standby.value("postgres", ask).await.unwrap().as_deref() != Some("on") {
            assert!(Instant::now() < until, "it does not read its settings");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let receiver = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'";
        let pid = standby.value("postgres", receiver).await.unwrap().unwrap();
        let begun = Command::new("strace")
            .args([
                "-qq",
                "-o",
                "/dev/null",
                "-p",
                &pid,
                "-e",
                "trace=fdatasync",
            ])
            .args(["-e", "inject=fdatasync:delay_enter=1000000000"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut hung = match begun {
            Ok(tracer) => HungDisk(tracer),
            Err(why) if why.kind() == ErrorKind::NotFound => return skipped("needs strace"),
            Err(why) => panic!("{why}"),
        };
        let traced = format!("TracerPid:\t{}\n", hung.0.id());
        while !std::fs::read_to_string(format!("/proc/{pid}/status"))
            .unwrap()
            .contains(&traced)
        {
            if let Some(ended) = hung.0.try_wait().unwrap() {
                let mut said = String::new();
                let mut words = hung.0.stderr.take().unwrap();
                words.read_to_string(&mut said).unwrap();
                // In a container without the right to trace, or as somebody whose servers are another's.
                assert!(said.contains("not permitted"), "{ended}: {said}");
                return skipped("needs an strace that may attach to servers");
            }
            assert!(Instant::now() < until, "strace does not come to it");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(hung)
    }
}

fn skipped(why: &str) -> Option<HungDisk> {
    eprintln!("\n##### SKIPPED: a disk that hangs {why}\n");
    None
}

impl Drop for HungDisk {
    fn drop(&mut self) {
        // With its tracer gone, the receiver goes on where it was.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_whose_disk_hangs_lags_by_its_disks_doing() {
    let Some(mut fleet) = given(Engine::Postgres).await else {
        return;
    };
    fleet.done().await;
    fleet.clusters[0].still(0).await.unwrap();
    fleet
        .files
        .push(("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);"));
    let Some(hung) = HungDisk::of(fleet.clusters[0].replica(0)).await else {
        return;
    };
    let is_disk = |blame: &Blame| *blame == Blame::ReplicaDisk;
    holds_and_goes_on(&fleet, "two", is_disk, async || drop(hung)).await;
}
