//! CHECKs that come, go, or come back: what they refuse of an app that doesn't know them.

use super::{history, must_not_tell, must_tell};
use greylag_core::engine::Engine::{self, Mariadb, Mysql, Postgres, Sqlite};
use greylag_lint::Severity;

const GIVEN: &str = "CREATE TABLE t (id bigint PRIMARY KEY, total int NOT NULL, status varchar(20) NOT NULL, country varchar(2),\n\
    CONSTRAINT known_status CHECK (status IN ('a', 'b')), CONSTRAINT known_country CHECK (country = 'de'), CONSTRAINT some_total CHECK (total>0));\n";

/// Each of these in an expand, on servers that write it so.
fn told(engine: Engine, sql: &str) -> Option<Severity> {
    let told = history(engine, &[GIVEN], sql).into_iter();
    told.filter(|(rule, _)| rule == "expand-restricts-writes")
        .map(|(_, severity)| severity)
        .max()
}

fn added(columns: &str, check: &str) -> String {
    format!("ALTER TABLE t {columns};\nALTER TABLE t ADD CONSTRAINT c CHECK ({check});")
}

#[test]
fn a_row_of_nulls_is_refused_by_what_asks_for_one_of_several() {
    let columns = "ADD COLUMN card bigint, ADD COLUMN bank bigint";
    for engine in [Postgres, Mysql, Mariadb] {
        for refuses in [
            "card IS NOT NULL OR bank IS NOT NULL",
            "(card IS NULL) <> (bank IS NULL)",
            "coalesce(card, 0) > 0",
            "CASE WHEN card > 0 THEN bank IS NULL ELSE bank > 0 AND bank IS NOT NULL END",
        ] {
            let sql = added(columns, refuses);
            assert_eq!(
                told(engine, &sql),
                Some(Severity::Warning),
                "{engine}: {sql}"
            );
        }
        for takes in [
            "card > 0 AND bank > 0",
            "card IS NULL OR bank IS NULL",
            "(card IS NULL) = (bank IS NULL)",
            "coalesce(card, bank, 1) > 0",
            "card IN (1, 2)",
        ] {
            let sql = added(columns, takes);
            assert_eq!(told(engine, &sql), None, "{engine}: {sql}");
        }
    }
    let exactly_one = added(columns, "num_nonnulls(card, bank) = 1");
    assert_eq!(told(Postgres, &exactly_one), Some(Severity::Warning));
    let within = "ALTER TABLE t ADD COLUMN n int CHECK (coalesce(n, 0) > 0);";
    assert_eq!(told(Sqlite, within), Some(Severity::Warning));
}

#[test]
fn the_default_is_tried() {
    for engine in [Postgres, Mysql, Mariadb] {
        for (column, check, is) in [
            ("n int NOT NULL DEFAULT 0", "n > 0", Some(Severity::Warning)),
            ("n int NOT NULL DEFAULT 0", "n >= 0", None),
            ("n int NOT NULL DEFAULT '5'", "n BETWEEN 1 AND 5", None),
            (
                "n varchar(9) NOT NULL DEFAULT 'new'",
                "n IN ('new', 'old')",
                None,
            ),
            (
                "n varchar(9) NOT NULL DEFAULT 'new'",
                "n IN ('old', 'older')",
                Some(Severity::Warning),
            ),
            (
                "n varchar(9) NOT NULL DEFAULT 'new'",
                "n LIKE 'n%'",
                Some(Severity::Note),
            ),
            (
                "n int NOT NULL DEFAULT 0",
                "n <= total",
                Some(Severity::Warning),
            ),
        ] {
            let apart = added(&format!("ADD COLUMN {column}"), check);
            assert_eq!(told(engine, &apart), is, "{engine}: {apart}");
            // Within the column it is the same.
            let within = format!("ALTER TABLE t ADD COLUMN {column} CHECK ({check});");
            assert_eq!(told(engine, &within), is, "{engine}: {within}");
        }
    }
    let own = "ALTER TABLE t ADD COLUMN n uuid DEFAULT gen_random_uuid() CHECK (n <> other(n));";
    assert_eq!(told(Postgres, own), None);
}

