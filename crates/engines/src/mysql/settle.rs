//! Finds out, under the lock, what became of a job whose answer was lost.
//!
//! The named lock goes only with the server's thread of the connection that held it, so whoever settles knows that nothing of
//! the lost attempt still runs.

use super::{
    failure, history,
    image::{self, Before, Verdict},
    online::{self, Cleared},
    session::MysqlSession,
    steps::{self, Step},
    stepwise,
};
use crate::{
    error::EngineError,
    job::{Job, Settled},
};
use greylag_core::{
    outcome::Doubt,
    survey::{Intent, StepRow, StepState},
};

/// What the images say of an open intent.
pub enum Seen {
    /// The row as it stands now, with its intent closed.
    Open(Box<StepRow>),
    Unclear(Doubt),
}

pub async fn settle(session: &mut MysqlSession, job: &Job) -> Result<Settled, EngineError> {
    if history::holds(session, job).await? {
        return Ok(Settled::Applied);
    }
    let Some(row) = steps::find(session, &job.migration).await? else {
        return Ok(Settled::Absent);
    };
    let row = match row.intent {
        None => row,
        Some(_) => match intent(session, job, &row).await? {
            Seen::Open(row) => *row,
            Seen::Unclear(doubt) => return Ok(Settled::Unknown(doubt)),
        },
    };
    if let (StepState::Failed, Some(failure)) = (row.state, row.failure.clone())
        // What was to be tried again is.
        && !failure.class.is_transient()
    {
        return Ok(Settled::Failed(failure));
    }
    if stepwise::is_complete(job, &row) && stepwise::close(session, job).await? {
        return Ok(Settled::Applied);
    }
    Ok(Settled::Absent)
}

/// Compares what an open intent touches with its image, and closes it where that tells.
pub async fn intent(
    session: &mut MysqlSession,
    job: &Job,
    row: &StepRow,
) -> Result<Seen, EngineError> {
    let Some(intent) = &row.intent else {
        return Ok(Seen::Open(Box::new(row.clone())));
    };
    let verdict = match serde_json::from_value::<Before>(intent.before.clone()) {
        Ok(before) if before.tool.is_some() => settle_tool(session, job, row, before).await?,
        Ok(before) => {
            let atomic = session.flavour.create_select_is_atomic();
            let verdict = image::judge(&mut session.link, &before, atomic).await;
            verdict.map_err(|t| {
                session
                    .link
                    .refused(t, "comparing the catalog with its image")
            })?
        }
        Err(error) => Verdict::Unclear(format!(
            "its image is not readable by this version of greylag ({error})"
        )),
    };
    let mut row = row.clone();
    match verdict {
        Verdict::Unclear(why) => return Ok(Seen::Unclear(doubt(job, intent, &why))),
        Verdict::Absent => {}
        Verdict::Happened => {
            row.hashes.truncate(intent.statement as usize);
            row.hashes.push(intent.hash.clone());
            row.statements_done = intent.statement + 1;
        }
    }
    row.intent = None;
    write(session, job, &row).await?;
    Ok(Seen::Open(Box::new(row)))
}

async fn write(session: &mut MysqlSession, job: &Job, row: &StepRow) -> Result<(), EngineError> {
    let step = Step {
        state: row.state,
        done: row.statements_done as usize,
        hashes: &row.hashes,
        intent: row.intent.as_ref(),
        failure: row.failure.as_ref(),
    };
    let written = session
        .link
        .run(steps::write_sql(&session.names, job, &step))
        .await;
    written.map_err(|t| session.link.refused(t, "writing greylag_step"))?;
    Ok(())
}

/// What a tool left is cleared away, whether it had come to its end or not; that is said.
async fn settle_tool(
    session: &mut MysqlSession,
    job: &Job,
    row: &StepRow,
    before: Before,
) -> Result<Verdict, EngineError> {
    let Some(mark) = &before.tool else {
        return Ok(Verdict::Absent);
    };
    let Cleared {
        verdict,
        told,
        learned,
    } = online::settle(session, &before, mark, false).await?;
    if let (Some(mark), Some(intent)) = (learned, &row.intent) {
        let before = Before {
            tool: Some(mark),
            ..before.clone()
        };
        let intent = Intent {
            before: serde_json::to_value(before).unwrap_or_default(),
            ..intent.clone()
        };
        let row = StepRow {
            intent: Some(intent),
            ..row.clone()
        };
        write(session, job, &row).await?;
    }
    let stood = match &verdict {
        Verdict::Happened => "had changed the table",
        Verdict::Absent => "had not changed the table, and begins again",
        Verdict::Unclear(_) => "may have changed the table",
    };
    let mut note = format!(
        "{} was under way on `{}` when its run ended: it {stood}",
        mark.tool, mark.table
    );
    if !told.is_empty() {
        note.push_str(&format!("; {}", told.join(", ")));
    }
    session.notes.push(note);
    Ok(verdict)
}

/// What only a person can settle.
fn doubt(job: &Job, intent: &Intent, why: &str) -> Doubt {
    Doubt {
        migration: Some(job.migration.clone()),
        place: failure::place(job, intent.statement as usize, None),
        why: format!(
            "whether statement {} of {} took effect can't be told: {why}",
            intent.statement + 1,
            job.script_name,
        ),
        needs_person: true,
    }
}
