//! The shard's lock: a named lock of the working connection, which dies with it on the server.
//!
//! Only ever tried. GET_LOCK survives implicit commits, and goes only with the server's own thread of this connection: who holds
//! it knows that no statement of an earlier holder still runs.

use super::{link::Trouble, quote, session::MysqlSession};
use crate::{
    error::EngineError,
    flyway,
    session::{LockAttempt, Whence},
};
use greylag_core::{identity::lock_key, outcome::Blocker};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Tries the shard's lock, then Flyway's where the history table is Flyway's.
pub async fn try_lock(session: &mut MysqlSession) -> Result<LockAttempt, EngineError> {
    for key in keys(session) {
        if session.held.contains(&key) && is_ours(session).await? {
            continue;
        }
        let sql = format!(
            "SELECT GET_LOCK({0}, 0), IS_USED_LOCK({0})",
            quote::text(&key)
        );
        let answer = session.link.run(sql).await;
        let answer = answer.map_err(|t| session.link.refused(t, "taking the shard's lock"))?;
        let row = answer.rows.into_iter().next().unwrap_or_default();
        let column = |at: usize| row.get(at).cloned().flatten();
        if column(0).as_deref() == Some("1") {
            session.held.push(key);
            continue;
        }
        let holder = holder(session, &key, column(1)).await?;
        unlock(session).await?;
        return Ok(LockAttempt::Busy { holder });
    }
    say_name(session).await?;
    Ok(LockAttempt::Held)
}

/// Connect attributes are seen on MySQL alone, and there only of connections without TLS (the driver announces them too late
/// otherwise): so the session's name is a lock of its own.
async fn say_name(session: &mut MysqlSession) -> Result<(), EngineError> {
    let key = name_key(&own_key(session), &session.target.application);
    let answer = session
        .link
        .value(&format!("SELECT GET_LOCK({}, 0)", quote::text(&key)))
        .await;
    let answer = answer.map_err(|t| session.link.refused(t, "taking the shard's lock"))?;
    if answer.as_deref() == Some("1") {
        session.held.push(key);
    }
    Ok(())
}

/// Whether the server still holds the shard's lock for this connection.
pub async fn is_ours(session: &mut MysqlSession) -> Result<bool, EngineError> {
    let sql = format!("SELECT {}", held_condition(session));
    let answer = session.link.value(&sql).await;
    let answer = answer.map_err(|t| session.link.refused(t, "checking the shard's lock"))?;
    Ok(answer.as_deref() == Some("1"))
}

/// SQL that is true while the shard's lock is this connection's.
pub fn held_condition(session: &MysqlSession) -> String {
    format!(
        "COALESCE(IS_USED_LOCK({}) = CONNECTION_ID(), 0)",
        quote::text(&own_key(session))
    )
}

pub async fn unlock(session: &mut MysqlSession) -> Result<(), EngineError> {
    for key in std::mem::take(&mut session.held) {
        let released = session
            .link
            .run(format!("DO RELEASE_LOCK({})", quote::text(&key)))
            .await;
        released.map_err(|t| session.link.refused(t, "releasing the shard's lock"))?;
    }
    Ok(())
}

/// Who it is only names it; what the account may not see stays unsaid.
pub async fn whence(session: &mut MysqlSession, holder: &Blocker) -> Whence {
    let Ok(id) = holder.pid.parse::<u64>() else {
        return Whence::default();
    };
    let sql = format!("SELECT host FROM information_schema.processlist WHERE id = {id}");
    let row = first_row(session, &sql).await.ok().flatten();
    let host = row.and_then(|row| row.into_iter().next().flatten());
    Whence {
        // A port is of no use to anybody; a socket has none.
        host: host.map(|host| match host.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
            _ => host,
        }),
        ended_by: Some(format!("KILL {id}")),
    }
}

/// Ends the connection that holds the lock; its lock goes once the server has rolled back what it ran.
pub async fn end(session: &mut MysqlSession, holder: &Blocker) -> Result<(), EngineError> {
    let doing = "ending the holder of the shard's lock";
    let id: u64 = holder.pid.parse().map_err(|_| EngineError::Foreign {
        address: session.target.address(),
        what: format!("a connection id `{}`", holder.pid),
        why: "it is not a number".into(),
    })?;
    match session.link.run(format!("KILL CONNECTION {id}")).await {
        // It has gone by itself.
        Err(Trouble::Server(error)) if error.code == 1094 => Ok(()),
        other => other.map(drop).map_err(|t| session.link.refused(t, doing)),
    }
}