#[test]
fn what_a_column_is_worked_out_from_is_written_by_the_old_app() {
    let rule = "expand-restricts-writes";
    let unique = "ALTER TABLE t ADD COLUMN low varchar(20) GENERATED ALWAYS AS (lower(status)) STORED UNIQUE;";
    must_tell(&[
        (Postgres, GIVEN, unique, rule),
        (Mysql, GIVEN, unique, rule),
        (Mariadb, GIVEN, unique, rule),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN kind text CHECK (kind IS NOT NULL);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN code text UNIQUE NULLS NOT DISTINCT;",
            rule,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN code text UNIQUE;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n bigserial UNIQUE CHECK (n > 0);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN IF NOT EXISTS total int NOT NULL UNIQUE;",
            rule,
        ),
        (
            Mysql,
            GIVEN,
            "ALTER TABLE t ADD COLUMN low varchar(20) AS (lower(status));",
            rule,
        ),
    ]);
}

#[test]
fn the_same_words_in_another_order_are_another_check() {
    for engine in [Postgres, Mysql] {
        let add = |check: &str| {
            told(
                engine,
                &format!("ALTER TABLE t ADD CONSTRAINT c CHECK ({check});"),
            )
        };
        assert!(add("country = 'DE'").is_some());
        assert_eq!(add("Country='de'"), None);
        assert_eq!(add("total > 0"), None);
        assert_eq!(add("(total > 0)"), None);
        assert!(add("total > 1").is_some());
    }
    let given = "CREATE TABLE t (a boolean, b boolean, c boolean, CHECK (a OR (b AND c)));";
    let other = "ALTER TABLE t ADD CONSTRAINT c CHECK ((a OR b) AND c);";
    must_tell(&[(Postgres, given, other, "expand-restricts-writes")]);
    // The name in its text goes along with the column.
    let renamed = format!("{GIVEN}ALTER TABLE t RENAME COLUMN total TO amount;");
    for engine in [Postgres, Mysql] {
        let again = "ALTER TABLE t ADD CONSTRAINT c CHECK (amount > 0);";
        must_not_tell(&[(engine, &renamed, again, "expand-restricts-writes")]);
    }
}

#[test]
fn what_is_wider_refuses_nothing_that_was_welcome() {
    let rule = "expand-restricts-writes";
    for engine in [Postgres, Mysql, Mariadb] {
        for (new, refuses) in [
            ("status IN ('a', 'b', 'c')", false),
            ("status IN ('b', 'c')", true),
            ("status IN ('a', 'b') OR total > 5", false),
        ] {
            for sql in [
                format!(
                    "ALTER TABLE t DROP CONSTRAINT known_status; ALTER TABLE t ADD CONSTRAINT known_status CHECK ({new});"
                ),
                format!(
                    "ALTER TABLE t DROP CONSTRAINT known_status, ADD CONSTRAINT known_status CHECK ({new});"
                ),
                format!("ALTER TABLE t ADD CONSTRAINT wider CHECK ({new});"),
            ] {
                assert_eq!(told(engine, &sql).is_some(), refuses, "{engine}: {sql}");
                must_not_tell(&[(engine, GIVEN, &sql, "expand-lifts-guarantee")]);
            }
        }
    }
    // A key that was there before the file is there for the app.
    let given = "CREATE TABLE u (id bigint PRIMARY KEY, email varchar(20) NOT NULL, org bigint NOT NULL, CONSTRAINT k UNIQUE (email));\n\
        CREATE TABLE orgs (id bigint PRIMARY KEY);\nALTER TABLE u ADD CONSTRAINT fk FOREIGN KEY (org) REFERENCES orgs (id);";
    let again = "ALTER TABLE u DROP CONSTRAINT IF EXISTS k;\nALTER TABLE u ADD CONSTRAINT k UNIQUE (email);";
    let primary = "ALTER TABLE u DROP CONSTRAINT u_pkey;\nALTER TABLE u ADD CONSTRAINT u_pkey PRIMARY KEY (id);";
    let foreign = "ALTER TABLE u DROP CONSTRAINT fk;\nALTER TABLE u ADD CONSTRAINT fk FOREIGN KEY (org) REFERENCES orgs (id) NOT VALID;";
    let index = "ALTER TABLE u DROP INDEX k;\nALTER TABLE u ADD UNIQUE KEY k (email);";
    must_not_tell(&[
        (Postgres, given, again, rule),
        (Postgres, given, primary, rule),
        (Postgres, given, foreign, rule),
        (Mysql, given, index, rule),
    ]);
    // What an earlier file dropped is gone.
    let gone = format!("{given}ALTER TABLE u DROP CONSTRAINT k;");
    let add = "ALTER TABLE u ADD CONSTRAINT k UNIQUE (email);";
    must_tell(&[(Postgres, &gone, add, rule)]);
}

