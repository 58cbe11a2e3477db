//! How often a server is spoken to: counted by a proxy in front of it.

use crate::{
    bench::{Bench, applied, ready, stepwise, target, wrapped},
    nodes::{Nodes, Watch},
};
use greylag_lab::{Options, Proxy, Server};

async fn door(server: &Server) -> Proxy {
    Proxy::start(server.port()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transactional_migration_with_its_history_row_is_one_message() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let proxy = door(&bench.server).await;
    let url = (bench.server).url_through(proxy.port(), "greylag", &bench.database.name);
    let mut session = ready(&target(&url)).await;
    for (version, sql) in [
        ("V1", "CREATE TABLE t (id int PRIMARY KEY)"),
        (
            "V2",
            "ALTER TABLE t ADD COLUMN a text; CREATE INDEX t_a ON t (a);\nINSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, 1000) n",
        ),
        // What it leaves behind is taken back with it, too.
        (
            "V3",
            "SET search_path = pg_catalog; SET ROLE NONE; CREATE TEMP TABLE gone (id int); SET LOCAL lock_timeout = '1s'",
        ),
        (
            "V4",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ),
    ] {
        let before = proxy.messages();
        let (done, _) = applied(session.as_mut(), &wrapped(version, sql)).await;
        assert_eq!(proxy.messages() - before, 1, "{version}");
        assert!(done.position.is_some(), "{version} tells where it is done");
        assert_eq!(bench.rows(&version[1..]).await, "1");
    }
    // The count sees what is sent piece by piece.
    let before = proxy.messages();
    let apart = stepwise("V5", "CREATE TABLE u (id int); CREATE TABLE v (id int)");
    applied(session.as_mut(), &apart).await;
    assert!(proxy.messages() - before > 2);
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_a_node_is_one_message_on_one_connection() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    nodes.write("CREATE TABLE t (id int)").await;
    for server in [nodes.primary(), nodes.cluster.replica(0)] {
        let proxy = door(server).await;
        let url = server.url_through(proxy.port(), "greylag", &nodes.database.name);
        let mut watch = Watch::on(&url).await;
        for look in 0..5 {
            let before = proxy.messages();
            watch.see().await;
            assert_eq!(proxy.messages() - before, 1, "look {look} at {server:?}");
        }
        assert_eq!(proxy.connections(), 1);
    }
}
