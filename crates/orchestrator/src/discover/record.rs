//! A row of a source, and the shard it describes.

use super::error::Trouble;
use crate::project::{Address, Draft, Replica, Replicas, SecretRef, Source, parse_duration};
use greylag_core::fleet::Labels;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::Path};

/// A row: keys (or columns) and values.
pub(crate) type Record = Map<String, Value>;

/// What becomes of keys that are no part of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Columns of a table: they are labels.
    Labels,
    /// Keys of a document: they are mistakes.
    Mistakes,
}

const KEYS: [&str; 14] = [
    "name",
    "primary",
    "primary_url",
    "url",
    "replicas",
    "replica_urls",
    "schema",
    "host",
    "labels",
    "password",
    "password_env",
    "password_file",
    "session",
    "placeholders",
];

/// Reads a row. Labels and host of the source hold where the row says nothing.
pub(crate) fn draft(
    record: Record,
    source: &Source,
    extra: Extra,
    folder: &Path,
) -> Result<Draft, Trouble> {
    let row = Row { record, folder };
    let name = row.required(&["name"])?;
    let primary = row.required(&["primary", "primary_url", "url"])?;
    let mut labels = source.labels.clone();
    labels.extend(row.labels()?);
    for (key, value) in &row.record {
        let known = key.replace('-', "_").to_ascii_lowercase();
        if KEYS.contains(&known.as_str()) {
            continue;
        }
        match extra {
            Extra::Labels => {
                if let Some(value) = word(value) {
                    labels.insert(key.clone(), value);
                }
            }
            Extra::Mistakes => {
                let nearest = KEYS
                    .iter()
                    .min_by_key(|known| strsim::damerau_levenshtein(known, key));
                let hint = nearest.map_or(String::new(), |near| format!("did you mean `{near}`?"));
                return Err(Trouble::new(format!("a shard has no key `{key}`")).hint(hint));
            }
        }
    }
    let mut session = source.session.clone();
    session.extend(row.list(&["session"])?);
    Ok(Draft {
        name,
        primary,
        schema: row.text(&["schema"]),
        password: row.password()?.or_else(|| source.shard_password.clone()),
        host: row.text(&["host"]).or_else(|| source.host.clone()),
        labels,
        session,
        placeholders: row.words("placeholders")?,
        replicas: row.replicas()?,
    })
}

struct Row<'a> {
    record: Record,
    folder: &'a Path,
}

