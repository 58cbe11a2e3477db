//! `<file>.sql.conf`: settings of one file, as Flyway reads them.

use super::error::{Fault, MigrationError};
use crate::source::Source;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// `<file>.sql.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptConfig {
    pub execute_in_transaction: Option<bool>,
    pub placeholder_replacement: Option<bool>,
    pub encoding: Option<String>,
}

const KEYS: &[&str] = &[
    "executeInTransaction",
    "encoding",
    "placeholderReplacement",
    "shouldExecute",
    "outputQueryResults",
];

impl ScriptConfig {
    /// Every fault of the file at once.
    pub fn parse(path: &str, text: &str) -> Result<ScriptConfig, Vec<MigrationError>> {
        let source = Source::from(text);
        let mut config = ScriptConfig::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut errors = Vec::new();
        for (span, line) in settings(text) {
            let fault = match line.split_once('=') {
                None => Err((
                    Fault::ConfigForm {
                        line: line.to_owned(),
                    },
                    Some("Write `key=value`, one to a line; `#` begins a comment.".to_owned()),
                )),
                Some((key, _)) if seen.contains(&key.trim()) => Err((
                    Fault::RepeatedSetting {
                        key: key.trim().to_owned(),
                    },
                    Some("Remove one of them.".to_owned()),
                )),
                Some((key, value)) => {
                    seen.push(key.trim());
                    config.set(key.trim(), value.trim())
                }
            };
            if let Err((fault, hint)) = fault {
                errors.push(MigrationError::new(path, &source, span, fault, hint));
            }
        }
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(errors)
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), (Fault, Option<String>)> {
        match key {
            "executeInTransaction" => self.execute_in_transaction = Some(boolean(value)?),
            "placeholderReplacement" => self.placeholder_replacement = Some(boolean(value)?),
            "encoding" if is_utf8(value) => self.encoding = Some(value.to_owned()),
            "encoding" => {
                return Err((
                    Fault::Encoding { encoding: value.to_owned() },
                    Some("Convert the file to UTF-8 (its checksum stays, as Flyway counts characters).".to_owned()),
                ));
            }
            "shouldExecute" => {
                return Err((
                    Fault::UnsupportedSetting { key: key.to_owned() },
                    Some("Leave shards out with `--only`, or keep files for other environments in folders of their own.".to_owned()),
                ));
            }
            // Greylag prints no result sets; a file that asks for none asks for nothing else.
            "outputQueryResults" => {
                boolean(value)?;
            }
            _ => {
                return Err((
                    Fault::UnknownSetting {
                        key: key.to_owned(),
                    },
                    Some(nearest(key, KEYS)),
                ));
            }
        }
        Ok(())
    }
}

/// "Did you mean …?", or all there are.
pub(super) fn nearest(given: &str, known: &[&str]) -> String {
    let lower = given.to_lowercase();
    let best = known
        .iter()
        .map(|known| {
            (
                strsim::damerau_levenshtein(&lower, &known.to_lowercase()),
                known,
            )
        })
        .min_by_key(|(distance, _)| *distance);
    match best {
        Some((distance, name)) if distance <= 2.max(name.chars().count() / 3) => {
            format!("Did you mean `{name}`?")
        }
        _ => format!("Known are `{}`.", known.join("`, `")),
    }
}

fn boolean(value: &str) -> Result<bool, (Fault, Option<String>)> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err((
            Fault::NotBoolean {
                value: value.to_owned(),
            },
            None,
        )),
    }
}

fn is_utf8(encoding: &str) -> bool {
    let plain = encoding.to_ascii_lowercase();
    matches!(plain.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii")
}

/// The lines that say something, with their bytes.
fn settings(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    text.split(['\n', '\r']).filter_map(move |line| {
        let trimmed = line.trim();
        let said = !trimmed.is_empty() && !trimmed.starts_with(['#', '!']);
        let start = trimmed.as_ptr() as usize - text.as_ptr() as usize;
        said.then(|| (start..start + trimmed.len(), trimmed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_settings_are_read() {
        let text = "# how it runs\r\nexecuteInTransaction = false\n\nencoding=UTF-8\nplaceholderReplacement=TRUE\n";
        assert_eq!(
            ScriptConfig::parse("V1__a.sql.conf", text).unwrap(),
            ScriptConfig {
                execute_in_transaction: Some(false),
                placeholder_replacement: Some(true),
                encoding: Some("UTF-8".into()),
            }
        );
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_line() {
        let text = "executeInTransactions=false\nfoo\nencoding=latin1\nshouldExecute=false\nplaceholderReplacement=maybe\nencoding=utf8\n";
        let errors = ScriptConfig::parse("V1__a.sql.conf", text).unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "V1__a.sql.conf:1:1: unknown setting `executeInTransactions`",
                "V1__a.sql.conf:2:1: `foo` is not a setting: `key=value` is expected",
                "V1__a.sql.conf:3:1: the encoding `latin1` is not supported: files are read as UTF-8",
                "V1__a.sql.conf:4:1: the setting `shouldExecute` is not supported",
                "V1__a.sql.conf:5:1: `maybe` is neither `true` nor `false`",
                "V1__a.sql.conf:6:1: the setting `encoding` is given twice",
            ]
        );
        assert_eq!(
            errors[0].hint.as_deref(),
            Some("Did you mean `executeInTransaction`?")
        );
    }
}
