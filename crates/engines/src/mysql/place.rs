//! Where the server's binary log is now: GTIDs where it has them, else log and offset.

use super::{
    link::{Answer, Trouble},
    session::MysqlSession,
};
use greylag_core::position::Position;

/// The position now.
pub async fn read(session: &mut MysqlSession) -> Result<Option<Position>, Trouble> {
    let answer = session.link.run(session.flavour.position_sql()).await?;
    match of_answer(&answer) {
        Some(position) => Ok(Some(position)),
        None => by_log(session).await,
    }
}

/// Commits, and reads the position behind the commit: in the same round trip where there are GTIDs. One that is lost, or may
/// not be seen, is none: a later one serves as well.
pub async fn commit(session: &mut MysqlSession) -> Result<Option<Position>, Trouble> {
    let mut answers = Vec::new();
    let sql = format!("COMMIT; {}", session.flavour.position_sql());
    let outcome = session.link.run_all(sql, &mut answers).await;
    match (answers.len(), outcome) {
        (0, Err(trouble)) => return Err(trouble),
        (_, Err(_)) => return Ok(None),
        (_, Ok(())) => {}
    }
    match answers.get(1).and_then(of_answer) {
        Some(position) => Ok(Some(position)),
        None => Ok(by_log(session).await.unwrap_or(None)),
    }
}

fn of_answer(answer: &Answer) -> Option<Position> {
    answer.rows.first()?.first()?.as_deref()?.parse().ok()
}

/// Log and offset, with the server that they are of.
async fn by_log(session: &mut MysqlSession) -> Result<Option<Position>, Trouble> {
    let Some(sql) = session.flavour.log_sql(&session.version) else {
        return Ok(None);
    };
    let mut answers = Vec::new();
    let sql = format!("SELECT @@server_uuid; {sql}");
    match session.link.run_all(sql, &mut answers).await {
        // It takes a privilege, which `doctor` asks for.
        Err(Trouble::Server(_)) => return Ok(None),
        outcome => outcome?,
    }
    let column = |answer: usize, at: usize| {
        let row = answers.get(answer)?.rows.first()?;
        row.get(at).cloned().flatten()
    };
    let place = || {
        Some(Position::File {
            server: column(0, 0)?,
            log: column(1, 0)?,
            offset: column(1, 1)?.parse().ok()?,
        })
    };
    Ok(place())
}
