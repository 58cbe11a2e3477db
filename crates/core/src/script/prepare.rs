//! A migration made ready to run: placeholders replaced, statements cut.

use super::{error::ScriptFault, split::split, statement::Script};
use crate::{
    engine::Dialect,
    migration::{Fault, Migration, MigrationError, placeholder},
};
use std::collections::BTreeMap;

/// A file as one dialect runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    pub script: Script,
    /// For the history table: of a repeatable, after placeholders.
    pub checksum: i32,
    /// What its `verify` directives ask, after placeholders.
    pub verify: Vec<String>,
}

/// Replaces placeholders, cuts the text, and refuses what can't be run; every fault at once.
pub fn prepare(
    migration: &Migration,
    dialect: Dialect,
    placeholders: &BTreeMap<String, String>,
) -> Result<Prepared, Vec<MigrationError>> {
    let source = placeholder::replace(migration, placeholders).map_err(|error| vec![error])?;
    let checksum = placeholder::checksum(migration, &source);
    let verify = migration.verify_in(&source)?;
    let script = split(dialect, source.clone())
        .map_err(|error| vec![error.in_file(&migration.script, &source)])?;
    let errors: Vec<MigrationError> = script
        .refusals()
        .iter()
        .filter_map(|refusal| {
            let why = refusal.why;
            let fault = Fault::Script(ScriptFault::Refused { why });
            script.error_at(
                &migration.script,
                refusal.statement,
                fault,
                Some(refusal.hint.to_owned()),
            )
        })
        .chain(stray_batches(migration, &script))
        .collect();
    if errors.is_empty() {
        Ok(Prepared {
            script,
            checksum,
            verify,
        })
    } else {
        Err(errors)
    }
}

/// `:batch` where nothing would replace it.
fn stray_batches<'a>(
    migration: &'a Migration,
    script: &'a Script,
) -> impl Iterator<Item = MigrationError> + 'a {
    let spans = if migration.is_backfill() {
        Vec::new()
    } else {
        script.batch_marks()
    };
    spans.into_iter().map(|span| {
        let hint =
            "Add `-- greylag:phase backfill` and `-- greylag:change NAME`, or remove `:batch`.";
        MigrationError::new(
            &migration.script,
            &script.source,
            span,
            Fault::BatchOutsideBackfill,
            hint.to_owned(),
        )
    })
}
