//! Columns that come with the file: no app that runs knows them, and leaves them their default.

use super::{history, must_not_tell, must_tell, report};
use greylag_core::engine::Engine::{Mysql, Postgres};

const GIVEN_OF_MYSQL: &str = "CREATE TABLE t (id bigint PRIMARY KEY, old bigint);\n";
const GIVEN: &str = "CREATE TABLE users (id bigint PRIMARY KEY);\n\
    CREATE TABLE t (id bigint PRIMARY KEY, old bigint, code text NOT NULL, CONSTRAINT t_code UNIQUE (code));\n";

#[test]
fn a_constraint_on_what_the_old_app_leaves_null_refuses_nothing() {
    let rule = "expand-restricts-writes";
    must_not_tell(&[
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN user_id bigint, ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id);",
            rule,
        ),
        (
            Mysql,
            GIVEN,
            "ALTER TABLE t ADD COLUMN user_id bigint, ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id);",
            rule,
        ),
        (
            Postgres,
            "",
            "ALTER TABLE t ADD COLUMN user_id bigint, ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN slug text;\nCREATE UNIQUE INDEX s ON t (slug);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN slug text;\nCREATE UNIQUE INDEX s ON t (lower(slug));",
            rule,
        ),
        // One null makes the whole key another.
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN slug text;\nALTER TABLE t ADD CONSTRAINT s UNIQUE (old, slug);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n uuid DEFAULT gen_random_uuid();\nALTER TABLE t ADD CONSTRAINT s UNIQUE (n);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN status text;\nALTER TABLE t ADD CONSTRAINT c CHECK (status IN ('a', 'b')) NOT VALID;",
            rule,
        ),
        (
            Postgres,
            "",
            "ALTER TABLE t ADD COLUMN status text;\nALTER TABLE t ADD CONSTRAINT c CHECK (length(status::varchar) > 1) NOT VALID;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n int DEFAULT 0;\nALTER TABLE t ALTER n SET NOT NULL;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n int DEFAULT 0, ALTER n SET NOT NULL;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n text;\nALTER TABLE t ALTER n TYPE varchar(3);",
            rule,
        ),
        (
            Mysql,
            GIVEN_OF_MYSQL,
            "ALTER TABLE t ADD COLUMN n int;\nALTER TABLE t CHANGE n m int NOT NULL DEFAULT 1;",
            rule,
        ),
    ]);
    must_tell(&[
        // Each row of the old app has the same default.
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN kind text NOT NULL DEFAULT 'x';\nALTER TABLE t ADD CONSTRAINT u UNIQUE (kind);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN kind text NOT NULL DEFAULT 'x' UNIQUE;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN slug text;\nCREATE UNIQUE INDEX s ON t (slug) NULLS NOT DISTINCT;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n int;\nALTER TABLE t ALTER n SET NOT NULL;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n int;\nALTER TABLE t ADD CONSTRAINT c CHECK (n IS NOT NULL) NOT VALID;",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN n int;\nALTER TABLE t ADD CONSTRAINT c CHECK (coalesce(n, 0) > old) NOT VALID;",
            rule,
        ),
        (
            Postgres,
            "",
            "ALTER TABLE t ADD COLUMN n int;\nALTER TABLE t ADD CONSTRAINT c CHECK (coalesce(n, 0) > old) NOT VALID;",
            rule,
        ),
        (
            Mysql,
            GIVEN_OF_MYSQL,
            "ALTER TABLE t ADD COLUMN n int;\nUPDATE t SET n = 1;\nALTER TABLE t MODIFY n int NOT NULL;",
            rule,
        ),
        (
            Mysql,
            GIVEN_OF_MYSQL,
            "ALTER TABLE t ADD COLUMN n int;\nALTER TABLE t CHANGE n m int NOT NULL;",
            rule,
        ),
        (
            Mysql,
            GIVEN_OF_MYSQL,
            "ALTER TABLE t ADD COLUMN n int;\nALTER TABLE t MODIFY n int DEFAULT 1 UNIQUE;",
            rule,
        ),
        // It was there.
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN IF NOT EXISTS old bigint;\nALTER TABLE t ADD CONSTRAINT u UNIQUE (old);",
            rule,
        ),
        (
            Postgres,
            GIVEN,
            "ALTER TABLE t ADD COLUMN IF NOT EXISTS old bigint, ADD CONSTRAINT u UNIQUE (old);",
            rule,
        ),
    ]);
}