#[test]
fn a_name_in_quotes_is_folded_as_its_server_does() {
    let rule = "expand-restricts-writes";
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, Total int);";
    for engine in [Mysql, Mariadb] {
        must_not_tell(&[(
            engine,
            given,
            "ALTER TABLE t ADD COLUMN `bonusPct` int, ADD CONSTRAINT c CHECK (`bonusPct` >= 0);",
            rule,
        )]);
        must_tell(&[(
            engine,
            given,
            "ALTER TABLE t ADD COLUMN bonus int, ADD CONSTRAINT c CHECK (bonus IS NULL AND `Total` > 5);",
            rule,
        )]);
    }
    // A string in double quotes is no column's name.
    let words = "CREATE TABLE t (id int PRIMARY KEY, open int, status varchar(9), CONSTRAINT c CHECK (status IN (\"open\", 'it\\'s')));\n\
        ALTER TABLE t DROP COLUMN open;";
    let same = "ALTER TABLE t ADD CONSTRAINT d CHECK (status IN (\"open\", 'it\\'s'));";
    must_not_tell(&[(Mysql, words, same, rule)]);
}

#[test]
fn a_check_that_no_row_is_asked_for_refuses_and_proves_nothing() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, n int, user_id bigint);\nCREATE TABLE users (id bigint PRIMARY KEY);\n";
    let check = "ALTER TABLE t ADD CONSTRAINT c CHECK (n IS NOT NULL) NOT ENFORCED;";
    let foreign = "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT ENFORCED;";
    let within = "ALTER TABLE t ADD COLUMN m int DEFAULT 0 CHECK (m > n) NOT ENFORCED;";
    for rule in [
        "expand-restricts-writes",
        "add-check-scan",
        "add-foreign-key-scan",
        "may-fail-on-some-shard",
    ] {
        for sql in [check, foreign, within] {
            must_not_tell(&[(Postgres, given, sql, rule)]);
        }
    }
    must_not_tell(&[
        (Mysql, given, check, "expand-restricts-writes"),
        (Mysql, given, check, "copies-table"),
    ]);
    let unenforced = format!("{given}{check}\n{foreign}");
    let not_null = "ALTER TABLE t ALTER n SET NOT NULL;";
    let again = "ALTER TABLE t ADD CONSTRAINT other FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID;";
    must_tell(&[
        (Postgres, &unenforced, not_null, "set-not-null-scan"),
        (Postgres, &unenforced, not_null, "expand-restricts-writes"),
        (Postgres, &unenforced, again, "expand-restricts-writes"),
    ]);
    // What asks nobody is nobody's guarantee.
    let rule = "expand-lifts-guarantee";
    must_not_tell(&[
        (
            Postgres,
            &unenforced,
            "ALTER TABLE t DROP CONSTRAINT c;",
            rule,
        ),
        (
            Postgres,
            &unenforced,
            "ALTER TABLE t DROP CONSTRAINT fk;",
            rule,
        ),
        (
            Postgres,
            &unenforced,
            "ALTER TABLE t ALTER CONSTRAINT fk NOT ENFORCED;",
            rule,
        ),
    ]);
}

