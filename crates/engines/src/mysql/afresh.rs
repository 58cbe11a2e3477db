//! The session as the next file is to find it: as new, on the same connection.
//!
//! The server takes everything back at once (variables, user variables, temporary tables, prepared statements, handlers), and the
//! named locks with it. The shard's lock is taken again at once, and what was seen under it is held against what is there: if
//! somebody came between, nothing goes on. What a login brings and a reset does not is set again: the variables are compared, all
//! of them, with what they were before the first file.

use super::{
    link::{Answer, Row, Trouble},
    lock, mark, open, quote,
    session::MysqlSession,
};
use crate::{error::EngineError, session_sql};
use greylag_core::outcome::FailureClass;
use std::collections::BTreeMap;

/// Variables of a session with their values.
pub type Variables = BTreeMap<String, String>;

const VARIABLES: &str = "SHOW SESSION VARIABLES";

const DOING: &str = "renewing the session";

/// The server's word that a variable is not one of the session's, or nobody's to set.
const NOT_OURS: [u16; 2] = [1229, 1238];

/// What is another each time one looks.
const VOLATILE: [&str; 9] = [
    "timestamp",
    "error_count",
    "warning_count",
    "identity",
    "last_insert_id",
    "insert_id",
    "pseudo_thread_id",
    "statement_id",
    "last_gtid",
];

/// Makes a session that has carried a file like new: three round trips.
pub async fn renew(session: &mut MysqlSession) -> Result<(), EngineError> {
    if !session.dirty {
        return Ok(());
    }
    let own =
        session_sql::statements(&session.target).map_err(|why| lost(session, why.to_string()))?;
    let before = settle(session).await.map_err(|t| refused(session, t))?;
    let reset = session.link.reset().await;
    reset.map_err(|t| refused(session, t))?;
    let keys = std::mem::take(&mut session.held);
    let mut packet = vec![
        open::settings(),
        // Whoever has a file behind it holds the shard's lock, so that this server lets it lock.
        mark::SET.to_owned(),
        // MariaDB's reset keeps it.
        "SET SESSION last_insert_id = 0".to_owned(),
        format!("USE {}", quote::name(&session.names.database)),
        format!("SET ROLE {}", role(session.role.as_deref())),
    ];
    packet.extend(own);
    let take = |key: &String| format!("SELECT GET_LOCK({}, 0)", quote::text(key));
    packet.extend(keys.iter().map(take));
    packet.extend([seen(session), VARIABLES.to_owned()]);
    let mut answers = Vec::new();
    let ran = session
        .link
        .run_all(packet.join("\n; "), &mut answers)
        .await;
    ran.map_err(|t| refused(session, t))?;
    // From the end: session SQL before them may have answers of its own.
    let now = pairs(answers.pop().unwrap_or_default());
    let after = first(answers.pop());
    for key in keys.into_iter().rev() {
        if first(answers.pop()).first() == Some(&Some("1".to_owned())) {
            session.held.insert(0, key);
        }
    }
    if let Some(before) = before {
        let ours = lock::keys(session);
        if !ours.iter().all(|key| session.held.contains(key)) {
            return Err(lost(session, "another program took it".into()));
        }
        if after != before {
            return Err(lost(session, "another program had it meanwhile".into()));
        }
    }
    restore(session, &now).await?;
    session.dirty = false;
    Ok(())
}

/// Looks at the variables before the first file.
pub async fn remember(session: &mut MysqlSession) -> Result<(), EngineError> {
    if session.found.is_none() {
        let answer = session.link.run(VARIABLES).await;
        let answer = answer.map_err(|t| refused(session, t))?;
        session.found = Some(pairs(answer));
    }
    Ok(())
}

/// Ends what a file left open, and looks at what is there under the lock, where it is held.
async fn settle(session: &mut MysqlSession) -> Result<Option<Row>, Trouble> {
    let packet = format!(
        "ROLLBACK; UNLOCK TABLES; {}; SELECT {} LIMIT 1; {}",
        session.flavour.reset_sql(),
        lock::held_condition(session),
        seen(session)
    );
    let mut answers = Vec::new();
    session.link.run_all(packet, &mut answers).await?;
    let seen = first(answers.pop());
    let held = first(answers.pop()).first() == Some(&Some("1".to_owned()));
    if session.held.is_empty() || !held {
        // A file let go of it: whoever runs the next one is to be told, and nothing is taken behind anybody's back.
        session.held.clear();
        return Ok(None);
    }
    Ok(Some(seen))
}

/// What another holder of the lock would have changed.
fn seen(session: &MysqlSession) -> String {
    let names = &session.names;
    format!(
        "SELECT (SELECT COUNT(*) FROM {history}), (SELECT MAX(installed_rank) FROM {history}), \
         (SELECT COUNT(*) FROM {step}), (SELECT MAX(updated_at) FROM {step}) LIMIT 1",
        history = names.history,
        step = names.step,
    )
}

fn first(answer: Option<Answer>) -> Row {
    let rows = answer.unwrap_or_default().rows;
    rows.into_iter().next().unwrap_or_default()
}

fn refused(session: &MysqlSession, trouble: Trouble) -> EngineError {
    session.link.refused(trouble, DOING)
}

/// Sets what a reset did not bring back: `init_connect`, the account's limits, a server's default that the file changed.
async fn restore(session: &mut MysqlSession, now: &Variables) -> Result<(), EngineError> {
    let Some(found) = session.found.clone() else {
        return Ok(());
    };
    for (name, value) in found {
        if now.get(&name) == Some(&value) || VOLATILE.contains(&&*name) {
            continue;
        }
        let sql = format!("SET SESSION {name} = {}", literal(&value));
        match session.link.run(sql).await {
            Ok(_) => {}
            Err(Trouble::Server(error)) if NOT_OURS.contains(&error.code) => {}
            Err(trouble) => return Err(session.link.refused(trouble, DOING)),
        }
    }
    Ok(())
}

fn pairs(answer: Answer) -> Variables {
    let pair = |row: Row| {
        let mut row = row.into_iter();
        Some((row.next()??.to_lowercase(), row.next()?.unwrap_or_default()))
    };
    answer.rows.into_iter().filter_map(pair).collect()
}

fn literal(value: &str) -> String {
    match value.parse::<f64>() {
        Ok(_) => value.to_owned(),
        Err(_) => quote::text(value),
    }
}

/// Roles, as the server names them.
fn role(role: Option<&str>) -> String {
    match role {
        None | Some("NONE" | "") => "NONE".to_owned(),
        Some(quoted) if quoted.starts_with('`') => quoted.to_owned(),
        Some(plain) => quote::name(plain),
    }
}

/// The lock went while the session was renewed: a new session takes it, and looks anew.
fn lost(session: &MysqlSession, why: String) -> EngineError {
    EngineError::Server {
        address: session.target.address(),
        doing: DOING,
        class: FailureClass::Connection,
        code: None,
        message: format!("the shard's lock had to be let go of for a moment, and {why}"),
        hint: None,
    }
}