impl Row<'_> {
    fn value(&self, keys: &[&str]) -> Option<&Value> {
        let plain = |key: &str| key.replace('-', "_").to_ascii_lowercase();
        self.record
            .iter()
            .find(|(key, value)| keys.contains(&plain(key).as_str()) && !value.is_null())
            .map(|(_, value)| value)
    }

    fn text(&self, keys: &[&str]) -> Option<String> {
        self.value(keys).and_then(word)
    }

    fn required(&self, keys: &[&str]) -> Result<String, Trouble> {
        self.text(keys).ok_or_else(|| {
            let found: Vec<_> = self.record.keys().map(|key| format!("`{key}`")).collect();
            Trouble::new(format!("it has no `{}`", keys[0]))
                .hint(format!("what is there: {}", found.join(", ")))
        })
    }

    /// A list, or text that holds one: JSON, or parts separated by commas or blanks.
    fn list(&self, keys: &[&str]) -> Result<Vec<String>, Trouble> {
        let Some(value) = self.value(keys) else {
            return Ok(Vec::new());
        };
        let wrong = || Trouble::new(format!("`{}` is no list of strings", keys[0]));
        let items = match value {
            Value::Array(items) => items.clone(),
            Value::String(text) if text.trim_start().starts_with('[') => {
                serde_json::from_str(text).map_err(|_| wrong())?
            }
            // PostgreSQL's own notation of arrays.
            Value::String(text) if text.starts_with('{') && text.ends_with('}') => text
                [1..text.len() - 1]
                .split(',')
                .map(|part| Value::from(part.trim_matches('"')))
                .collect(),
            Value::String(text) if keys[0] == "session" => vec![Value::from(text.as_str())],
            Value::String(text) => text
                .split([',', ' ', '\n'])
                .map(|part| Value::from(part.trim()))
                .collect(),
            _ => return Err(wrong()),
        };
        let words = items.iter().map(|item| match item {
            Value::String(text) => Ok(text.clone()),
            _ => Err(wrong()),
        });
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        Ok(words.into_iter().filter(|w| !w.is_empty()).collect())
    }

    /// A table of words, or text that holds one: JSON, or `key=value` separated by commas.
    fn words(&self, key: &str) -> Result<BTreeMap<String, String>, Trouble> {
        let Some(value) = self.value(&[key]) else {
            return Ok(BTreeMap::new());
        };
        let wrong = || {
            Trouble::new(format!("`{key}` is not understood"))
                .hint("write `{\"region\": \"eu\"}` or `region=eu,tier=canary`")
        };
        let table = match value {
            Value::Object(table) => table.clone(),
            Value::String(text) if text.trim_start().starts_with('{') => {
                serde_json::from_str(text).map_err(|_| wrong())?
            }
            Value::String(text) => {
                let mut table = Map::new();
                for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
                    let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
                    table.insert(key.trim().into(), value.trim().into());
                }
                table
            }
            _ => return Err(wrong()),
        };
        table
            .into_iter()
            .map(|(key, value)| Ok((key, word(&value).ok_or_else(wrong)?)))
            .collect()
    }

    fn labels(&self) -> Result<Labels, Trouble> {
        self.words("labels")
    }

    fn password(&self) -> Result<Option<SecretRef>, Trouble> {
        if let Some(name) = self.text(&["password_env"]) {
            return Ok(Some(SecretRef::Env(name)));
        }
        if let Some(path) = self.text(&["password_file"]) {
            return Ok(Some(SecretRef::File(self.folder.join(path))));
        }
        let Some(value) = self.value(&["password"]) else {
            return Ok(None);
        };
        // Never quoted: it may be the password itself.
        let wrong = || {
            Trouble::new("`password` is no reference")
                .hint("write `{\"env\": \"NAME\"}`, `{\"file\": …}` or `{\"command\": […], \"ttl\": \"10m\"}`")
        };
        let table = match value {
            Value::Object(table) => table.clone(),
            Value::String(text) => serde_json::from_str(text).map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let text = |key: &str| table.get(key).and_then(word);
        match (text("env"), text("file"), table.get("command")) {
            (Some(name), None, None) => Ok(Some(SecretRef::Env(name))),
            (None, Some(path), None) => Ok(Some(SecretRef::File(self.folder.join(path)))),
            (None, None, Some(Value::Array(argv))) if !argv.is_empty() => {
                let ttl = text("ttl").map(|ttl| parse_duration(&ttl)).transpose();
                Ok(Some(SecretRef::Command {
                    argv: argv
                        .iter()
                        .map(word)
                        .collect::<Option<_>>()
                        .ok_or_else(wrong)?,
                    ttl: ttl.map_err(|_| wrong())?.unwrap_or_default(),
                    folder: self.folder.to_owned(),
                }))
            }
            _ => Err(wrong()),
        }
    }

    fn replicas(&self) -> Result<Replicas, Trouble> {
        let keys = ["replicas", "replica_urls"];
        match self.value(&keys) {
            None => return Ok(Replicas::Unstated),
            Some(Value::String(word)) if word == "auto" => return Ok(Replicas::Auto),
            Some(_) => {}
        }
        let listed = self.list(&keys)?.into_iter().enumerate().map(|(at, url)| {
            let address = Address::read(&url, self.folder)
                .map_err(|error| Trouble::new(format!("replica {}: {error}", at + 1)))?;
            Ok(Replica::plain(format!("replica-{}", at + 1), address))
        });
        Ok(Replicas::Listed(listed.collect::<Result<_, Trouble>>()?))
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