/// The holder, named as far as the server and the progress rows tell.
async fn holder(
    session: &mut MysqlSession,
    key: &str,
    id: Option<String>,
) -> Result<Blocker, EngineError> {
    let mut holder = Blocker {
        pid: id.unwrap_or_else(|| "?".into()),
        user: None,
        application: None,
        query: None,
        open_ms: None,
        holds: Some(format!("the named lock {key}")),
    };
    let sql = format!(
        "SELECT user, info, time, host FROM information_schema.processlist WHERE id = {}",
        holder.pid
    );
    // All of this only names the holder; what the account may not see stays unnamed.
    if let Some(row) = first_row(session, &sql).await? {
        holder.user = row.first().cloned().flatten();
        holder.query = row.get(1).cloned().flatten();
    }
    holder.application = match session.flavour.application_sql() {
        Some(sql) => {
            let row = first_row(session, &sql.replace("{pid}", &holder.pid)).await?;
            row.and_then(|r| r.into_iter().next().flatten())
        }
        None => None,
    };
    if holder.application.is_none() {
        holder.application = holder.query.as_deref().and_then(named_in_comment);
    }
    if holder.application.is_none() {
        holder.application = guess(session, &holder.pid).await?;
    }
    let running = format!(
        "SELECT migration, rollout FROM {} WHERE state = 'running' ORDER BY updated_at DESC LIMIT 1",
        session.names.step
    );
    if let Some(row) = first_row(session, &running).await?
        && let [Some(migration), Some(rollout)] = row.as_slice()
    {
        holder.holds = Some(format!(
            "the named lock {key}; {migration} of rollout {rollout} is under way"
        ));
    }
    Ok(holder)
}

/// The holder's name by the locks that the rollouts known here would hold: ours, and those of the progress rows.
async fn guess(session: &mut MysqlSession, id: &str) -> Result<Option<String>, EngineError> {
    let mut names = vec![session.target.application.to_string()];
    let rollouts = format!(
        "SELECT DISTINCT rollout FROM {} WHERE state = 'running'",
        session.names.step
    );
    if let Ok(answer) = session.link.run(rollouts).await {
        let rollouts = answer
            .rows
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten());
        names.extend(rollouts.map(|rollout| format!("greylag/{rollout}/{}", session.target.shard)));
    }
    for name in names {
        let sql = format!(
            "SELECT IS_USED_LOCK({})",
            quote::text(&name_key(&own_key(session), &name))
        );
        if first_row(session, &sql)
            .await?
            .and_then(|row| row.into_iter().next().flatten())
            .as_deref()
            == Some(id)
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

async fn first_row(
    session: &mut MysqlSession,
    sql: &str,
) -> Result<Option<super::link::Row>, EngineError> {
    match session.link.run(sql).await {
        Ok(answer) => Ok(answer.rows.into_iter().next()),
        Err(Trouble::Server(_)) => Ok(None),
        Err(trouble) => Err(session
            .link
            .refused(trouble, "naming the holder of the shard's lock")),
    }
}

/// The name in the comment that `stepwise` and `transaction` put before statements on MariaDB.
pub fn named_in_comment(query: &str) -> Option<String> {
    let rest = query.trim_start().strip_prefix("/* greylag/")?;
    let (name, _) = rest.split_once(" */")?;
    Some(format!("greylag/{name}"))
}

pub fn keys(session: &MysqlSession) -> Vec<String> {
    let mut keys = vec![own_key(session)];
    if session.names.is_flyways() {
        keys.push(flyways_key(
            &session.names.database,
            &session.names.history_plain,
        ));
    }
    keys
}

/// The lock of the shard, whatever the history table is called: two projects on one shard exclude each other.
fn own_key(session: &MysqlSession) -> String {
    let database = match session.lowers_names {
        true => session.names.database.to_lowercase(),
        false => session.names.database.clone(),
    };
    format!("greylag-{}", hexadecimal(&lock_key(&database, "")[..12]))
}

/// The name that Flyway takes: Java's hash of the quoted and qualified table.
fn flyways_key(database: &str, table: &str) -> String {
    format!(
        "Flyway-{}",
        flyway::java_hash(&format!("`{database}`.`{table}`"))
    )
}

/// A lock that only names its holder: whoever knows the name can ask who holds it.
fn name_key(shard: &str, application: &str) -> String {
    let application = format!("{shard}\0{application}");
    format!(
        "greylag-is-{}",
        hexadecimal(&Sha256::digest(application.as_bytes())[..16])
    )
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_locks_fit_the_server() {
        assert!(name_key("greylag-0", &"x".repeat(200)).len() <= 64);
        // "`a`.`b`".hashCode() in Java.
        assert_eq!(
            flyways_key("a", "b"),
            format!("Flyway-{}", flyway::java_hash("`a`.`b`"))
        );
    }

    #[test]
    fn a_session_is_named_by_the_comment_of_its_statement() {
        assert_eq!(
            named_in_comment("/* greylag/r1/eu-1 */ ALTER TABLE t ADD c int").as_deref(),
            Some("greylag/r1/eu-1")
        );
        assert_eq!(named_in_comment("ALTER TABLE t"), None);
    }
}
