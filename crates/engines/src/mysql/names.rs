//! Where our rows live on a shard, quoted and qualified: a file may say USE.

use super::quote;
use crate::{flyway, target::Target};

/// Names of tables and locks of one shard.
#[derive(Clone, Debug)]
pub struct Names {
    pub database: String,
    pub project: String,
    pub history_plain: String,
    pub history: String,
    pub shard: String,
    pub step: String,
}

/// Tables that are Greylag's own, besides the history table.
pub const OWN: [&str; 4] = [
    "greylag_shard",
    "greylag_step",
    "greylag_cursor",
    "greylag_hole",
];

impl Names {
    pub fn new(target: &Target, database: &str) -> Self {
        let qualified = |table: &str| format!("{}.{}", quote::name(database), quote::name(table));
        Self {
            database: database.to_owned(),
            project: target.project.to_string(),
            history_plain: target.history_table.to_string(),
            history: qualified(&target.history_table),
            shard: qualified("greylag_shard"),
            step: qualified("greylag_step"),
        }
    }

    /// Whether the history table is Flyway's own.
    pub fn is_flyways(&self) -> bool {
        self.history_plain.eq_ignore_ascii_case(flyway::TABLE)
    }

    /// The project as a literal.
    pub fn project(&self) -> String {
        quote::text(&self.project)
    }
}
