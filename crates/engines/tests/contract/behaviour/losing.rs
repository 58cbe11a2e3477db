//! Lost connections and cancelled statements: unknown is not failed, and settling tells the truth.

use crate::{
    fixture::Fixture,
    shard::{self, Shard, applied, apply, failed, lock, ready, settled},
};
use greylag_core::outcome::FailureClass;
use greylag_engines::{Attempt, Settled};
use greylag_lab::Direction;
use std::time::{Duration, Instant};

pub async fn a_dropped_session_leaves_all_or_nothing_and_settling_tells_which<F: Fixture>(
    shard: &Shard<F>,
) {
    let mut session = shard.ready().await;
    applied(
        session.as_mut(),
        &[shard.wrapped("V1", "CREATE TABLE t (id integer)")],
    )
    .await;
    let sql = format!("INSERT INTO t VALUES (1); {}", F::WORDS.sleep);
    let mut job = shard.wrapped("V2", &sql);
    // Asking whether it sleeps may keep it from its lock for a moment.
    job.limits.lock_timeout = greylag_lab::patience();
    let sleeps = async {
        let deadline = Instant::now() + greylag_lab::patience();
        while !shard.fixture.sleeps().await {
            assert!(Instant::now() < deadline, "it never sleeps");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = apply(session.as_mut(), &job) => panic!("it should still sleep: {ended:?}"),
        () = sleeps => {}
    }
    drop(session);
    let mut session = shard.session().await;
    lock(session.as_mut()).await;
    assert_eq!(settled(session.as_mut(), &job).await, Settled::Absent);
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 0);
    assert_eq!(shard.rows("2").await, 0);
}

/// Cuts the connection after ever more bytes of the server's answer, and believes what settling says: the effect must be
/// there exactly once in the end.
pub async fn an_answer_lost_at_any_byte_is_settled_truly<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    applied(
        session.as_mut(),
        &[shard.wrapped("V1", "CREATE TABLE t (id integer)")],
    )
    .await;
    drop(session);
    if shard.fixture.proxied().await.is_none() {
        return;
    }
    for (round, bytes) in [0, 1, 5, 40, 90, 150].into_iter().enumerate() {
        let (target, proxy) = shard.fixture.proxied().await.expect("a proxy, as before");
        let mut session = shard::session(&target).await;
        lock(session.as_mut()).await;
        let name = format!("V{}", round + 2);
        let job = shard.wrapped(&name, &format!("INSERT INTO t VALUES ({round})"));
        proxy.cut_after_bytes(bytes, Direction::ToClient);
        let first = apply(session.as_mut(), &job).await;
        drop(session);
        let mut session = shard.session().await;
        lock(session.as_mut()).await;
        match first {
            Attempt::Applied(_) => {
                assert_eq!(settled(session.as_mut(), &job).await, Settled::Applied);
            }
            Attempt::Failed(failure) => {
                assert_eq!(failure.class, FailureClass::Connection, "{failure:?}");
                assert_eq!(settled(session.as_mut(), &job).await, Settled::Absent);
                applied(session.as_mut(), &[job]).await;
            }
            Attempt::Unknown(_) => match settled(session.as_mut(), &job).await {
                Settled::Applied => {}
                Settled::Absent => {
                    applied(session.as_mut(), &[job]).await;
                }
                other => panic!("a transaction can always be settled: {other:?}"),
            },
        }
        let effects = shard
            .count(&format!("SELECT count(*) FROM t WHERE id = {round}"))
            .await;
        let rows = shard.rows(&(round + 2).to_string()).await;
        assert_eq!((effects, rows), (1, 1), "cut after {bytes} bytes");
    }
}

pub async fn a_cancel_ends_the_statement_on_the_server<F: Fixture>(shard: &Shard<F>) {
    let mut session = ready(&shard.fixture.target()).await;
    let canceller = session.canceller();
    let job = shard.wrapped("V1", F::WORDS.sleep);
    let cancelling = tokio::spawn(async move {
        // Too early a cancel finds nothing to end: it is asked for until the answer is there.
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            canceller.cancel().await.unwrap();
        }
    });
    let failure = failed(session.as_mut(), &job).await;
    cancelling.abort();
    assert_eq!(failure.class, FailureClass::Cancelled, "{failure:?}");
    assert_eq!(shard.rows("1").await, 0);
}
