//! A primary that changes: several hosts in one URL, and sessions that outlive their server's role.

use crate::{
    bench::{applied, apply, open, ready, target, wrapped},
    nodes::Nodes,
};
use greylag_core::{
    outcome::FailureClass,
    position::{Position, Reach},
    survey::Role,
};
use greylag_engines::{Attempt, OpenError, Target};
use greylag_lab::Options;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_of_several_hosts_leads_to_the_primary_before_and_after_a_failover() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let (old, heir) = (nodes.primary(), nodes.cluster.replica(0));
    let both = |attrs: &str| {
        format!(
            "postgres://greylag:greylag@127.0.0.1,127.0.0.1/{}?port={},{}{attrs}",
            nodes.database.name,
            heir.port(),
            old.port()
        )
    };
    let mut session = ready(&target(&both(""))).await;
    let before = session.survey().await.unwrap();
    assert_eq!(before.role, Role::Primary);
    assert!(before.server.address.ends_with(&old.port().to_string()));
    let (v1, _) = applied(session.as_mut(), &wrapped("V1", "CREATE TABLE t (id int)")).await;
    nodes.cluster.wait_replayed().await.unwrap();
    let mut any = open(&target(&both("&target_session_attrs=any"))).await;
    assert_eq!(any.survey().await.unwrap().role, Role::Replica);

    old.kill();
    assert!(session.survey().await.is_err(), "its server is gone");
    let Err(nobody) = greylag_engines::open(&target(&both(""))).await else {
        panic!("a standby is no primary");
    };
    assert!(
        matches!(nobody, OpenError::Unreachable { .. }),
        "{nobody:?}"
    );

    heir.promote().await.unwrap();
    let mut session = open(&target(&both(""))).await;
    let after = session.survey().await.unwrap();
    assert_eq!(after.role, Role::Primary);
    assert!(after.server.address.ends_with(&heir.port().to_string()));
    assert_eq!(after.server.lineage, before.server.lineage);
    assert_eq!(after.identity, before.identity);
    assert_eq!(after.history.len(), 1, "what was replayed is there");
    crate::bench::lock(session.as_mut()).await;
    let (v2, _) = applied(session.as_mut(), &wrapped("V2", "CREATE TABLE u (id int)")).await;
    let (v1, v2) = (v1.position.unwrap(), v2.position.unwrap());
    assert!(matches!(v2, Position::Wal { timeline: 2, .. }), "{v2}");
    assert_eq!(v2.reaches(&v1), Reach::Incomparable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_several_hosts_accepting_writes_is_said_so() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    let port = nodes.cluster.replica(0).port();
    let url = format!(
        "postgres://greylag:greylag@127.0.0.1,127.0.0.1/{}?port={port}",
        nodes.database.name
    );
    let target = Target {
        connect_timeout: Duration::from_secs(10),
        ..target(&url)
    };
    let Err(OpenError::Unreachable { source, .. }) = greylag_engines::open(&target).await else {
        panic!("a standby is no primary");
    };
    assert_eq!(source.to_string(), "none of its hosts accepts writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_sees_its_server_change_its_role_and_a_standby_refuses_a_migration() {
    let Some(nodes) = Nodes::start(1, Options::default()).await else {
        return;
    };
    ready(&target(&nodes.database.url)).await.close().await;
    nodes.cluster.wait_replayed().await.unwrap();
    let heir = nodes.cluster.replica(0);
    let mut session = open(&target(&heir.url(&nodes.database.name))).await;
    assert_eq!(session.survey().await.unwrap().role, Role::Replica);
    crate::bench::lock(session.as_mut()).await;
    // Somebody demoted it after it was surveyed: nothing is written, and the refusal is one.
    let job = wrapped("V1", "CREATE TABLE t (id int)");
    let Attempt::Failed(failure) = apply(session.as_mut(), &job).await else {
        panic!("a standby writes nothing");
    };
    assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
    assert_eq!(session.position().await.ok().flatten(), None);

    heir.promote().await.unwrap();
    assert_eq!(session.survey().await.unwrap().role, Role::Primary);
    applied(session.as_mut(), &job).await;
}
