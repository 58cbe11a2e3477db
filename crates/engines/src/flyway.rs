//! What Flyway writes into its history table, so that it can read ours and we its.
//!
//! Knows no SQL.

use crate::job::Job;
use greylag_core::{
    history::HistoryRow,
    migration::{MigrationId, Version},
};

/// The name of Flyway's own table; sharing it means taking Flyway's lock too.
pub const TABLE: &str = "flyway_schema_history";

/// The `version` column: none for a repeatable.
pub fn version(id: &MigrationId) -> Option<&str> {
    id.version().map(|version| version.as_str())
}

/// The `type` column of a migration that ran.
pub fn kind(id: &MigrationId) -> &'static str {
    match id {
        MigrationId::Versioned(_) | MigrationId::Repeatable(_) => "SQL",
        MigrationId::Undo(_) => "UNDO_SQL",
    }
}

/// Whether the newest row about a job's migration says that it is applied (or, for an undo, undone).
pub fn holds(rows: &[HistoryRow], job: &Job) -> bool {
    let about = |row: &&HistoryRow| match &job.migration {
        MigrationId::Versioned(version) | MigrationId::Undo(version) => {
            let theirs = row.version.as_deref().map(str::parse::<Version>);
            theirs.is_some_and(|theirs| theirs.as_ref() == Ok(version))
        }
        MigrationId::Repeatable(_) => {
            row.version.is_none() && row.description == description(&job.description)
        }
    };
    let newest = rows
        .iter()
        .filter(about)
        .max_by_key(|row| row.installed_rank)
        .filter(|row| row.success);
    let undone = |row: &HistoryRow| row.kind.starts_with("UNDO");
    newest.is_some_and(|row| match job.migration {
        MigrationId::Versioned(_) => !undone(row) && row.kind != "DELETE",
        MigrationId::Undo(_) => undone(row),
        MigrationId::Repeatable(_) => row.checksum == job.checksum,
    })
}

/// The `description` column holds 200 characters.
pub fn description(text: &str) -> String {
    if text.chars().count() <= 200 {
        return text.to_owned();
    }
    let head: String = text.chars().take(197).collect();
    format!("{head}...")
}

/// The `script` column holds 1000 characters; the end of a path says more than its beginning.
pub fn script(text: &str) -> String {
    let length = text.chars().count();
    if length <= 1000 {
        return text.to_owned();
    }
    let tail: String = text.chars().skip(length - 997).collect();
    format!("...{tail}")
}

/// The advisory lock that Flyway takes on PostgreSQL for a table.
pub fn postgres_lock(schema: &str, table: &str) -> i64 {
    const FLYWAY: i64 = 0x46_6C_79_77_61_79;
    FLYWAY + i64::from(java_hash(&format!("\"{schema}\".\"{table}\"")))
}

/// Java's `String.hashCode`.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flyways_lock_is_the_one_seen_under_a_real_flyway() {
        assert_eq!(postgres_lock("public", TABLE), 77_433_833_903_597);
    }

    #[test]
    fn long_texts_are_shortened_as_flyway_shortens_them() {
        assert_eq!(description(&"d".repeat(200)).len(), 200);
        assert_eq!(
            description(&"d".repeat(201)),
            format!("{}...", "d".repeat(197))
        );
        assert_eq!(script(&"s".repeat(1001)), format!("...{}", "s".repeat(997)));
    }
}
