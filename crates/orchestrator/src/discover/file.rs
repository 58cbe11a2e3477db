//! Shards listed in a file: TOML, JSON or CSV.

use super::{
    error::Trouble,
    record::{Extra, Record},
};
use serde_json::Value;
use std::path::Path;

pub(crate) async fn rows(path: &Path) -> Result<(Vec<Record>, Extra), Trouble> {
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| Trouble::new(format!("{} can't be read: {error}", path.display())))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Trouble::new(format!("{} is not valid UTF-8", path.display())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let unreadable = |why: String| Trouble::new(format!("{}: {why}", path.display()));
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Ok((table(text).map_err(unreadable)?, Extra::Labels)),
        Some("toml") => {
            let value: toml::Table =
                toml::from_str(text).map_err(|error| unreadable(error.to_string()))?;
            let value =
                serde_json::to_value(value).map_err(|error| unreadable(error.to_string()))?;
            Ok((document(value).map_err(unreadable)?, Extra::Mistakes))
        }
        _ => {
            let value =
                serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
            Ok((document(value).map_err(unreadable)?, Extra::Mistakes))
        }
    }
}

/// The records of a JSON document: a list, or an object with a list `shards` or `shard`.
pub(crate) fn document(value: Value) -> Result<Vec<Record>, String> {
    let expected = "a list of shards is expected, or `{\"shards\": [ … ]}`";
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut object) => {
            match object.remove("shards").or_else(|| object.remove("shard")) {
                Some(Value::Array(list)) => list,
                _ => return Err(expected.into()),
            }
        }
        _ => return Err(expected.into()),
    };
    list.into_iter()
        .enumerate()
        .map(|(at, item)| match item {
            Value::Object(record) => Ok(record),
            _ => Err(format!("shard {} is no object", at + 1)),
        })
        .collect()
}

fn table(text: &str) -> Result<Vec<Record>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| error.to_string())?.clone();
    reader
        .records()
        .map(|row| {
            let row = row.map_err(|error| error.to_string())?;
            let cells = head.iter().zip(row.iter());
            Ok(cells
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(key, cell)| (key.to_owned(), Value::from(cell)))
                .collect())
        })
        .collect()
}
