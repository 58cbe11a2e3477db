//! File names: `V1__description.sql`, `R__description.sql`, `U1__description.sql`, as Flyway's defaults have them.

use super::{MigrationId, Version};

/// A migration file's name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    pub id: MigrationId,
    /// With spaces for underscores.
    pub description: String,
}

/// Why a file of a migrations folder is no migration, and that is fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// It doesn't end with `.sql`.
    Suffix,
    /// It ends with `.sql` and doesn't begin like a migration; Flyway passes it over as well.
    Prefix,
    /// `<file>.sql.conf`, which is read with its file.
    Config,
}

/// Why a name that looks like a migration's is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{name}` has no `__` between version and description")]
    NoSeparator { name: String },
    #[error("`{name}` has no version")]
    NoVersion { name: String },
    #[error("`{version}` is not a version")]
    Version { version: String },
    #[error("`{name}` has no description")]
    NoDescription { name: String },
    #[error("the repeatable `{name}` has a version")]
    RepeatableVersion { name: String },
    #[error("`{name}` is a baseline migration, which Greylag doesn't support")]
    Baseline { name: String },
    #[error("`{name}` is a callback (`{callback}`), which Greylag doesn't support")]
    Callback {
        name: String,
        callback: &'static str,
    },
    #[error("`{name}` is not UTF-8")]
    NotUtf8 { name: String },
}

impl FileName {
    /// Of a path or a bare name; only the part after the last `/` counts.
    pub fn parse(path: &str) -> Result<Result<FileName, Skipped>, NameError> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if ends_with(name, ".sql.conf") {
            return Ok(Err(Skipped::Config));
        }
        if !ends_with(name, ".sql") {
            return Ok(Err(Skipped::Suffix));
        }
        let stem = &name[..name.len() - ".sql".len()];
        if let Some(callback) = callback(stem) {
            return Err(NameError::Callback {
                name: name.to_owned(),
                callback,
            });
        }
        let owned = || name.to_owned();
        let Some(prefix) = stem.chars().next().filter(|c| "VRUB".contains(*c)) else {
            return Ok(Err(Skipped::Prefix));
        };
        let rest = &stem[1..];
        let (version, description) = match rest.split_once("__") {
            Some(parts) => parts,
            None if looks_meant(prefix, rest) => {
                return Err(NameError::NoSeparator { name: owned() });
            }
            None => return Ok(Err(Skipped::Prefix)),
        };
        // `Vendor__notes.sql` begins with a prefix by chance; Flyway passes it over.
        if prefix != 'R'
            && !version.is_empty()
            && !version.starts_with(|c: char| c.is_ascii_digit())
            || prefix == 'R' && version.starts_with(|c: char| c.is_alphabetic())
        {
            return Ok(Err(Skipped::Prefix));
        }
        if prefix == 'B' {
            return Err(NameError::Baseline { name: owned() });
        }
        if description.is_empty() {
            return Err(NameError::NoDescription { name: owned() });
        }
        let description = description.replace('_', " ");
        if prefix == 'R' {
            return match version {
                "" => Ok(Ok(FileName {
                    id: MigrationId::Repeatable(description.clone()),
                    description,
                })),
                _ => Err(NameError::RepeatableVersion { name: owned() }),
            };
        }
        if version.is_empty() {
            return Err(NameError::NoVersion { name: owned() });
        }
        let version: Version = version.parse().map_err(|_| NameError::Version {
            version: version.to_owned(),
        })?;
        let id = match prefix {
            'U' => MigrationId::Undo(version),
            _ => MigrationId::Versioned(version),
        };
        Ok(Ok(FileName { id, description }))
    }
}

impl NameError {
    /// How to mend it.
    pub fn hint(&self) -> String {
        match self {
            NameError::NoSeparator { .. } | NameError::NoDescription { .. } => {
                "Name it `V<version>__<description>.sql`, with two underscores between.".to_owned()
            }
            NameError::NoVersion { .. } => {
                "Name it `V<version>__<description>.sql`, or `R__<description>.sql` if it is repeatable."
                    .to_owned()
            }
            NameError::Version { .. } => {
                "A version is digits in parts separated by `.` or `_`, such as `1`, `2.1` or `20260131_1`."
                    .to_owned()
            }
            NameError::RepeatableVersion { .. } => {
                "Repeatables have no version: name it `R__<description>.sql`, or `V…` if it runs once."
                    .to_owned()
            }
            NameError::Baseline { .. } => {
                "Use `greylag baseline` on existing databases, and plain `V` files for new ones."
                    .to_owned()
            }
            NameError::Callback { .. } => {
                "Put session settings under `[session]` in greylag.toml, and everything else into migrations; then move the callback out of the folder."
                    .to_owned()
            }
            NameError::NotUtf8 { .. } => "Rename the file with plain letters.".to_owned(),
        }
    }
}

/// `V12_add.sql` was meant as a migration; `Views.sql` and `README.sql` were not.
fn looks_meant(prefix: char, rest: &str) -> bool {
    match prefix {
        'R' => rest.starts_with('_'),
        _ => rest.starts_with(|c: char| c.is_ascii_digit()),
    }
}

fn ends_with(name: &str, suffix: &str) -> bool {
    let at = name.len().checked_sub(suffix.len());
    at.and_then(|at| name.get(at..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(suffix))
}

/// Flyway's callback events: the whole stem, or the stem before a `__description`.
fn callback(stem: &str) -> Option<&'static str> {
    let event = stem.split("__").next().unwrap_or(stem);
    CALLBACKS.iter().copied().find(|known| *known == event)
}

const CALLBACKS: &[&str] = &[
    "beforeMigrate",
    "beforeRepeatables",
    "beforeEachMigrate",
    "beforeEachMigrateStatement",
    "afterEachMigrateStatement",
    "afterEachMigrateStatementError",
    "afterEachMigrate",
    "afterEachMigrateError",
    "afterMigrate",
    "afterMigrateApplied",
    "afterVersioned",
    "afterMigrateError",
    "beforeUndo",
    "beforeEachUndo",
    "beforeEachUndoStatement",
    "afterEachUndoStatement",
    "afterEachUndoStatementError",
    "afterEachUndo",
    "afterEachUndoError",
    "afterUndo",
    "afterUndoError",
    "beforeClean",
    "afterClean",
    "afterCleanError",
    "beforeInfo",
    "afterInfo",
    "afterInfoError",
    "beforeValidate",
    "afterValidate",
    "afterValidateError",
    "beforeBaseline",
    "afterBaseline",
    "afterBaselineError",
    "beforeRepair",
    "afterRepair",
    "afterRepairError",
    "createSchema",
    "beforeConnect",
    "afterConnect",
];
