//! Whatever stands in a file: the lint answers, and every finding points into the file.

use greylag_core::engine::Engine;
use greylag_lint::{Level, Settings, TableClass, Unit, lint};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Pieces that statements are made of, whole and broken.
const PIECES: &[&str] = &[
    "CREATE TABLE t (",
    "id bigint PRIMARY KEY",
    "id int GENERATED ALWAYS AS IDENTITY",
    ", ",
    ")",
    ";",
    "\n",
    " ",
    "ALTER TABLE t ",
    "ALTER TABLE ONLY a.b ",
    "ADD COLUMN c ",
    "ADD (a int, b int)",
    "varchar(10)",
    "numeric(10,2)[]",
    "DEFAULT ",
    "now()",
    "'x'",
    "-1",
    "NOT NULL",
    "NULL",
    "REFERENCES r (id) ON DELETE CASCADE",
    "CHECK (a > 0)",
    "NOT VALID",
    "VALIDATE CONSTRAINT c",
    "ALTER COLUMN c TYPE text USING c::text",
    "SET NOT NULL",
    "DROP COLUMN c CASCADE",
    "RENAME TO u",
    "MODIFY COLUMN c bigint AFTER a",
    "CREATE UNIQUE INDEX CONCURRENTLY i ON t ",
    "(a, lower(b))",
    "WHERE a > 1",
    "DROP INDEX i",
    "REINDEX TABLE t",
    "UPDATE t SET a = 1 ",
    "DELETE FROM t ",
    "INSERT INTO t ",
    "SELECT * FROM t JOIN u USING (id)",
    "WITH x AS (SELECT 1) ",
    "VALUES (1)",
    "ON CONFLICT (id) DO NOTHING",
    "BEGIN",
    "COMMIT",
    "DO $$ BEGIN END $$",
    "PRAGMA foreign_keys = OFF",
    "SET lock_timeout = 0",
    "ALGORITHM=INSTANT, ",
    "LOCK=NONE",
    "PARTITION OF p FOR VALUES FROM (1) TO (2)",
    "ATTACH PARTITION q DEFAULT",
    "ENGINE=InnoDB",
    "CREATE TYPE m AS ENUM ('a')",
    "ALTER TYPE m ADD VALUE 'b'",
    "TRUNCATE t CASCADE",
    "LOCK TABLE t",
    "VACUUM FULL t",
    "GRANT ALL ON t TO x",
    "/* c */",
    "-- c\n",
    "`",
    "\"",
    "[",
    "ä",
    "\u{1F980}",
    ":batch",
    "::",
    "(((",
    ")))",
    "CONSTRAINT",
    "USING INDEX i",
    "EXCLUDE USING gist (a WITH =)",
    "IF NOT EXISTS ",
];

fn settings() -> Settings {
    let mut settings = Settings {
        shard_key: vec!["id".to_owned()],
        default_class: Some(TableClass::Sharded),
        logical_replication: Some(true),
        ..Settings::default()
    };
    for rule in greylag_lint::rules::all() {
        settings.severity.insert(rule.id.to_owned(), Level::Warning);
    }
    settings
}

fn cases() -> u32 {
    if std::env::var_os("GREYLAG_FULL").is_some() {
        20_000
    } else {
        400
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_of_pieces_gets_an_answer(picked in proptest::collection::vec(0..PIECES.len(), 0..40)) {
        let text: String = picked.into_iter().map(|at| PIECES[at]).collect::<Vec<_>>().join(" ");
        answer(&text)?;
    }

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,200}") {
        answer(&text)?;
    }
}

fn answer(text: &str) -> Result<(), TestCaseError> {
    for engine in Engine::ALL {
        let unit = Unit::read(engine, "V1__a.sql", text.as_bytes(), None, &BTreeMap::new());
        let report = lint(std::slice::from_ref(&unit), &settings(), None);
        for finding in &report.findings {
            let span = finding.span.start..finding.span.end;
            prop_assert!(text.get(span).is_some(), "{finding:?}");
        }
        let whole = report
            .coverage
            .unjudged
            .iter()
            .filter(|u| u.statement.is_some())
            .count();
        prop_assert_eq!(report.coverage.statements, report.coverage.judged + whole);
    }
    Ok(())
}
