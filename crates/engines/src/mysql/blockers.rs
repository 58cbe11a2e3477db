//! Who holds what a connection waits for, as far as the account may see.

use super::{
    link::{Row, Trouble},
    lock,
    session::MysqlSession,
};
use crate::error::EngineError;
use greylag_core::outcome::Blocker;
use std::time::{Duration, Instant};

/// How often InnoDB's transactions may be read: it shows them as they were until nobody has asked for a tenth of a second, so
/// that whoever asks more often sees no change ever.
pub const SLOWLY: Duration = Duration::from_millis(150);

/// The last answer.
#[derive(Debug)]
pub struct Looked {
    at: Instant,
    id: u64,
    found: Vec<Blocker>,
}

/// The sessions that `pid` waits for. What can't be seen is said in the place of a name.
pub async fn of(session: &mut MysqlSession, pid: &str) -> Result<Vec<Blocker>, EngineError> {
    let id: u64 = pid.parse().map_err(|_| EngineError::Foreign {
        address: session.target.address(),
        what: format!("a connection id `{pid}`"),
        why: "it is not a number".into(),
    })?;
    let fresh = |looked: &&Looked| looked.id == id && looked.at.elapsed() < SLOWLY;
    if let Some(looked) = session.looked.as_ref().filter(fresh) {
        return Ok(looked.found.clone());
    }
    let found = look(session, id).await?;
    session.looked = Some(Looked {
        at: Instant::now(),
        id,
        found: found.clone(),
    });
    Ok(found)
}

async fn look(session: &mut MysqlSession, id: u64) -> Result<Vec<Blocker>, EngineError> {
    let mut found: Vec<Blocker> = Vec::new();
    let mut unseen = Vec::new();
    for query in session.flavour.blocker_sql() {
        let answer = session
            .link
            .run(query.sql.replace("{pid}", &id.to_string()))
            .await;
        match answer {
            Ok(answer) => {
                for blocker in answer.rows.iter().filter_map(read) {
                    if !found.iter().any(|b| b.pid == blocker.pid) {
                        found.push(blocker);
                    }
                }
            }
            // Not allowed to look, or the server has no such table.
            Err(Trouble::Server(_)) if query.unseen.is_empty() => {}
            Err(Trouble::Server(_)) => unseen.push(query.unseen),
            Err(trouble) => return Err(session.link.refused(trouble, "looking for who blocks")),
        }
    }
    if found.is_empty() {
        found.extend(unseen.first().map(|why| Blocker {
            pid: "?".into(),
            user: None,
            application: None,
            query: None,
            open_ms: None,
            holds: Some((*why).to_owned()),
        }));
    }
    Ok(found)
}

/// Id, user, what it holds, its query, open milliseconds, application.
pub fn read(row: &Row) -> Option<Blocker> {
    let column = |at: usize| row.get(at).cloned().flatten();
    let query = column(3);
    Some(Blocker {
        pid: column(0)?,
        user: column(1),
        holds: column(2),
        application: column(5).or_else(|| query.as_deref().and_then(lock::named_in_comment)),
        open_ms: column(4).and_then(|ms| ms.parse().ok()),
        query,
    })
}