#[test]
fn a_constraint_is_lifted_and_enforced_by_a_word() {
    let given = "CREATE TABLE users (id bigint PRIMARY KEY);\n\
        CREATE TABLE t (id bigint PRIMARY KEY, n int, user_id bigint, CONSTRAINT c CHECK (n > 0), CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id));\n";
    let lifts = "expand-lifts-guarantee";
    let lifted = "ALTER TABLE t ALTER CONSTRAINT fk NOT ENFORCED;";
    let enforced = "ALTER TABLE t ALTER CONSTRAINT fk ENFORCED;";
    must_tell(&[
        (Postgres, given, lifted, lifts),
        (Postgres, "", lifted, lifts),
        (
            Mysql,
            given,
            "ALTER TABLE t ALTER CHECK c NOT ENFORCED;",
            lifts,
        ),
        (
            Mysql,
            "",
            "ALTER TABLE t ALTER CONSTRAINT c NOT ENFORCED;",
            lifts,
        ),
    ]);
    let before = format!("{given}{lifted}");
    let check = format!("{given}ALTER TABLE t ALTER CHECK c NOT ENFORCED;");
    let restricts = "expand-restricts-writes";
    must_tell(&[
        (Postgres, &before, enforced, restricts),
        (Postgres, &before, enforced, "add-foreign-key-scan"),
        (
            Mysql,
            &check,
            "ALTER TABLE t ALTER CHECK c ENFORCED;",
            restricts,
        ),
        (
            Mysql,
            &check,
            "ALTER TABLE t ALTER CHECK c ENFORCED;",
            "copies-table",
        ),
    ]);
    let sharded = "-- engine postgres\n-- lint default-class = \"sharded\"\n-- lint shard-key = [\"id\"]\n-- given\n";
    super::speaks(
        "may-fail-on-some-shard",
        sharded,
        &[&format!("{before}\n-- migration contract x\n{enforced}")],
    );
    must_not_tell(&[
        (Postgres, given, enforced, restricts),
        (Postgres, given, enforced, "add-foreign-key-scan"),
        (
            Postgres,
            given,
            "ALTER TABLE t ALTER CONSTRAINT fk DEFERRABLE;",
            lifts,
        ),
        (
            Postgres,
            &before,
            "ALTER TABLE t ALTER CONSTRAINT fk NOT DEFERRABLE;",
            restricts,
        ),
        (
            Mysql,
            given,
            "ALTER TABLE t ALTER CHECK c ENFORCED;",
            restricts,
        ),
    ]);
    // Nothing goes along while it asks nobody.
    let cascades = given.replace(
        "REFERENCES users (id)",
        "REFERENCES users (id) ON DELETE CASCADE",
    );
    let delete = "DELETE FROM users WHERE id = 5;";
    let lifted = format!("{cascades}{lifted}");
    must_tell(&[(Postgres, &cascades, delete, "write-without-batch")]);
    must_not_tell(&[(Postgres, &lifted, delete, "write-without-batch")]);
}

#[test]
fn a_new_column_that_is_null_passes_what_compares_it_with_an_old_one() {
    for engine in [Postgres, Mysql, Mariadb, Sqlite] {
        for (check, is) in [
            ("gone >= total", None),
            ("gone IS NULL OR gone > total", None),
            ("gone > 0 AND total > 0", Some(Severity::Warning)),
            ("gone IS NULL AND total > 0", Some(Severity::Warning)),
            ("coalesce(gone, 0) >= total", Some(Severity::Warning)),
            ("gone IS NOT NULL AND gone > total", Some(Severity::Warning)),
        ] {
            let sql = format!("ALTER TABLE t ADD COLUMN gone int CHECK ({check});");
            assert_eq!(told(engine, &sql), is, "{engine}: {sql}");
        }
    }
}

