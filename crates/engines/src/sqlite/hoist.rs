//! `PRAGMA foreign_keys`, which does nothing inside a transaction, lifted out of the file to before its BEGIN.
//!
//! Foreign keys are off to begin with, as in the `sqlite3` shell. A file may be wrapped in a transaction if one setting serves
//! every statement of it that the setting touches; else it must run unwrapped.

use super::failure::Trouble;
use greylag_core::{outcome::FailureClass, script::Script};

/// How foreign keys must stand while a file runs in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ForeignKeys {
    pub enforced: bool,
    /// The file switched them off and on again: whole tables may have been rebuilt, so references are checked before COMMIT.
    pub check: bool,
}

/// Reads what a file asks for. The error names the statement, by index, from which another setting is wanted.
pub(super) fn foreign_keys(script: &Script) -> Result<ForeignKeys, (usize, Trouble)> {
    let mut now = false;
    let mut said_off = false;
    let mut said_on = false;
    let mut wanted: Option<bool> = None;
    // A plain INSERT under ON can run under OFF, for the check before COMMIT finds what it did wrong.
    let mut inserts_under_on = false;
    for (index, statement) in script.statements.iter().enumerate() {
        let sql = script.sql(statement);
        if let Some(value) = pragma(sql) {
            now = value;
            said_on |= value;
            said_off |= !value;
            continue;
        }
        match touch(sql) {
            Touch::None => {}
            Touch::Checkable if now => inserts_under_on = true,
            Touch::Checkable | Touch::Acting => match wanted {
                Some(wanted) if wanted != now => return Err((index, split())),
                _ => wanted = Some(now),
            },
        }
    }
    let enforced = wanted.unwrap_or(inserts_under_on);
    Ok(ForeignKeys {
        enforced,
        check: !enforced && said_on && (said_off || inserts_under_on),
    })
}

/// What foreign keys have to do with a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    None,
    /// They only forbid; what they would have forbidden can be found afterwards.
    Checkable,
    /// They act: cascades, and the implicit DELETE of a DROP TABLE.
    Acting,
}

fn touch(sql: &str) -> Touch {
    let mut words = words(sql);
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    match (first.as_str(), second.as_str()) {
        ("insert", "into") => Touch::Checkable,
        ("insert" | "replace" | "update" | "delete" | "with", _) => Touch::Acting,
        ("drop", "table") => Touch::Acting,
        ("alter", _) => Touch::Acting,
        _ => Touch::None,
    }
}

/// The value a `PRAGMA foreign_keys` sets, if the statement is one that sets it.
fn pragma(sql: &str) -> Option<bool> {
    let mut words = words(sql);
    if words.next()? != "pragma" {
        return None;
    }
    let mut name = words.next()?;
    if matches!(name.as_str(), "main" | "temp") {
        name = words.next()?;
    }
    if name != "foreign_keys" {
        return None;
    }
    let value = words.next()?;
    Some(matches!(value.as_str(), "on" | "yes" | "true" | "1"))
}

/// Words and numbers, in lower case; comments passed over, for they may stand within a statement.
fn words(sql: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| {
                !c.is_alphanumeric() && c != '_' && c != '-' && c != '/'
            });
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, after)| after);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, after)| after);
            } else if rest.starts_with(['-', '/']) {
                rest = &rest[1..];
            } else {
                break;
            }
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then(|| word.to_lowercase())
    })
}

fn split() -> Trouble {
    Trouble::own(
        FailureClass::Refused,
        "the file changes PRAGMA foreign_keys between statements that depend on it, and inside a transaction SQLite ignores that",
        "Put `-- greylag:transaction off` at the top of the file, so that it runs statement by statement; or split it in two.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_core::{engine::Dialect, script::split};

    fn script(statements: &[&str]) -> Script {
        split(Dialect::Sqlite, statements.join(";\n")).unwrap()
    }

    fn read(statements: &[&str]) -> Result<ForeignKeys, usize> {
        foreign_keys(&script(statements)).map_err(|(index, _)| index)
    }

    const OFF: ForeignKeys = ForeignKeys {
        enforced: false,
        check: false,
    };

    #[test]
    fn a_file_that_says_nothing_runs_with_foreign_keys_off() {
        assert_eq!(read(&["DROP TABLE a"]), Ok(OFF));
    }

    #[test]
    fn a_rebuild_runs_with_foreign_keys_off_and_is_checked() {
        let checked = ForeignKeys {
            enforced: false,
            check: true,
        };
        let rebuild = [
            "PRAGMA foreign_keys=OFF",
            "CREATE TABLE new_a (x)",
            "INSERT INTO new_a SELECT * FROM a",
            "DROP TABLE a",
            "ALTER TABLE new_a RENAME TO a",
            "PRAGMA /* again */ foreign_keys = 1",
            "CREATE INDEX i ON a (x)",
            "INSERT INTO a VALUES (2)",
        ];
        assert_eq!(read(&rebuild), Ok(checked));
    }

    #[test]
    fn a_file_that_wants_them_gets_them() {
        let on = ForeignKeys {
            enforced: true,
            check: false,
        };
        assert_eq!(
            read(&["PRAGMA main.foreign_keys(ON)", "DELETE FROM a"]),
            Ok(on)
        );
        assert_eq!(
            read(&["pragma foreign_keys=true", "INSERT INTO a VALUES (1)"]),
            Ok(on)
        );
    }

    #[test]
    fn a_file_that_needs_both_settings_is_refused_at_the_statement() {
        let both = [
            "DROP TABLE a",
            "PRAGMA foreign_keys=ON",
            "-- c\nDELETE FROM b",
        ];
        assert_eq!(read(&both), Err(2));
    }

    #[test]
    fn asking_for_the_setting_sets_nothing() {
        assert_eq!(pragma("PRAGMA foreign_keys"), None);
        assert_eq!(pragma("PRAGMA foreign_key_check"), None);
    }
}
