//! Waits beside a session that holds a lock: MySQL and MariaDB end a session that says nothing for a minute, so that one whose
//! machine has vanished lets go.
//!
//! Knows nothing of what is waited for. Waits between two tries are shorter, and need none of this.

use greylag_engines::Session;
use std::time::Duration;

/// How often the session is used: several times within the patience of a server.
const PULSE: Duration = Duration::from_secs(15);

/// Awaits something, and keeps the session in use meanwhile.
pub async fn awake<T>(session: &mut dyn Session, awaited: impl Future<Output = T>) -> T {
    awake_by(PULSE, session, awaited).await
}

async fn awake_by<T>(
    pulse: Duration,
    session: &mut dyn Session,
    awaited: impl Future<Output = T>,
) -> T {
    tokio::pin!(awaited);
    loop {
        tokio::select! {
            came = &mut awaited => return came,
            () = tokio::time::sleep(pulse) => {}
        }
        // Asked to its end: an answer that nobody reads would be the next one's. Whether it is lost is for the next verb to say.
        let asked = session.ask("SELECT 1");
        tokio::pin!(asked);
        tokio::select! {
            came = &mut awaited => {
                let _ = asked.await;
                return came;
            }
            lost = &mut asked => if lost.is_err() {
                return awaited.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_core::engine::Engine;
    use greylag_engines::Target;
    use std::sync::Arc;

    async fn impatient(url: &str) -> Box<dyn Session> {
        let target = Target {
            engine: Engine::Mariadb,
            shard: "s1".parse().unwrap(),
            url: url.parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from(["SET SESSION wait_timeout = 5".to_owned()]),
            project: "orders".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: Duration::from_secs(10),
            application: "greylag/test".into(),
        };
        greylag_engines::open(&target).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_session_outlives_a_wait_that_ends_one_that_says_nothing() {
        let Some(server) = greylag_lab::require(greylag_lab::Engine::MariaDb).await else {
            return;
        };
        let database = server.database("awake").await.unwrap();
        let silent = impatient(&database.url).await;
        let mut waiting = impatient(&database.url).await;
        let there = format!(
            "SELECT count(*) FROM information_schema.processlist WHERE id = {}",
            silent.pid()
        );
        let until = std::time::Instant::now() + greylag_lab::patience();
        let is_gone = async {
            while server.value("", &there).await.unwrap().as_deref() != Some("0") {
                assert!(std::time::Instant::now() < until, "it is still there");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        awake_by(Duration::from_millis(200), &mut *waiting, is_gone).await;
        assert_eq!(waiting.ask("SELECT 2").await.unwrap().as_deref(), Some("2"));
    }
}
