//! Names of tables, indexes and their like.

use super::Bytes;
use std::fmt;

/// A name, folded as its dialect folds it, with its schema (or database) if one is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    pub schema: Option<String>,
    pub name: String,
    pub span: Bytes,
}

impl Name {
    /// Whether both name one thing, as far as their schemas are written.
    pub fn is(&self, other: &Name) -> bool {
        let schemas = match (&self.schema, &other.schema) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        schemas && self.name == other.name
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}
