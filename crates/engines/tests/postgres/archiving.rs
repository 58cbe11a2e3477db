//! Tools that take the log as a standby does, and replay nothing: who keeps an archive, or copies the cluster, is no replica.

use crate::nodes::{Nodes, Watch};
use greylag_core::node::NodeSighting;
use greylag_lab::Options;
use std::{
    path::Path,
    process::{Child, Stdio},
};

/// A tool at work, until this goes.
struct Tool(Child);

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Begins to receive the log under a name.
fn start(nodes: &Nodes, program: &str, name: &str, into: &Path, options: &[&str]) -> Option<Tool> {
    let primary = nodes.primary();
    let mut command = primary.installation().own_client(program)?;
    command
        .arg("--dbname")
        .arg(primary.superuser_url("postgres"))
        .arg("-D")
        .arg(into)
        .args(options)
        .env("PGAPPNAME", name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Some(Tool(command.spawn().unwrap()))
}

/// Looks until it streams to one of this name, and finds in every look that no replica but the standby is there.
async fn is_never_a_replica(watch: &mut Watch, name: &str) -> NodeSighting {
    let is_there = |seen: &NodeSighting| {
        let others = seen.children.iter().filter(|child| !child.logical);
        for child in others {
            assert_eq!(child.name, "replica1", "{:#?}", seen.children);
        }
        let mut named = seen.children.iter().filter(|child| child.name == name);
        // With places: it has said how far it has got.
        named.any(|child| child.state.as_deref() == Some("streaming") && child.logical)
    };
    watch.until(name, is_there).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_an_archive_or_copies_the_cluster_is_no_replica() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut watch = nodes.watch_primary().await;
    for (at, options) in [&["--no-loop"][..], &["--no-loop", "--synchronous"]]
        .iter()
        .enumerate()
    {
        let into = folder.path().join(at.to_string());
        std::fs::create_dir(&into).unwrap();
        let Some(_archiver) = start(&nodes, "pg_receivewal", "pg_receivewal", &into, options)
        else {
            return;
        };
        is_never_a_replica(&mut watch, "pg_receivewal").await;
        nodes
            .write("CREATE TABLE IF NOT EXISTS t (id int); INSERT INTO t VALUES (1)")
            .await;
        is_never_a_replica(&mut watch, "pg_receivewal").await;
    }
    // So slow that it is at it still, and has a second connection that streams.
    let slow = ["--max-rate=32k", "-X", "stream", "--checkpoint=fast"];
    let into = folder.path().join("copy");
    let _copy = start(&nodes, "pg_basebackup", "pg_basebackup", &into, &slow);
    is_never_a_replica(&mut watch, "pg_basebackup").await;
}

/// By any other name it is known once it has said how far it has got.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archiver_of_a_name_of_its_own_is_told_by_what_it_says() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut watch = nodes.watch_primary().await;
    let name = "keeper";
    let Some(_archiver) = start(&nodes, "pg_receivewal", name, folder.path(), &["--no-loop"])
    else {
        return;
    };
    let told = |seen: &NodeSighting| {
        let mut named = seen.children.iter().filter(|child| child.name == name);
        named.any(|child| child.logical)
    };
    watch.until("it is told", told).await;
}

/// A standby's first word has the place that it has replayed to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_comes_back_is_never_taken_for_an_archiver() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let mut watch = nodes.watch_primary().await;
    let standby = nodes.cluster.replica(0);
    for round in 0..3 {
        // A look may well miss that it is gone.
        let restarted = std::cell::Cell::new(false);
        let back = async {
            standby.restart().await.unwrap();
            restarted.set(true);
        };
        let looking = watch.until("it is back", |seen| {
            let one = seen.children.iter().find(|one| one.name == "replica1");
            assert!(one.is_none_or(|one| !one.logical), "{round}: {one:#?}");
            restarted.get() && one.is_some_and(|one| one.replayed.is_some())
        });
        tokio::join!(back, looking);
    }
}
