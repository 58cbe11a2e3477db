//! The splitter of each dialect: every byte is a statement's or filler's, and a statement is one by itself.

use super::{Target, filler::Filler, sqlite_says::is_complete};
use greylag_core::{
    engine::{Dialect, Engine},
    migration::Migration,
    script::{Script, prepare, split},
};
use std::collections::BTreeMap;

pub(super) fn targets() -> Vec<Target> {
    let target = |name, check, seeds, corpora| Target {
        name,
        holds: "statements in order, all else filler, each statement one by itself",
        check,
        words: WORDS,
        seeds,
        corpora,
        by_name: false,
    };
    vec![
        target(
            "splitter-postgres",
            (|bytes| check(Dialect::Postgres, bytes)) as fn(&[u8]),
            "postgres",
            &["_postgres"],
        ),
        target(
            "splitter-mysql",
            |bytes| check(Dialect::Mysql, bytes),
            "mysql",
            &["_mysql"],
        ),
        target(
            "splitter-sqlite",
            |bytes| check(Dialect::Sqlite, bytes),
            "sqlite",
            &["_sqlite"],
        ),
    ]
}

fn check(dialect: Dialect, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.as_ref();
    prepare_like_a_file(dialect, text);
    let script = match split(dialect, text) {
        Ok(script) => script,
        Err(error) => {
            let span = &error.span;
            assert!(
                span.start <= span.end && span.end <= text.len(),
                "the fault lies outside the text: {error:?}"
            );
            assert!(
                text.is_char_boundary(span.start) && text.is_char_boundary(span.end),
                "{error:?}"
            );
            assert_eq!(error.position.line, line(text, span.start), "{error:?}");
            assert!(!error.hint().is_empty());
            return;
        }
    };
    cover(&script, text);
    for mark in script.batch_marks() {
        assert_eq!(&text[mark.start..mark.start + 1], ":");
        assert!(
            text[mark.clone()].eq_ignore_ascii_case(":batch")
                || text[mark].contains(char::is_whitespace)
        );
    }
    for refusal in script.refusals() {
        assert_eq!(refusal.line, script.statements[refusal.statement].line);
    }
    stand_alone(&script);
    if dialect == Dialect::Sqlite {
        end_where_sqlite_ends_them(&script);
    }
    stay_the_same_in_company(&script, text);
}

/// Statements are in order, and what lies between them is filler.
fn cover(script: &Script, text: &str) {
    let mut filler = Filler::new(script.dialect);
    let mut at = 0;
    for (index, statement) in script.statements.iter().enumerate() {
        let span = statement.span.clone();
        assert!(
            at <= span.start && span.start < span.end && span.end <= text.len(),
            "out of order: {statement:?}"
        );
        let gap = filler.strip(&text[at..span.start]);
        assert!(gap.is_empty(), "before statement {index} lies {gap:?}");
        assert_eq!(statement.line, line(text, span.start), "{statement:?}");
        at = span.end;
        if let Some(data) = &statement.copy_data {
            assert!(
                at <= data.start && data.start <= data.end && data.end <= text.len(),
                "{statement:?}"
            );
            let gap = filler.strip(&text[at..data.start]);
            assert!(
                gap.is_empty(),
                "before the data of statement {index} lies {gap:?}"
            );
            let end = &text[data.end..];
            assert!(
                end.starts_with("\\."),
                "the data of statement {index} ends at {end:?}"
            );
            at = data.end + 2;
        }
        let place = script.place("V1__x.sql", index);
        assert_eq!(place.map(|place| place.line), Some(statement.line));
        assert_eq!(statement.hash(script).len(), 16);
    }
    let gap = filler.strip(&text[at..]);
    assert!(gap.is_empty(), "behind the last statement lies {gap:?}");
}

/// Cut again, a statement's own text is that one statement.
fn stand_alone(script: &Script) {
    if changes_how_it_is_read(script.dialect, &script.text) {
        return;
    }
    for statement in &script.statements {
        let sql = script.sql(statement);
        // MySQL takes `--` for a comment at the very end of what it is sent, and for two signs before a `;`.
        let dashes = script.dialect == Dialect::Mysql && sql.ends_with("--");
        if statement.copy_data.is_some() || dashes {
            continue;
        }
        let alone = split(script.dialect, sql)
            .unwrap_or_else(|error| panic!("alone, {sql:?} is refused: {error}"));
        let pieces: Vec<&str> = alone.statements.iter().map(|s| alone.sql(s)).collect();
        assert_eq!(pieces, [sql], "alone, it is cut otherwise");
        assert_eq!(
            alone.statements[0].tx, statement.tx,
            "alone, {sql:?} stands otherwise to a transaction"
        );
        assert_eq!(alone.statements[0].hash(&alone), statement.hash(script));
    }
}

/// A statement is complete with its `;`, and at no `;` before.
fn end_where_sqlite_ends_them(script: &Script) {
    for statement in &script.statements {
        let sql = script.sql(statement);
        // Blanks to us, and letters to it.
        if sql.contains(['\u{feff}', '\u{b}']) {
            continue;
        }
        assert_ne!(
            is_complete(&format!("{sql};")),
            Some(false),
            "SQLite waits for more: {sql:?}"
        );
        for (at, _) in sql.match_indices(';').take(50) {
            assert_ne!(
                is_complete(&sql[..=at]),
                Some(true),
                "SQLite ends it at byte {at}: {sql:?}"
            );
        }
    }
}