#[test]
fn words_that_are_no_columns_are_none_where_the_table_is_not_known_whole() {
    // No migration made it.
    let told = |sql: &str| {
        let told = history(Postgres, &["SELECT 1;"], sql).into_iter();
        told.filter(|(rule, _)| rule == "expand-restricts-writes")
            .map(|(_, severity)| severity)
            .max()
    };
    for check in [
        "born > DATE '1900-01-01'",
        "CAST(born AS integer) > 5",
        "EXTRACT(year FROM born) > 1900",
        "born COLLATE \"C\" > 'a'",
        "born <= current_date",
        "born::double precision > 0",
        "born AT TIME ZONE 'utc' > INTERVAL '1 day'",
        "born < died",
    ] {
        let sql = format!("ALTER TABLE adopted ADD COLUMN born text CHECK ({check});");
        assert_eq!(told(&sql), None, "{sql}");
        // Whether a default passes is another matter, and columns of the table are anything.
        let sql = format!("ALTER TABLE adopted ADD COLUMN born text DEFAULT 'x' CHECK ({check});");
        let is = match check.contains("died") {
            true => Severity::Warning,
            false => Severity::Note,
        };
        assert_eq!(told(&sql), Some(is), "{sql}");
    }
}

#[test]
fn what_a_function_makes_of_null_is_known_of_a_few_alone() {
    let columns = "ADD COLUMN e text, ADD COLUMN a date, ADD COLUMN b date";
    for (check, is) in [
        ("length(e) > 1 AND date_part('year', a) > 2000", None),
        ("is_ok(e)", Some(Severity::Note)),
        ("own.length(e) > 1", Some(Severity::Note)),
        (
            "cardinality(array_remove(ARRAY[a, b], NULL)) = 1",
            Some(Severity::Note),
        ),
        (
            "daterange(a, b) <@ daterange('2026-01-01', '2027-01-01')",
            Some(Severity::Note),
        ),
    ] {
        assert_eq!(told(Postgres, &added(columns, check)), is, "{check}");
    }
    for (check, is) in [
        ("json_valid(e)", None),
        ("concat_ws(',', e, a) <> ''", Some(Severity::Note)),
        ("is_ok(e)", Some(Severity::Note)),
    ] {
        for engine in [Mysql, Mariadb] {
            assert_eq!(told(engine, &added(columns, check)), is, "{check}");
        }
    }
}

#[test]
fn checks_within_checks_are_judged_in_time_and_are_never_too_deep() {
    let nested = |name: &str, by: &str| {
        (0..16).fold(format!("({name} > 0)"), |inner, at| {
            format!("({name}{at} > 0 {by} {inner})")
        })
    };
    let given = format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, CONSTRAINT old CHECK ({}));",
        nested("a", "AND")
    );
    let add = |check: &str| format!("ALTER TABLE t ADD CONSTRAINT c CHECK ({check});");
    let signs = format!("{}1 > a", "- ".repeat(40_000));
    let cases = format!(
        "{}a > 5{}",
        "CASE WHEN ".repeat(5_000),
        " THEN 1 END".repeat(5_000)
    );
    for engine in [Postgres, Mysql] {
        for check in [&nested("b", "OR"), &signs, &cases] {
            let told = history(engine, &[&given], &add(check)).into_iter();
            let told: Vec<Severity> = told
                .filter(|(rule, _)| rule == "expand-restricts-writes")
                .map(|(_, severity)| severity)
                .collect();
            assert_eq!(told, [Severity::Warning], "{engine}");
        }
        let wider = nested("b", "OR").replace("(b > 0)", "(a >= 0)");
        let told = history(engine, &[&given], &add(&wider));
        assert!(
            !told
                .iter()
                .any(|(rule, _)| rule == "expand-restricts-writes")
        );
    }
}
