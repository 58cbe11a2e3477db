//! Rows to be written, with Flyway's limits on their columns.

use super::HistoryRow;
use crate::migration::{Migration, MigrationId, Version};

/// The rank of the next row.
pub fn rank_next(rows: &[HistoryRow]) -> i32 {
    let highest = rows.iter().map(|row| row.installed_rank).max();
    highest.unwrap_or(0).max(0).saturating_add(1)
}

/// The row of a migration that was carried out. `checksum` is the effective one; the server fills in `installed_on`.
pub fn row_of(
    migration: &Migration,
    checksum: i32,
    installed_rank: i32,
    installed_by: &str,
    execution_time: i32,
) -> HistoryRow {
    let kind = match migration.id {
        MigrationId::Undo(_) => "UNDO_SQL",
        MigrationId::Versioned(_) | MigrationId::Repeatable(_) => "SQL",
    };
    HistoryRow {
        installed_rank,
        version: migration
            .id
            .version()
            .map(|version| version.as_str().to_owned()),
        description: description(&migration.description),
        kind: kind.to_owned(),
        script: script(&migration.script),
        checksum: Some(checksum),
        installed_by: installed_by.to_owned(),
        installed_on: String::new(),
        execution_time,
        success: true,
    }
}

/// The row that says where an existing database begins.
pub fn baseline_row(version: &Version, text: Option<&str>, installed_by: &str) -> HistoryRow {
    let text = text.unwrap_or("<< Flyway Baseline >>");
    HistoryRow {
        installed_rank: 1,
        version: Some(version.as_str().to_owned()),
        description: description(text),
        kind: "BASELINE".to_owned(),
        script: script(text),
        checksum: None,
        installed_by: installed_by.to_owned(),
        installed_on: String::new(),
        execution_time: 0,
        success: true,
    }
}

/// The row that says that what another row records counts as never applied: as Flyway's own repair writes it.
pub fn deleted_row(row: &HistoryRow, installed_by: &str) -> HistoryRow {
    HistoryRow {
        installed_rank: 0,
        kind: "DELETE".to_owned(),
        installed_by: installed_by.to_owned(),
        installed_on: String::new(),
        execution_time: 0,
        ..row.clone()
    }
}

/// The column takes 200 characters: the first 197 and dots of a longer one.
pub fn description(text: &str) -> String {
    match text.char_indices().nth(197) {
        Some((at, _)) if text.chars().count() > 200 => format!("{}...", &text[..at]),
        _ => text.to_owned(),
    }
}

/// The column takes 1000 characters: dots and the last 997 of a longer one.
pub fn script(path: &str) -> String {
    let count = path.chars().count();
    if count <= 1000 {
        return path.to_owned();
    }
    let tail: String = path.chars().skip(count - 997).collect();
    format!("...{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shortened_as_flyway_does() {
        assert_eq!(description(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(
            description(&"ä".repeat(201)),
            format!("{}...", "ä".repeat(197))
        );
        assert_eq!(script(&"b".repeat(1000)), "b".repeat(1000));
        assert_eq!(
            script(&format!("a{}", "b".repeat(1000))),
            format!("...{}", "b".repeat(997))
        );
    }

    #[test]
    fn ranks_begin_at_one_and_go_on_after_the_highest() {
        assert_eq!(rank_next(&[]), 1);
        let row = |installed_rank| HistoryRow {
            installed_rank,
            ..baseline_row(&"1".parse().unwrap(), None, "me")
        };
        assert_eq!(rank_next(&[row(0)]), 1);
        assert_eq!(rank_next(&[row(7), row(3)]), 8);
    }

    #[test]
    fn a_row_says_what_ran() {
        let undo = Migration::read("a/U2.1__add_it.sql", b"x;", None).unwrap();
        let row = row_of(&undo, undo.checksum, 4, "me", 12);
        assert_eq!(
            (row.kind.as_str(), row.version.as_deref()),
            ("UNDO_SQL", Some("2.1"))
        );
        assert_eq!(
            (row.description.as_str(), row.script.as_str()),
            ("add it", "a/U2.1__add_it.sql")
        );
        let repeatable = Migration::read("R__views.sql", b"x;", None).unwrap();
        let row = row_of(&repeatable, 7, 5, "me", 12);
        assert_eq!(
            (row.kind.as_str(), row.version, row.checksum),
            ("SQL", None, Some(7))
        );
    }
}
