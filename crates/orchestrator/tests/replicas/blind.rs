//! `replicas = "auto"` with an account that may not see who follows: that is not nobody.

use crate::fleet::{Replicated, assert_done, replaying, until};
use greylag_core::{event::Event, gate::WaitReason};
use greylag_lab::Engine;
use greylag_orchestrator::{
    Control,
    apply::{Options, Verdict},
};
use std::time::Duration;

async fn is_not_taken_for_alone(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 1, 1).await else {
        return;
    };
    fleet.auto = true;
    fleet.settings.poll = Duration::from_millis(100);
    fleet.login = Some(("greylag_plain".into(), "greylag".into()));
    let database = fleet.databases[0].name.clone();
    // All that it needs but to see who follows.
    let (others, lacking) = match engine {
        Engine::MySql => (
            ["REPLICATION CLIENT", "PROCESS"].as_slice(),
            ["REPLICATION SLAVE ON *.*", "SELECT ON performance_schema.*"],
        ),
        _ => (
            ["SLAVE MONITOR"].as_slice(),
            ["REPLICATION MASTER ADMIN ON *.*", "PROCESS ON *.*"],
        ),
    };
    let primary = fleet.clusters[0].primary();
    let whole = format!("GRANT ALL PRIVILEGES ON `{database}`.* TO greylag_plain@'%'");
    let others = others
        .iter()
        .map(|grant| format!("GRANT {grant} ON *.* TO greylag_plain@'%'"));
    for grant in std::iter::once(whole).chain(others) {
        primary.execute(&database, &grant).await.unwrap();
    }
    fleet.clusters[0].wait_replayed().await.unwrap();

    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    let said = |event: &Event| match event {
        Event::Held { reasons } => reasons.iter().find_map(|reason| match reason {
            WaitReason::NoReplicas { why, .. } => Some(why.clone()),
            _ => None,
        }),
        _ => None,
    };
    until(&told, |event| said(event).is_some()).await;
    let why = told
        .lock()
        .unwrap()
        .iter()
        .find_map(|(_, event)| said(event));
    let why = why.unwrap();
    assert!(why.contains("can't be seen; GRANT "), "{why}");
    for grant in lacking {
        let grant = format!("GRANT {grant} TO 'greylag_plain'@'%'");
        assert!(why.contains(&grant), "{grant} in: {why}");
    }
    assert!(!fleet.has(primary, 0, "one").await);
    control.interrupt();
    assert_ne!(run.await.unwrap().verdict, Verdict::Done);

    // As it says.
    let (_, grants) = why.split_once("can't be seen; ").unwrap();
    for grant in grants.split("; ") {
        primary.execute(&database, grant).await.unwrap();
    }
    fleet.clusters[0].wait_replayed().await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    assert_done(&run.await.unwrap(), &told);
    let was_waited_for = told
        .lock()
        .unwrap()
        .iter()
        .any(|(_, event)| replaying(0)(event));
    assert!(was_waited_for, "it is done without its replica");
    assert!(fleet.has(fleet.clusters[0].replica(0), 0, "one").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_see_mysqls_replicas_holds_with_the_grants() {
    is_not_taken_for_alone(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_see_mariadbs_replicas_holds_with_the_grants() {
    is_not_taken_for_alone(Engine::MariaDb).await;
}
