//! One file to be looked at: read, its placeholders replaced, cut into statements.

use greylag_core::{
    engine::Engine,
    migration::{Migration, MigrationError, MigrationId},
    script::{ModeError, Prepared, RunMode, Script, prepare},
};
use std::collections::BTreeMap;

/// One file to be looked at. Making one never fails: what is wrong with the file becomes findings.
#[derive(Clone, Debug)]
pub struct Unit {
    pub engine: Engine,
    /// The file's path relative to its migrations folder.
    pub script: String,
    pub standing: Standing,
    pub content: Result<Content, Vec<MigrationError>>,
}

/// Whether a file is judged, or only looked at for what it leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It ran long ago, or is not asked about: it says what tables there are.
    Earlier,
    /// It is judged.
    Judged,
    /// It is judged, and known to be on no shard yet.
    Pending,
}

/// A file that could be read.
#[derive(Clone, Debug)]
pub struct Content {
    pub migration: Migration,
    pub script: Script,
    /// It runs as one transaction or statement by statement; an error where it asks for what can't be.
    pub mode: Result<RunMode, ModeError>,
}

impl Unit {
    /// A file by its path, its bytes and those of its `.conf`.
    pub fn read(
        engine: Engine,
        script: &str,
        bytes: &[u8],
        config: Option<(&str, &[u8])>,
        placeholders: &BTreeMap<String, String>,
    ) -> Unit {
        match Migration::read(script, bytes, config) {
            Ok(migration) => Unit::of(engine, migration, placeholders),
            Err(errors) => Unit {
                engine,
                script: script.to_owned(),
                standing: Standing::Judged,
                content: Err(errors),
            },
        }
    }

    /// A file that was read already.
    pub fn of(
        engine: Engine,
        migration: Migration,
        placeholders: &BTreeMap<String, String>,
    ) -> Unit {
        let script = migration.script.clone();
        let content = prepare(&migration, engine.dialect(), placeholders).map(
            |Prepared { script, .. }| {
                let mode = script.run_mode(&migration, engine.facts());
                Content {
                    migration,
                    script,
                    mode,
                }
            },
        );
        Unit {
            engine,
            script,
            standing: Standing::Judged,
            content,
        }
    }

    /// The same, not judged.
    #[must_use]
    pub fn earlier(mut self) -> Unit {
        self.standing = Standing::Earlier;
        self
    }

    /// The same, known to be on no shard yet: a table that it makes is empty for those that go out with it.
    #[must_use]
    pub fn pending(mut self) -> Unit {
        self.standing = Standing::Pending;
        self
    }

    /// Whether it is judged.
    pub fn is_judged(&self) -> bool {
        self.standing != Standing::Earlier
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.standing == Standing::Pending
    }

    /// None where the file's name is none of a migration's.
    pub fn migration_id(&self) -> Option<&MigrationId> {
        self.content
            .as_ref()
            .ok()
            .map(|content| &content.migration.id)
    }
}

impl Content {
    /// Whether the whole file is one transaction.
    pub fn in_transaction(&self) -> bool {
        matches!(self.mode, Ok(RunMode::Transaction))
    }
}