/// A comment before the text and a `;` behind it change nothing.
fn stay_the_same_in_company(script: &Script, text: &str) {
    if changes_how_it_is_read(script.dialect, text) {
        return;
    }
    let company = format!("-- it's; first\n{text}\n;\n-- \"last");
    let company = split(script.dialect, company.as_str())
        .unwrap_or_else(|error| panic!("in company, it is refused: {error}"));
    let texts = |script: &Script| -> Vec<String> {
        script
            .statements
            .iter()
            .map(|statement| script.sql(statement).to_owned())
            .collect()
    };
    assert_eq!(
        texts(&company),
        texts(script),
        "in company, it is cut otherwise"
    );
}

/// What a text may say about how the rest of it is to be read.
fn changes_how_it_is_read(dialect: Dialect, text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    match dialect {
        Dialect::Postgres => lower.contains("standard_conforming_strings"),
        Dialect::Mysql => lower.contains("delimiter"),
        Dialect::Sqlite => false,
    }
}

/// The way a file really goes: read, its placeholders replaced, cut, its mode detected.
fn prepare_like_a_file(dialect: Dialect, text: &str) {
    let Ok(migration) = Migration::read("V1__x.sql", text.as_bytes(), None) else {
        return;
    };
    match prepare(&migration, dialect, &BTreeMap::new()) {
        Ok(prepared) => {
            for engine in [
                Engine::Postgres,
                Engine::Mysql,
                Engine::Mariadb,
                Engine::Sqlite,
            ] {
                if engine.dialect() == dialect
                    && let Err(error) = prepared.script.run_mode(&migration, engine.facts())
                {
                    assert!(
                        error.statement < prepared.script.statements.len(),
                        "{error:?}"
                    );
                }
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(error.text.get(error.span.clone()).is_some(), "{error:?}");
                assert_eq!(
                    error.position.line,
                    line(&migration.text, error.span.start),
                    "{error:?}"
                );
            }
        }
    }
}

/// Lines end with LF, CR LF or CR.
fn line(text: &str, at: usize) -> u32 {
    let before = &text.as_bytes()[..at];
    let ends = before.iter().enumerate().filter(|(i, byte)| {
        **byte == b'\n' || **byte == b'\r' && text.as_bytes().get(i + 1) != Some(&b'\n')
    });
    u32::try_from(ends.count()).unwrap_or(u32::MAX) + 1
}

pub(super) const WORDS: &[&str] = &[
    "SELECT 1",
    ";\n",
    "'a;b'",
    "'a''b'",
    "\"n;m\"",
    "`q;`",
    "[x;y]",
    "$$ a;b $$",
    "$t$",
    "$1",
    "E'\\';'",
    "U&'x'",
    "N'",
    "\\'",
    "-- c;\n",
    "--x",
    "# c\n",
    "/* c; */",
    "/* /* n */ */",
    "/*",
    "*/",
    "/*! SET x=1 */",
    "/*!50003 ",
    "/*M! ",
    "/*M!100000",
    "BEGIN",
    "BEGIN ATOMIC",
    "BEGIN NOT ATOMIC",
    " END ",
    "END IF",
    "END LOOP",
    "END CASE",
    "END WHILE",
    "END REPEAT",
    "CASE ",
    "WHEN ",
    "THEN ",
    "ELSE ",
    "IF ",
    "IF NOT EXISTS ",
    "IF EXISTS ",
    "LOOP ",
    "REPEAT ",
    "UNTIL ",
    "WHILE ",
    " DO ",
    "FOR ",
    "CREATE ",
    "ALTER ",
    "TRIGGER ",
    "FUNCTION ",
    "PROCEDURE ",
    "EVENT ",
    "PACKAGE BODY ",
    "TEMP ",
    "OR REPLACE ",
    "AS ",
    "RETURNS ",
    "RETURN ",
    "LANGUAGE plpgsql ",
    "DECLARE ",
    "HANDLER FOR ",
    "AFTER INSERT ON t FOR EACH ROW ",
    "EXPLAIN QUERY PLAN ",
    "COPY t FROM STDIN",
    "COPY t TO STDOUT",
    "\\.\n",
    "1\t2\n",
    "DELIMITER //\n",
    "//",
    "$$",
    "DELIMITER ;\n",
    "delimiter",
    "\\restrict x\n",
    "\\unrestrict x\n",
    "\\d",
    ".schema",
    "source f",
    "\\G",
    "\\N",
    "SET standard_conforming_strings = off;",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK TO s",
    "SAVEPOINT s",
    "RELEASE s",
    "SET TRANSACTION READ ONLY",
    "SET LOCAL x = 1",
    "VACUUM",
    "REINDEX",
    "CONCURRENTLY ",
    "DROP INDEX ",
    "ALTER TYPE t ADD VALUE 'v'",
    "CALL p()",
    "DO $$",
    "PRAGMA foreign_keys = 1",
    "LOCK TABLES t READ",
    "UNLOCK TABLES",
    "FLUSH TABLES WITH READ LOCK",
    "RELEASE_ALL_LOCKS()",
    "pg_advisory_unlock_all()",
    "DISCARD ALL",
    "set_config('search_path', '', false)",
    "USE d",
    "SET @a := 1",
    "SET GLOBAL x = 1",
    ":batch",
    "::batch",
    "${x}",
    "-- greylag:phase backfill\n-- greylag:change c\n",
    "-- greylag:transaction off\n",
    "-- greylag:transaction on\n",
    "CREATE DATABASE d",
    "CREATE TABLESPACE s",
    "CREATE SUBSCRIPTION s",
    "DETACH PARTITION p CONCURRENTLY",
    "XA START 'x'",
    "OPTIMIZE TABLE t",
];
