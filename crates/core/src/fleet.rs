//! What exists: shards, their hosts and labels, and selectors over them.
//!
//! Knows no URL and no password; those stay with the engines' targets.

mod selector;

pub use selector::{Selector, SelectorError};

use crate::engine::Engine;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

/// A shard's name. One to a hundred letters, digits and `. _ - + @ : =`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShardName(Arc<str>);

/// One writable database, or one schema of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub name: ShardName,
    pub engine: Engine,
    /// What shards share and can exhaust.
    pub host: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default)]
    pub labels: Arc<Labels>,
}

pub type Labels = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardNameError {
    #[error("a shard's name is empty")]
    Empty,
    #[error("the shard name `{name}` is longer than 100 characters")]
    TooLong { name: String },
    #[error(
        "the shard name `{}` has {what} at character {at}; use letters, digits and `. _ - + @ : =`, beginning with a letter or digit",
        name.escape_debug()
    )]
    Character {
        name: String,
        what: String,
        at: usize,
    },
}

impl ShardName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ShardName {
    type Err = ShardNameError;

    fn from_str(name: &str) -> Result<Self, ShardNameError> {
        if name.is_empty() {
            return Err(ShardNameError::Empty);
        }
        if name.chars().count() > 100 {
            return Err(ShardNameError::TooLong { name: name.into() });
        }
        let odd = name.chars().enumerate().find(|(at, c)| {
            !(c.is_alphanumeric()
                || *at > 0 && matches!(c, '.' | '_' | '-' | '+' | '@' | ':' | '='))
        });
        if let Some((at, c)) = odd {
            let what = match c {
                ' ' => "a space".to_owned(),
                c => format!("`{}`", c.escape_debug()),
            };
            return Err(ShardNameError::Character {
                name: name.into(),
                what,
                at: at + 1,
            });
        }
        Ok(Self(name.into()))
    }
}

impl TryFrom<String> for ShardName {
    type Error = ShardNameError;
    fn try_from(name: String) -> Result<Self, ShardNameError> {
        name.parse()
    }
}

impl From<ShardName> for String {
    fn from(name: ShardName) -> String {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ShardName {
    fn borrow(&self) -> &str {
        &self.0
    }
}
