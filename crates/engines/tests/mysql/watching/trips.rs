//! How often a node is spoken to for a look at it: counted by a proxy in front of it.

use super::scene::{on_both_clusters, watch};
use greylag_lab::Proxy;

on_both_clusters!(a_look_at_a_node_is_one_message_on_one_connection(scene, 1) {
    for server in [scene.cluster.primary(), scene.cluster.replica(0)] {
        let proxy = Proxy::start(server.port()).await.unwrap();
        let mut watch = watch(&scene.target_at(proxy.port(), server, "greylag")).await;
        // What this server refuses, and what else is to be asked of it, is learnt once.
        watch.look().await;
        // A server without TLS is dialled twice: where it is only preferred, it is asked for first.
        let dialled = proxy.connections();
        for look in 0..5 {
            let before = proxy.messages();
            watch.look().await;
            assert_eq!(proxy.messages() - before, 1, "look {look} at {server:?}");
        }
        assert_eq!((proxy.connections(), proxy.open_connections()), (dialled, 1));
    }
});
