//! Whose replica a node is.

use super::scene::{Scene, is_level, on_both_clusters, place, upstream};
use greylag_core::{
    engine::Engine,
    node::{NodeSighting, readers},
    position::Reach,
};
use greylag_lab::Known;
use std::process::Stdio;

on_both_clusters!(a_replica_of_another_server_is_told_apart(scene, 1) {
    let other = Scene::start(scene.engine, 1).await.unwrap();
    let above = scene.watch_primary().await.look().await;
    let mut stranger = other.watch_replica(0).await;
    let seen = stranger.until("a level replica", is_level).await;
    let identity = upstream(&seen).identity.clone().unwrap();
    assert!(!above.own.starts_with(&identity), "{identity}: {above:#?}");
    assert_ne!(seen.server.lineage, above.server.lineage);
    assert!(!above.children.iter().any(|child| Some(&child.name) == upstream(&seen).known_as.as_ref()));
    if scene.is_mysql() {
        assert_eq!(place(&seen).reaches(place(&above)), Reach::No, "none of its transactions are there");
    }
});

on_both_clusters!(a_cascade_names_the_replica_that_it_follows(scene, 1) {
    let mut scene = scene;
    scene.cluster.cascade(0).await.unwrap();
    let (mut middle, mut last) = (scene.watch_replica(0).await, scene.watch_replica(1).await);
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let above = scene.watch_primary().await.look().await;
    let seen = last.until("the row", |seen| place(seen).reaches(place(&above)) == Reach::Yes).await;
    let between = middle.look().await;
    let identity = upstream(&seen).identity.clone().unwrap();
    assert_eq!(between.own.split('@').next(), Some(identity.as_str()));
    let known_as = upstream(&seen).known_as.clone().unwrap();
    assert!(between.children.iter().any(|child| child.name == known_as), "{between:#?}");
});

/// Who reads a server's log and is none of these replicas.
fn strangers(server: &NodeSighting, replicas: &[&NodeSighting]) -> Vec<String> {
    let found = readers(server, replicas, true);
    found.into_iter().map(|reader| reader.name).collect()
}

on_both_clusters!(a_reader_of_the_binary_log_is_told_from_the_replicas_beside_it(scene, 2) {
    let (mut first, mut second) = (scene.watch_replica(0).await, scene.watch_replica(1).await);
    let one = first.until("a level replica", is_level).await;
    let two = second.until("a level replica", is_level).await;
    let mut primary = scene.watch_primary().await;
    let seen = primary.until("both replicas", |seen| seen.children.len() == 2).await;
    assert_eq!(strangers(&seen, &[&one, &two]), [""; 0]);
    let server = scene.cluster.primary();
    let reader = server.read_log("cdc", Known::No).await.unwrap();
    let wanted = ["cdc@127.0.0.1"];
    primary.until("the reader", |seen| strangers(seen, &[&one, &two]) == wanted).await;
    // Its replicas are those that they were.
    let seen = primary.look().await;
    assert_eq!(seen.children.iter().filter(|child| !child.logical).count(), 2, "{seen:#?}");
    // One that makes itself known and says that it listens nowhere.
    let again = server.read_log("etl", Known::At(0)).await.unwrap();
    let wanted = ["cdc@127.0.0.1", "etl@127.0.0.1"];
    let sorted = |seen: &NodeSighting| {
        let mut found = strangers(seen, &[&one, &two]);
        found.sort();
        found
    };
    primary.until("both readers", |seen| sorted(seen) == wanted).await;
    drop((reader, again));
    // The server hears that they are gone once it has something to send.
    let mut seen = primary.look().await;
    for id in 1..1000 {
        if strangers(&seen, &[&one, &two]).is_empty() {
            break;
        }
        scene.write(&format!("INSERT INTO t VALUES ({id}, 0)")).await;
        seen = primary.look().await;
    }
    assert_eq!(strangers(&seen, &[&one, &two]), [""; 0]);
});

on_both_clusters!(a_reader_of_a_primary_without_replicas_is_told(scene, 0) {
    let mut primary = scene.watch_primary().await;
    let _reader = scene.cluster.primary().read_log("cdc", Known::No).await.unwrap();
    primary.until("the reader", |seen| strangers(seen, &[]) == ["cdc@127.0.0.1"]).await;
});

