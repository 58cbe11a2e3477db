//! One look at the shard, in one packet where its tables exist.
//!
//! Whether the server is a replica takes a privilege to see. Without it the server counts as the primary if it accepts writes and
//! nothing that every account may see speaks against it; `doctor` then asks for the privilege. What guards that case is the
//! lineage: the identity a replica carries was proven on another server.

use super::{
    history,
    link::{Answer, Row, Trouble},
    names::{Names, OWN},
    quote,
    session::MysqlSession,
    steps,
};
use crate::{error::EngineError, target::Target};
use greylag_core::{
    history::HistoryRow,
    survey::{Role, Server, ShardIdentity, StepRow, Survey},
};
use jiff::Timestamp;

/// What is on the shard of ours, and what else.
#[derive(Clone, Copy, Debug, Default)]
struct Present {
    history: bool,
    shard: bool,
    step: bool,
    others: bool,
}

pub async fn look(session: &mut MysqlSession) -> Result<Survey, EngineError> {
    let at = Timestamp::now();
    let mut packet = vec![
        session.flavour.server_sql().to_owned(),
        presence_sql(session),
    ];
    packet.extend([
        identity_sql(&session.names),
        steps::all_sql(&session.names),
        history::all_sql(&session.names),
    ]);
    packet.push(session.flavour.replica_sql().to_owned());
    let mut answers = Vec::new();
    let outcome = session.link.run_all(packet.join("; "), &mut answers).await;
    let present = answers.get(1).map(present).unwrap_or_default();
    let complete = answers.len() >= 5;
    let is_replica = match outcome {
        Ok(()) => Some(answers.get(5).is_some_and(|a| !a.rows.is_empty())),
        // Everything is read but the last, which takes a privilege.
        Err(Trouble::Server(_)) if complete => None,
        Err(Trouble::Server(error)) if answers.len() >= 2 && is_missing(error.code, present) => {
            answers.truncate(2);
            piecewise(session, present, &mut answers).await?
        }
        Err(trouble) => return Err(session.link.refused(trouble, "a survey")),
    };
    read(session, at, present, is_replica, &answers)
}

/// Reads the tables that exist, each by itself: a database that has none yet, or one of an older version.
async fn piecewise(
    session: &mut MysqlSession,
    present: Present,
    answers: &mut Vec<Answer>,
) -> Result<Option<bool>, EngineError> {
    let parts = [
        (present.shard, identity_sql(&session.names)),
        (present.step, steps::all_sql(&session.names)),
        (present.history, history::all_sql(&session.names)),
    ];
    for (exists, sql) in parts {
        let answer = match exists {
            true => session
                .link
                .run(sql)
                .await
                .map_err(|t| session.link.refused(t, "a survey"))?,
            false => Answer::default(),
        };
        answers.push(answer);
    }
    match session.link.run(session.flavour.replica_sql()).await {
        Ok(answer) => Ok(Some(!answer.rows.is_empty())),
        Err(Trouble::Server(_)) => Ok(None),
        Err(trouble) => Err(session.link.refused(trouble, "a survey")),
    }
}

/// No such table; or no privilege on one that isn't there.
fn is_missing(code: u16, present: Present) -> bool {
    let all = present.history && present.shard && present.step;
    code == 1146 || (code == 1142 && !all)
}

fn read(
    session: &MysqlSession,
    at: Timestamp,
    present: Present,
    is_replica: Option<bool>,
    answers: &[Answer],
) -> Result<Survey, EngineError> {
    let server = answers
        .first()
        .and_then(|a| a.rows.first())
        .cloned()
        .unwrap_or_default();
    let column = |at: usize| server.get(at).cloned().flatten();
    let read_only = column(1).as_deref() == Some("1");
    let is_replica = is_replica.unwrap_or_else(|| column(2).as_deref() == Some("1"));
    let rows = |at: usize| {
        answers
            .get(at)
            .map(|a| a.rows.as_slice())
            .unwrap_or_default()
    };
    let address = answers
        .get(1)
        .and_then(|a| a.rows.first())
        .and_then(|r| r.get(4).cloned().flatten());
    Ok(Survey {
        shard: session.target.shard.clone(),
        at,
        server: Server {
            engine: session.flavour.engine(),
            version: session.version.clone(),
            lineage: column(0).unwrap_or_default(),
            database: session.names.database.clone(),
            address: address.unwrap_or_else(|| session.link.address().to_owned()),
            dialled: session.target.address(),
            instance: None,
        },
        role: match (is_replica, read_only) {
            (true, _) => Role::Replica,
            (false, true) => Role::ReadOnly,
            (false, false) => Role::Primary,
        },
        identity: rows(2)
            .first()
            .map(|row| identity(&session.target, row))
            .transpose()?,
        empty: !present.others,
        has_history: present.history,
        steps: rows(3)
            .iter()
            .map(|row| steps::read(session, row))
            .collect::<Result<Vec<StepRow>, _>>()?,
        history: rows(4)
            .iter()
            .map(|row| history::read(session, row))
            .collect::<Result<Vec<HistoryRow>, _>>()?,
    })
}

/// What an account with rights on the database sees of it is all of it; one with rights on single tables is refused later.
fn presence_sql(session: &MysqlSession) -> String {
    let history = quote::text(&session.names.history_plain);
    let own = OWN.map(quote::text).join(", ");
    format!(
        "SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = {history}), \
         (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'greylag_shard'), \
         (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'greylag_step'), \
         EXISTS (SELECT 1 FROM information_schema.tables \
                  WHERE table_schema = DATABASE() AND table_name NOT IN ({history}, {own})) \
         OR EXISTS (SELECT 1 FROM information_schema.routines WHERE routine_schema = DATABASE()) \
         OR EXISTS (SELECT 1 FROM information_schema.events WHERE event_schema = DATABASE()), \
         CONCAT(@@hostname, ':', @@port)"
    )
}

fn present(answer: &Answer) -> Present {
    let row = answer.rows.first();
    let is = |at: usize| {
        row.and_then(|r| r.get(at).cloned().flatten())
            .is_some_and(|v| v != "0")
    };
    Present {
        history: is(0),
        shard: is(1),
        step: is(2),
        others: is(3),
    }
}

/// The identity is the database's: one row for each project that works here, the same shard in all of them.
pub fn identity_sql(names: &Names) -> String {
    format!(
        "SELECT uuid, project, name, environment FROM {} ORDER BY project = {} DESC, claimed_at",
        names.shard,
        names.project()
    )
}

pub fn identity(target: &Target, row: &Row) -> Result<ShardIdentity, EngineError> {
    let column = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let foreign = |why: String| EngineError::Foreign {
        address: target.address(),
        what: "a row of greylag_shard".into(),
        why,
    };
    Ok(ShardIdentity {
        uuid: column(0)
            .parse()
            .map_err(|e| foreign(format!("its uuid: {e}")))?,
        project: column(1),
        name: column(2)
            .parse()
            .map_err(|e| foreign(format!("its name: {e}")))?,
        environment: column(3),
    })
}
