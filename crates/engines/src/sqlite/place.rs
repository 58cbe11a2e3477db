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
    let place = statement.and_then(|index| place(job, index, trouble.offset));
    Failure {
        class: trouble.class,
        code: trouble.code,
        message: trouble.message,
        migration: Some(job.migration.clone()),
        place,
        hint: trouble.hint,
        left,
        blockers: Vec::new(),
    }
}

/// Where a statement stands; with an offset in bytes, where in it.
fn place(job: &Job, index: usize, offset: Option<usize>) -> Option<Place> {
    let script = &job.script;
    let Some(offset) = offset else {
        return script.place(&job.script_name, index);
    };
    let sql = script.sql(script.statements.get(index)?);
    let character = sql.get(..offset).map_or(0, |before| before.chars().count());
    script.place_at(&job.script_name, index, character)
}
