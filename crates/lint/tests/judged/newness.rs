//! What a file makes itself, and what only has the name of it.

use super::{findings, must_not_tell, must_tell, report, titles};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres, Sqlite};
use greylag_lint::{Settings, Severity, Unit, lint};
use std::collections::BTreeMap;

const DROPS: &str = "expand-drops";
const EMPTIES: &str = "empties-table";

#[test]
fn a_table_of_another_schema_makes_none_new() {
    let archive = "CREATE TABLE archive.users AS SELECT * FROM users;\n";
    let copied = "CREATE TABLE users (LIKE legacy.users INCLUDING ALL);\nINSERT INTO users SELECT * FROM legacy.users;\n";
    let case = |head: &str, sql: &str| format!("{head}{sql}");
    must_tell(&[
        (Postgres, "", &case(archive, "DELETE FROM users;"), EMPTIES),
        (Mysql, "", &case(archive, "DELETE FROM users;"), EMPTIES),
        (Postgres, "", &case(archive, "DROP TABLE users;"), DROPS),
        (
            Postgres,
            "",
            &case(archive, "ALTER TABLE users DROP COLUMN email;"),
            DROPS,
        ),
        (
            Postgres,
            "",
            &case(archive, "CREATE INDEX i ON users (email);"),
            "add-index-blocking",
        ),
        (
            Postgres,
            "",
            &case(copied, "DROP TABLE legacy.users;"),
            DROPS,
        ),
        // A file may say itself where its names lead.
        (
            Postgres,
            "",
            "SET search_path TO archive;\nCREATE TABLE users AS SELECT * FROM public.users;\nDROP TABLE public.users;",
            DROPS,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            "",
            &case(archive, "CREATE INDEX i ON archive.users (email);"),
            "add-index-blocking",
        ),
        (
            Postgres,
            "",
            "CREATE TABLE users (id bigint);\nCREATE INDEX i ON public.users (id);",
            "add-index-blocking",
        ),
        (
            Sqlite,
            "",
            "CREATE TABLE users (id bigint);\nDROP TABLE main.users;",
            DROPS,
        ),
        (
            Postgres,
            "",
            "SET search_path TO app, public;\nCREATE TABLE users (id bigint);\nCREATE INDEX i ON app.users (id);",
            "add-index-blocking",
        ),
    ]);
}

#[test]
fn what_is_said_of_a_table_is_not_said_of_its_likeness() {
    let rule = "write-without-batch";
    let update = "UPDATE users SET name = 'x' WHERE email = 'a';";
    let key = "ALTER TABLE archive.users ADD UNIQUE (email);";
    let users = "CREATE TABLE users (id bigint PRIMARY KEY, email text, name text);\n";
    must_tell(&[
        (Postgres, &format!("{users}{key}"), update, rule),
        (
            Postgres,
            "CREATE TABLE archive.users (id bigint PRIMARY KEY, email text UNIQUE);",
            update,
            rule,
        ),
    ]);
    let own = format!("{users}ALTER TABLE users ADD UNIQUE (email);");
    let gone = format!("{own}DROP TABLE archive.users;");
    must_not_tell(&[
        (Postgres, &own, update, rule),
        (Postgres, &gone, update, rule),
        // What isn't known is lent.
        (
            Mysql,
            "CREATE TABLE app.users (id int);",
            "ALTER TABLE users MODIFY id bigint;",
            "unjudged",
        ),
    ]);
}

#[test]
fn a_quoted_dot_parts_no_schema_from_a_name() {
    let given = "CREATE TABLE archive.users (id bigint);";
    let sql = "CREATE TABLE \"archive.users\" (id bigint);\nDROP TABLE archive.users;";
    must_tell(&[(Postgres, given, sql, DROPS)]);
    // Only PostgreSQL has a public schema, and only SQLite a main one.
    let sql = "CREATE TABLE main.users AS SELECT * FROM users;\nDROP TABLE users;";
    must_tell(&[
        (Postgres, "", sql, DROPS),
        (Mysql, "", sql, DROPS),
        (Mysql, "", &sql.replace("main", "public"), DROPS),
    ]);
    let over = "CREATE TABLE \"a.b\" (id bigint, old bigint);\nCREATE VIEW \"v.w\" AS SELECT old FROM \"a.b\";\n";
    let told = titles(Postgres, over, "ALTER TABLE \"a.b\" DROP COLUMN old;");
    assert!(
        told.iter().any(|title| title.contains("the view v.w")),
        "{told:?}"
    );
}

