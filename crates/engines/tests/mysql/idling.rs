//! A session that says nothing any more: the machine that it came from may have vanished, and nobody tells the server.

use crate::stage::{Stage, hold, job, succeed};
use greylag_engines::{LockAttempt, Session};
use greylag_lab::Proxy;
use std::time::Duration;

async fn seconds(session: &mut dyn Session) -> u64 {
    let said = session.ask("SELECT @@wait_timeout").await.unwrap();
    said.unwrap().parse().unwrap()
}

/// Holds the shard's lock behind a proxy that then goes silent; the server may wait so long, if not as long as it is told to.
async fn vanished(stage: &Stage, patience: Option<u64>) -> (Box<dyn Session>, Proxy) {
    let proxy = Proxy::start(stage.server.port()).await.unwrap();
    let url = stage
        .server
        .url_through(proxy.port(), "greylag", &stage.database.name);
    let mut session = greylag_engines::open(&stage.target_at(&url)).await.unwrap();
    hold(session.as_mut()).await;
    if let Some(seconds) = patience {
        let sql = format!("SET SESSION wait_timeout = {seconds}");
        let _ = session.ask(&sql).await;
    }
    proxy.stall(true);
    (session, proxy)
}

on_both!(a_session_may_be_silent_for_a_minute_at_most(stage, shared) {
    let mut session = stage.ready().await;
    assert!((30..=120).contains(&seconds(session.as_mut()).await));
    // Whatever a file makes of it.
    succeed(session.as_mut(), &job("1", &["SET SESSION wait_timeout = 28800", "CREATE TABLE t (a int)"])).await;
    session.survey().await.unwrap();
    assert!((30..=120).contains(&seconds(session.as_mut()).await));
});

on_both!(a_vanished_machine_keeps_the_lock_no_longer_than_its_session_may_be_silent(stage, shared) {
    // In full, as long as it is told to.
    let full = std::env::var("GREYLAG_FULL").is_ok_and(|full| full == "1");
    let patience = (!full).then_some(2);
    let (gone, _proxy) = vanished(&stage, patience).await;
    let mut heir = stage.open().await;
    assert!(matches!(heir.try_lock().await.unwrap(), LockAttempt::Busy { .. }));
    let until = std::time::Instant::now() + greylag_lab::patience() * 3;
    while let LockAttempt::Busy { holder } = heir.try_lock().await.unwrap() {
        assert!(std::time::Instant::now() < until, "{holder:?} still has it");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(gone);
});
