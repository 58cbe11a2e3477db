//! Failures with the place in the file they belong to.

use super::failure::Trouble;
use crate::job::Job;
use greylag_core::outcome::{Failure, Left, Place};

/// A job's failure at the statement of this index, or beside all statements.
pub(super) fn failure(
    job: &Job,
    statement: Option<usize>,
    trouble: Trouble,
    left: Left,
) -> Failure {
    Failure {
        class: trouble.class,
        code: trouble.code,
        message: trouble.message,
        migration: Some(job.migration.clone()),
        place: statement.and_then(|index| place(job, index, trouble.offset)),
        hint: trouble.hint,
        left,
        blockers: Vec::new(),
    }
}

/// Where a statement stands; with an offset, where in it.
pub(super) fn place(job: &Job, index: usize, offset: Option<usize>) -> Option<Place> {
    let statement = job.script.statements.get(index)?;
    let sql = job.script.sql(statement);
    let offset = offset.filter(|offset| sql.is_char_boundary(*offset));
    let before = &job.script.text[..statement.span.start + offset.unwrap_or(0)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Some(Place {
        script: job.script_name.clone(),
        statement: index as u32 + 1,
        line: line as u32,
        column: offset.map(|_| column as u32),
        excerpt: excerpt(sql),
    })
}

fn excerpt(sql: &str) -> String {
    let line = sql.lines().next().unwrap_or("").trim_end();
    match line.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
