//! One file, read and understood.

use super::{
    Directives, FileName, MigrationId, Phase, ScriptConfig,
    checksum::flyway_checksum,
    error::{Fault, MigrationError},
    name::NameError,
};
use crate::{digest::sha256, source::Source};
use std::sync::Arc;

/// One migration file, read and understood; placeholders are not yet replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub id: MigrationId,
    pub description: String,
    /// The file's path relative to its migrations folder, as Flyway's `script` column has it.
    pub script: String,
    /// The file's text, without its byte order mark.
    pub text: Arc<str>,
    /// Flyway's checksum of the file (of a repeatable: before placeholders; see `placeholder`).
    pub checksum: i32,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    pub directives: Directives,
    pub config: ScriptConfig,
}

impl Migration {
    /// Reads a file by its path relative to the migrations folder, its bytes, and those of its `.conf`.
    /// Every fault at once. A file whose name is none of a migration's is refused too: ask `FileName::parse` first.
    pub fn read(
        script: &str,
        bytes: &[u8],
        config: Option<(&str, &[u8])>,
    ) -> Result<Migration, Vec<MigrationError>> {
        let mut errors = Vec::new();
        let name = read_name(script).map_err(|e| errors.push(e)).ok();
        let decoded = decode(script, bytes).map_err(|e| errors.push(e)).ok();
        let config = read_config(config).map_err(|e| errors.extend(e)).ok();
        let directives = decoded.and_then(|decoded| {
            let text = decoded.strip_prefix('\u{feff}').unwrap_or(decoded);
            let source = Source::from(Arc::<str>::from(text));
            match Directives::parse(script, &source) {
                Ok(directives) => Some((directives, source)),
                Err(faults) => {
                    errors.extend(faults);
                    None
                }
            }
        });
        match (name, decoded, config, directives) {
            (Some(name), Some(decoded), Some(config), Some((directives, source))) => {
                Ok(Migration {
                    id: name.id,
                    description: name.description,
                    script: script.to_owned(),
                    text: source.file().clone(),
                    checksum: flyway_checksum(decoded),
                    sha256: sha256(bytes),
                    directives,
                    config,
                })
            }
            _ => Err(errors),
        }
    }

    /// What its `verify` directives ask, in the text after placeholders.
    pub fn verify_in(&self, replaced: &Source) -> Result<Vec<String>, Vec<MigrationError>> {
        let asked = &self.directives.verify;
        if asked.is_empty() || !asked.iter().any(|query| query.contains("${")) {
            return Ok(asked.clone());
        }
        Ok(Directives::parse(&self.script, replaced)?.verify)
    }

    /// Whether it is detached work over a table's rows.
    pub fn is_backfill(&self) -> bool {
        self.directives.phase == Phase::Backfill
    }
}

fn read_name(script: &str) -> Result<FileName, MigrationError> {
    let fault = match FileName::parse(script) {
        Ok(Ok(name)) => return Ok(name),
        Ok(Err(_)) => NameError::NoSeparator {
            name: script.to_owned(),
        },
        Err(fault) => fault,
    };
    let hint = fault.hint();
    Err(MigrationError::new(
        script,
        &Source::from(""),
        0..0,
        fault,
        hint,
    ))
}

fn decode<'a>(script: &str, bytes: &'a [u8]) -> Result<&'a str, MigrationError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let lossy = Source::from(String::from_utf8_lossy(bytes).into_owned());
        let fault = Fault::NotUtf8 {
            offset,
            byte: bytes[offset],
        };
        let hint = "Save the file as UTF-8.".to_owned();
        MigrationError::new(
            script,
            &lossy,
            offset..offset + '\u{fffd}'.len_utf8(),
            fault,
            hint,
        )
    })?;
    match text.find('\0') {
        None => Ok(text),
        Some(offset) => Err(MigrationError::new(
            script,
            &Source::from(text),
            offset..offset + 1,
            Fault::Nul { offset },
            "Databases take no NUL in a statement: remove it (is the file UTF-16?).".to_owned(),
        )),
    }
}

fn read_config(config: Option<(&str, &[u8])>) -> Result<ScriptConfig, Vec<MigrationError>> {
    let Some((path, bytes)) = config else {
        return Ok(ScriptConfig::default());
    };
    let text = decode(path, bytes).map_err(|e| vec![e])?;
    ScriptConfig::parse(path, text.strip_prefix('\u{feff}').unwrap_or(text))
}