// As a connector does that passes for a replica: its host, and a port.
on_both_clusters!(one_that_passes_for_a_replica_and_is_none_of_them_is_told(scene, 1) {
    let mut below = scene.watch_replica(0).await;
    let one = below.until("a level replica", is_level).await;
    let mut primary = scene.watch_primary().await;
    let _reader = scene.cluster.primary().read_log("cdc", Known::At(1)).await.unwrap();
    let seen = primary.until("a reader", |seen| strangers(seen, &[&one]).len() == 1).await;
    // A server of MySQL has a uuid, which nobody else says.
    let found = strangers(&seen, &[&one]);
    match scene.is_mysql() {
        true => assert_eq!(found, ["cdc@127.0.0.1"]),
        false => assert!(found[0].parse::<u32>().is_ok(), "{found:?}"),
    }
});

/// MariaDB's own program for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_s_own_program_is_a_reader() {
    let Some(scene) = Scene::start(Engine::Mariadb, 1).await else {
        return;
    };
    let server = scene.cluster.primary();
    let Some(mut program) = server.installation().own_client("mariadb-binlog") else {
        return;
    };
    scene
        .write("CREATE USER tool@'%' IDENTIFIED BY 'greylag'")
        .await;
    scene
        .write("GRANT REPLICATION SLAVE ON *.* TO tool@'%'")
        .await;
    program
        .args([
            "--no-defaults",
            "--protocol=TCP",
            "--host=127.0.0.1",
            "--user=tool",
            "--password=greylag",
        ])
        .arg(format!("--port={}", server.port()))
        .args(["--read-from-remote-server", "--stop-never", "bin.000001"]);
    let mut program = program.stdout(Stdio::null()).spawn().unwrap();
    let mut below = scene.watch_replica(0).await;
    let one = below.until("a level replica", is_level).await;
    let mut primary = scene.watch_primary().await;
    primary
        .until("the program", |seen| {
            strangers(seen, &[&one]) == ["tool@127.0.0.1"]
        })
        .await;
    program.kill().unwrap();
    program.wait().unwrap();
}

// Server ids may be random, or made of addresses: some are among those of Greylag's own tools.
on_both_clusters!(a_replica_whose_number_is_one_of_our_tools_is_a_replica(scene, 1) {
    let again = |stop: &str, start: &str| format!("{stop}; SET GLOBAL server_id = 1191182337; {start}");
    scene.tell_replica(0, &again("STOP REPLICA", "START REPLICA"), &again("STOP SLAVE", "START SLAVE")).await;
    let mut below = scene.watch_replica(0).await;
    let one = below.until("a level replica", is_level).await;
    let known_as = upstream(&one).known_as.clone().unwrap();
    let mut primary = scene.watch_primary().await;
    let is_it = |seen: &NodeSighting| {
        seen.children.iter().any(|child| child.name == known_as && !child.logical)
    };
    let seen = primary.until("the replica", is_it).await;
    // The source may list it by its old number until it has something to send there.
    let found = strangers(&seen, &[&one]);
    assert!(!found.contains(&known_as), "{found:?}");
});

// Where one account does for everything, the number and the account tell nothing: a tool gives its source's port for its own.
on_both_clusters!(a_replica_that_has_our_tools_number_and_our_account_is_a_replica(scene, 1) {
    scene.write("GRANT REPLICATION SLAVE ON *.* TO greylag@'%'").await;
    scene.tell_replica(
        0,
        "STOP REPLICA; SET GLOBAL server_id = 1191182337; \
         CHANGE REPLICATION SOURCE TO SOURCE_USER = 'greylag', SOURCE_PASSWORD = 'greylag'; START REPLICA",
        "STOP SLAVE; SET GLOBAL server_id = 1191182337; \
         CHANGE MASTER TO MASTER_USER = 'greylag', MASTER_PASSWORD = 'greylag'; START SLAVE",
    ).await;
    let mut below = scene.watch_replica(0).await;
    let one = below.until("a level replica", is_level).await;
    let known_as = upstream(&one).known_as.clone().unwrap();
    let mut primary = scene.watch_primary().await;
    let is_it = |seen: &NodeSighting| {
        seen.children.iter().any(|child| child.name == known_as && !child.logical)
    };
    let seen = primary.until("the replica", is_it).await;
    let found = strangers(&seen, &[&one]);
    assert!(!found.contains(&known_as), "{found:?}");
});