#[test]
fn what_holds_already_refuses_nothing_more() {
    let rule = "expand-restricts-writes";
    let given = "CREATE TABLE t (id bigint NOT NULL, a int, b int NOT NULL, CONSTRAINT u UNIQUE (b), CONSTRAINT known CHECK (a IS NOT NULL));\n\
        CREATE UNIQUE INDEX t_id ON t (id);\nCREATE TABLE users (id bigint PRIMARY KEY, email text);\nCREATE UNIQUE INDEX users_email ON users (email);\n";
    must_not_tell(&[
        (
            Postgres,
            given,
            "ALTER TABLE t ADD PRIMARY KEY USING INDEX t_id;",
            rule,
        ),
        (Postgres, given, "ALTER TABLE t ADD PRIMARY KEY (id);", rule),
        (
            Postgres,
            given,
            "ALTER TABLE t ADD CONSTRAINT w UNIQUE (a, b);",
            rule,
        ),
        (Postgres, given, "ALTER TABLE t ALTER b SET NOT NULL;", rule),
        (Postgres, given, "ALTER TABLE t ALTER a SET NOT NULL;", rule),
        (
            Postgres,
            given,
            "ALTER TABLE users ADD CONSTRAINT e UNIQUE USING INDEX users_email;",
            rule,
        ),
    ]);
    must_tell(&[
        (
            Postgres,
            given,
            "ALTER TABLE users DROP CONSTRAINT users_pkey, ADD CONSTRAINT e PRIMARY KEY USING INDEX users_email;",
            rule,
        ),
        (
            Postgres,
            given,
            "ALTER TABLE t ADD CONSTRAINT w UNIQUE (a);",
            rule,
        ),
        (
            Postgres,
            "",
            "ALTER TABLE t ADD PRIMARY KEY USING INDEX t_id;",
            rule,
        ),
    ]);
}

#[test]
fn what_no_app_that_runs_knows_may_go() {
    let told = |sql: &str, rule: &str| {
        let told = history(Postgres, &[GIVEN], sql);
        told.iter().any(|(id, _)| id == rule)
    };
    let add = "ALTER TABLE t ADD COLUMN n int DEFAULT 5";
    assert!(!told(
        &format!("{add};\nALTER TABLE t ALTER n DROP DEFAULT;"),
        "expand-drops"
    ));
    assert!(told(
        &format!("{add} NOT NULL;\nALTER TABLE t ALTER n DROP DEFAULT;"),
        "expand-drops"
    ));
    assert!(!told(
        &format!("{add};\nALTER TABLE t DROP COLUMN n;"),
        "expand-drops"
    ));
    assert!(!told(
        &format!("{add};\nALTER TABLE t RENAME COLUMN n TO m;"),
        "expand-renames"
    ));
    assert!(!told(
        &format!("{add} NOT NULL;\nALTER TABLE t ALTER n DROP NOT NULL;"),
        "expand-lifts-guarantee"
    ));
    // Nothing goes where nothing was.
    assert!(!told(
        "ALTER TABLE t ALTER old DROP DEFAULT;",
        "expand-drops"
    ));
    let given = "ALTER TABLE t ALTER old SET DEFAULT 5;\nALTER TABLE t ALTER old DROP DEFAULT;";
    assert!(told(given, "expand-drops"));
    assert!(!told(
        "ALTER TABLE t ALTER old DROP NOT NULL;",
        "expand-lifts-guarantee"
    ));
    let own = "ALTER TABLE t ADD CONSTRAINT c CHECK (old > 0);\nALTER TABLE t DROP CONSTRAINT c;";
    assert!(!told(own, "expand-lifts-guarantee"));
    let index = "CREATE UNIQUE INDEX i ON t (old);\nDROP INDEX i;";
    assert!(!told(index, "expand-lifts-guarantee"));
}

#[test]
fn what_goes_out_in_one_stage_is_new_together() {
    use greylag_lint::{Settings, Unit, lint};
    let none = std::collections::BTreeMap::new();
    let read =
        |script: &str, text: &str| Unit::read(Postgres, script, text.as_bytes(), None, &none);
    let index = "-- greylag:transaction off\nCREATE UNIQUE INDEX CONCURRENTLY s ON t (slug);";
    let told = |units: &[Unit]| {
        let report = lint(units, &Settings::default(), None);
        let mut rules = report.findings.iter().map(|finding| finding.rule.as_str());
        rules.any(|rule| rule == "expand-restricts-writes")
    };
    let units = |pending: bool| {
        let both = [
            read("V2__slug.sql", "ALTER TABLE t ADD COLUMN slug text;"),
            read("V3__unique.sql", index),
        ];
        let both = both.map(|unit| if pending { unit.pending() } else { unit });
        let given = std::iter::once(read("V1__given.sql", GIVEN).earlier());
        given.chain(both).collect::<Vec<_>>()
    };
    assert!(!told(&units(true)));
    assert!(told(&units(false)), "another app may have come in between");
}

#[test]
fn what_the_new_app_leaves_out_the_old_one_reads_as_null() {
    let told = report(
        Postgres,
        &[GIVEN],
        "ALTER TABLE t ALTER code DROP NOT NULL;",
    );
    let mut notes = told.findings.iter();
    let note = notes.find(|finding| finding.rule == "expand-lifts-guarantee");
    let note = note.expect("a note");
    assert_eq!(note.severity, greylag_lint::Severity::Note);
    let advice = format!("{note:?}");
    assert!(!advice.contains("greylag:phase contract"), "{advice}");
}