#[test]
fn a_temporary_table_hides_the_real_one_for_its_file_only() {
    let users = "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n";
    let hides = "CREATE TEMPORARY TABLE users AS SELECT * FROM users WHERE id < 10;\n";
    let earlier = format!("{users}{hides}");
    for engine in [Postgres, Mysql, Mariadb, Sqlite] {
        must_tell(&[
            (engine, &earlier, "DELETE FROM users;", EMPTIES),
            (
                engine,
                &earlier,
                "ALTER TABLE users DROP COLUMN email;",
                DROPS,
            ),
            // The second one is the real one.
            (
                engine,
                users,
                &format!("{hides}DROP TABLE users;\nDROP TABLE users;"),
                DROPS,
            ),
        ]);
        must_not_tell(&[
            (
                engine,
                users,
                &format!("{hides}DELETE FROM users;"),
                EMPTIES,
            ),
            (engine, users, &format!("{hides}DROP TABLE users;"), DROPS),
        ]);
    }
    must_tell(&[
        (
            Postgres,
            users,
            &format!("{hides}DELETE FROM public.users;"),
            EMPTIES,
        ),
        (
            Postgres,
            users,
            "CREATE TEMP TABLE t AS SELECT * FROM users;\nALTER TABLE t RENAME TO users;\nDELETE FROM public.users;",
            EMPTIES,
        ),
    ]);
    // What is known of the real one is known afterwards.
    must_not_tell(&[(
        Postgres,
        &format!("{earlier}CREATE INDEX i ON users (id);"),
        "UPDATE users SET email = 'x' WHERE id = 5;",
        "write-without-batch",
    )]);
}

#[test]
fn drop_temporary_drops_nothing_that_others_see() {
    let made = "CREATE TEMPORARY TABLE tmp_ids AS SELECT id FROM orders;\n";
    let gone = "DROP TEMPORARY TABLE IF EXISTS tmp_ids;\n";
    for engine in [Mysql, Mariadb] {
        must_not_tell(&[
            (engine, "", &format!("{gone}{made}"), DROPS),
            (engine, "", gone, DROPS),
            (
                engine,
                "",
                &format!("-- greylag:phase contract\n-- greylag:change x\n{gone}"),
                "contract-drops-others",
            ),
        ]);
        let users = "CREATE TABLE users (id bigint PRIMARY KEY);\n";
        let sql = "DROP TEMPORARY TABLE IF EXISTS users;\nCREATE TEMPORARY TABLE users AS SELECT 1;\nDROP TEMPORARY TABLE users;\nDELETE FROM users;";
        must_tell(&[
            (engine, users, sql, EMPTIES),
            // Without the word it may be a real one.
            (
                engine,
                "",
                &format!("DROP TABLE IF EXISTS tmp_ids;\n{made}"),
                DROPS,
            ),
            (
                engine,
                users,
                "DROP TABLE users;\nCREATE TEMPORARY TABLE users AS SELECT 1;",
                DROPS,
            ),
        ]);
        let told = findings(
            engine,
            "",
            &format!("DROP TABLE IF EXISTS tmp_ids;\n{made}"),
        );
        assert!(
            told.contains(&(DROPS.to_owned(), Severity::Warning)),
            "{told:?}"
        );
    }
}

#[test]
fn what_if_not_exists_makes_may_have_been_there() {
    let table = "CREATE TABLE IF NOT EXISTS users (id bigint PRIMARY KEY, email text);\n";
    let column = "ALTER TABLE users ADD COLUMN IF NOT EXISTS email text;\n";
    let case = |head: &str, sql: &str| format!("{head}{sql}");
    must_tell(&[
        (
            Postgres,
            "",
            &case(table, "ALTER TABLE users DROP COLUMN email;"),
            DROPS,
        ),
        (Postgres, "", &case(table, "DROP TABLE users;"), DROPS),
        (Postgres, "", &case(table, "DELETE FROM users;"), EMPTIES),
        (Postgres, "", &case(table, "TRUNCATE users;"), EMPTIES),
        (
            Postgres,
            "",
            &case(table, "UPDATE users SET email = lower(email);"),
            "write-without-batch",
        ),
        (
            Postgres,
            "",
            &case(table, "ALTER TABLE users RENAME COLUMN email TO mail;"),
            "expand-renames",
        ),
        (
            Postgres,
            "",
            &case(column, "ALTER TABLE users DROP COLUMN email;"),
            DROPS,
        ),
        (
            Postgres,
            "",
            &case(column, "ALTER TABLE users ALTER email TYPE varchar(50);"),
            "expand-restricts-writes",
        ),
        (
            Postgres,
            "",
            "ALTER TABLE users ADD COLUMN IF NOT EXISTS email text, DROP COLUMN email;",
            DROPS,
        ),
        (
            Mysql,
            "",
            &case(table, "ALTER TABLE users DROP COLUMN email;"),
            DROPS,
        ),
    ]);
    must_not_tell(&[
        // What only adds is meant for a new one.
        (
            Postgres,
            "",
            &case(table, "CREATE INDEX i ON users (email);"),
            "add-index-blocking",
        ),
        (
            Postgres,
            "",
            &case(table, "ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0);"),
            "add-check-scan",
        ),
        (
            Postgres,
            "",
            &case(table, "INSERT INTO users SELECT * FROM users;"),
            "write-without-batch",
        ),
        (
            Postgres,
            "",
            &case(
                column,
                "CREATE UNIQUE INDEX CONCURRENTLY i ON users (email);",
            ),
            "expand-restricts-writes",
        ),
        // Migrations know all of the table, and that the column isn't there.
        (
            Postgres,
            "CREATE TABLE users (id bigint);",
            &case(column, "ALTER TABLE users DROP COLUMN email;"),
            DROPS,
        ),
    ]);
}

