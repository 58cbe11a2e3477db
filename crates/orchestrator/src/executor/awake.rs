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
    used_each(PULSE, session, awaited).await
}

async fn used_each<T>(
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

    #[tokio::test]
    async fn a_session_is_used_while_something_else_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("s1.db").display());
        let target = Target {
            engine: Engine::Sqlite,
            shard: "s1".parse().unwrap(),
            url: url.parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: "orders".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: Duration::from_secs(10),
            application: "greylag/test".into(),
        };
        let mut session = greylag_engines::open(&target).await.unwrap();
        let pulse = Duration::from_millis(1);
        let waited = async {
            tokio::time::sleep(pulse * 50).await;
            7
        };
        assert_eq!(used_each(pulse, &mut *session, waited).await, 7);
        assert_eq!(session.ask("SELECT 2").await.unwrap().as_deref(), Some("2"));
    }
}