#[test]
fn what_may_have_been_there_is_no_thing_of_the_file() {
    let view = "CREATE OR REPLACE VIEW mails AS SELECT 1 AS one;\n";
    let sequence = "CREATE SEQUENCE IF NOT EXISTS numbers;\n";
    must_tell(&[
        (Postgres, "", &format!("{view}DROP VIEW mails;"), DROPS),
        (Mysql, "", &format!("{view}DROP VIEW mails;"), DROPS),
        (
            Postgres,
            "",
            &format!("{sequence}DROP SEQUENCE numbers;"),
            DROPS,
        ),
        (
            Postgres,
            "",
            "CREATE SEQUENCE app.numbers;\nDROP SEQUENCE numbers;",
            DROPS,
        ),
        // A database that is called so has tables like any other.
        (
            Mysql,
            "CREATE TABLE temp.users (id int);",
            "DROP TABLE temp.users;",
            DROPS,
        ),
        (
            Mariadb,
            "CREATE TABLE users (id int);",
            "CREATE OR REPLACE TABLE users (id int);",
            EMPTIES,
        ),
    ]);
    let plain = view.replace("OR REPLACE ", "");
    must_not_tell(&[
        (Postgres, "", &format!("{plain}DROP VIEW mails;"), DROPS),
        (
            Postgres,
            "",
            "CREATE SEQUENCE numbers;\nDROP SEQUENCE public.numbers;",
            DROPS,
        ),
        (
            Postgres,
            "",
            "CREATE MATERIALIZED VIEW IF NOT EXISTS mails AS SELECT 1 AS one;\nCREATE UNIQUE INDEX i ON mails (one);",
            "add-index-blocking",
        ),
        (
            Sqlite,
            "",
            "CREATE TABLE temp.users (id int);\nDROP TABLE temp.users;",
            DROPS,
        ),
    ]);
}

#[test]
fn a_function_that_a_file_makes_for_itself_is_most_likely_its_own() {
    let made =
        "CREATE OR REPLACE FUNCTION fix() RETURNS int LANGUAGE sql IMMUTABLE AS 'select 1';\n";
    let file = format!("{made}SELECT fix();\nDROP FUNCTION fix();");
    let severity = |given: &str| {
        let told = findings(Postgres, given, &file).into_iter();
        let mut told = told.filter(|(rule, _)| rule == DROPS);
        told.next().map(|(_, severity)| severity)
    };
    assert_eq!(severity(""), Some(Severity::Warning));
    assert_eq!(severity(made), Some(Severity::Error));
    assert_eq!(
        severity(&format!("{made}DROP FUNCTION fix();")),
        Some(Severity::Warning)
    );
}

#[test]
fn a_baseline_makes_nothing_new_for_what_goes_out_with_it() {
    let none = BTreeMap::new();
    let read = |script: &str, text: &str| {
        Unit::read(Postgres, script, text.as_bytes(), None, &none).pending()
    };
    let told = |baseline: &str| {
        let units = [
            read("V1__baseline.sql", baseline),
            read("V2__index.sql", "CREATE INDEX i ON users (id);"),
        ];
        let report = lint(&units, &Settings::default(), None);
        let mut rules = report.findings.iter().map(|finding| finding.rule.as_str());
        rules.any(|rule| rule == "add-index-blocking")
    };
    assert!(told(
        "CREATE TABLE IF NOT EXISTS users (id bigint PRIMARY KEY);"
    ));
    assert!(!told("CREATE TABLE users (id bigint PRIMARY KEY);"));
}

#[test]
fn rows_that_somebody_has_seen_say_that_a_table_was_there() {
    let none = BTreeMap::new();
    let sql =
        "CREATE TABLE IF NOT EXISTS users (id bigint PRIMARY KEY);\nCREATE INDEX i ON users (id);";
    let units = [Unit::read(
        Postgres,
        "V1__a.sql",
        sql.as_bytes(),
        None,
        &none,
    )];
    let mut settings = Settings::default();
    let told = |settings: &Settings| {
        let report = lint(&units, settings, None);
        let mut rules = report.findings.iter().map(|finding| finding.rule.as_str());
        rules.any(|rule| rule == "add-index-blocking")
    };
    assert!(!told(&settings));
    let rows = greylag_lint::TableSettings {
        rows: Some(50_000_000),
        ..Default::default()
    };
    settings.tables.insert("users".to_owned(), rows);
    assert!(told(&settings));
    assert!(report(Postgres, &[], sql).coverage.unjudged.is_empty());
}
