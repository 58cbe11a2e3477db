//! Files that are no migrations, or more than one: a clear answer each time.

use greylag_core::engine::Engine;
use greylag_lint::{Decided, Level, Report, Settings, Severity, Unit, lint};
use std::collections::BTreeMap;

fn judge(text: &[u8], settings: &Settings) -> Report {
    let unit = Unit::read(Engine::Postgres, "V1__a.sql", text, None, &BTreeMap::new());
    lint(&[unit], settings, None)
}

fn rules(report: &Report) -> Vec<&str> {
    report
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect()
}

#[test]
fn a_binary_file_is_unreadable_and_says_where() {
    let report = judge(
        b"\x7fELF\x02\x01\x01\x00\xff\xfe\x00CREATE TABLE t",
        &Settings::default(),
    );
    assert_eq!(rules(&report), ["unreadable"]);
    assert!(report.holds());
    let title = &report.findings[0].title;
    assert!(title.contains("offset"), "{title}");
    assert_eq!(
        (report.coverage.files, report.coverage.unjudged.len()),
        (1, 1)
    );
    assert_eq!(report.coverage.unjudged[0].statement, None);
    assert_eq!(report.coverage.percent(), 0, "nothing was judged");
}

#[test]
fn a_truncated_file_is_unreadable_and_says_what_never_ends() {
    for (text, says) in [
        ("CREATE TABLE t (id int PRIMARY KEY", "parenthesis"),
        ("INSERT INTO t VALUES ('half", "string"),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1",
            "dollar",
        ),
        ("ALTER TABLE t ADD COLUMN /* and", "comment"),
    ] {
        let report = judge(text.as_bytes(), &Settings::default());
        assert_eq!(rules(&report), ["unreadable"], "{text}");
        assert!(
            report.findings[0].title.contains(says),
            "{}",
            report.findings[0].title
        );
        assert!(report.findings[0].message.instead.is_some());
    }
}

#[test]
fn a_statement_that_ends_too_early_is_not_taken_for_safe() {
    let report = judge(
        b"CREATE TABLE t (id int PRIMARY KEY);\nALTER TABLE t ADD COLUMN",
        &Settings::default(),
    );
    assert_eq!(rules(&report), ["unjudged"]);
    assert_eq!((report.coverage.judged, report.coverage.statements), (1, 2));
}

#[test]
fn fifty_megabytes_are_judged() {
    let mut text = String::from("CREATE TABLE t (id bigint PRIMARY KEY, v text);\n");
    // One statement of rows, many of them, and COPY data: whatever a dump is made of.
    text += "INSERT INTO t (id, v) VALUES\n";
    let rows = if std::env::var_os("GREYLAG_FULL").is_some() {
        1_200_000
    } else {
        120_000
    };
    for at in 0..rows {
        text += &format!("({at}, 'a row of some length'),\n");
    }
    text += "(-1, 'last');\nCOPY t (id, v) FROM stdin;\n";
    for at in 0..rows / 4 {
        text += &format!("{}\ta row\n", at + 2_000_000);
    }
    text += "\\.\nCREATE INDEX t_v ON t (v);\nDROP TABLE old;\n";
    let report = judge(text.as_bytes(), &Settings::default());
    assert_eq!(
        (report.coverage.statements, report.coverage.judged),
        (5, 5),
        "{:?}",
        report.coverage
    );
    assert!(
        rules(&report).contains(&"expand-drops"),
        "{:?}",
        rules(&report)
    );
    assert!(
        !rules(&report).contains(&"add-index-blocking"),
        "the table is new"
    );
}

#[test]
fn an_empty_file_has_nothing_to_say() {
    for text in ["", "\n\n", "-- nothing\n", "/* nothing */ ;"] {
        let report = judge(text.as_bytes(), &Settings::default());
        assert_eq!(rules(&report), [""; 0], "{text:?}");
    }
}

#[test]
fn an_allow_lets_its_rule_pass_and_says_why() {
    let text = b"-- greylag:allow add-index-blocking because the table has 40 rows\nCREATE INDEX i ON t (v);";
    let report = judge(text, &Settings::default());
    let found = report
        .findings
        .iter()
        .find(|f| f.rule == "add-index-blocking")
        .unwrap();
    assert_eq!(
        found.allowed.as_ref().unwrap().because,
        "the table has 40 rows"
    );
    assert!(!report.holds());
}

#[test]
fn an_allow_without_a_reason_is_refused() {
    let report = judge(
        b"-- greylag:allow add-index-blocking\nCREATE INDEX i ON t (v);",
        &Settings::default(),
    );
    assert_eq!(rules(&report), ["unreadable"]);
    assert!(
        report.findings[0]
            .message
            .instead
            .as_ref()
            .unwrap()
            .contains("because"),
        "{:?}",
        report.findings[0]
    );
}

#[test]
fn a_severity_that_a_person_set_stands() {
    let mut settings = Settings::default();
    settings
        .severity
        .insert("add-index-blocking".to_owned(), Level::Note);
    let report = judge(b"CREATE INDEX i ON t (v);", &settings);
    assert_eq!(
        (report.findings[0].severity, report.findings[0].decided),
        (Severity::Note, Decided::Config)
    );
    settings
        .severity
        .insert("add-index-blocking".to_owned(), Level::Off);
    assert!(!rules(&judge(b"CREATE INDEX i ON t (v);", &settings)).contains(&"add-index-blocking"));
}

#[test]
fn the_largest_shard_decides_how_grave_it_is() {
    let unit = Unit::read(
        Engine::Postgres,
        "V1__a.sql",
        b"CREATE INDEX i ON t (v);",
        None,
        &BTreeMap::new(),
    );
    let of = |rows: u64| {
        let fleet = serde_json::json!({ "shards": 3, "tables": { "t": { "rows": rows, "largest_shard": "eu-7" } } });
        let fleet = serde_json::from_value(fleet).unwrap();
        let report = lint(
            std::slice::from_ref(&unit),
            &Settings::default(),
            Some(&fleet),
        );
        let found = report
            .findings
            .into_iter()
            .find(|f| f.rule == "add-index-blocking")
            .unwrap();
        assert_eq!(found.decided, Decided::Fleet);
        (found.severity, found.message.why)
    };
    assert_eq!(of(40).0, Severity::Note);
    let (severity, why) = of(9_000_000);
    assert_eq!(severity, Severity::Error);
    assert!(why.contains("eu-7") && why.contains("9000000"), "{why}");
}

#[test]
fn a_report_is_the_same_after_json() {
    let report = judge(
        b"CREATE INDEX i ON t (v);\nDO $$ BEGIN END $$;",
        &Settings::default(),
    );
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

/// Of the last of these files, the rules that speak.
fn of_last(pending: bool, texts: &[&str]) -> Vec<String> {
    let none = BTreeMap::new();
    let units: Vec<Unit> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let name = format!("V{}__a.sql", at + 1);
            let unit = Unit::read(Engine::Postgres, &name, text.as_bytes(), None, &none);
            if pending { unit.pending() } else { unit }
        })
        .collect();
    let report = lint(&units, &Settings::default(), None);
    let found = report.of(&units.last().unwrap().script);
    found.map(|finding| finding.rule.clone()).collect()
}

#[test]
fn a_table_that_goes_out_with_the_file_is_empty_and_nobody_waits_for_it() {
    let make = "CREATE TABLE t (id bigint PRIMARY KEY, v text);";
    let index = "CREATE INDEX t_v ON t (v); ALTER TABLE t ALTER COLUMN v SET NOT NULL;";
    assert_eq!(of_last(true, &[make, index]), [""; 0]);
    // Where nobody knows what has been applied, it may be full of rows.
    let found = of_last(false, &[make, index]);
    assert!(
        found.contains(&"add-index-blocking".to_owned()),
        "{found:?}"
    );
    // What lies between two stages is a deployment, or a backfill of days.
    let fill = "-- greylag:phase backfill\n-- greylag:change c\n-- greylag:table t\nUPDATE t SET v = 'x' WHERE v IS NULL AND :batch;";
    let found = of_last(true, &[make, fill, index]);
    assert!(
        found.contains(&"add-index-blocking".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_table_that_the_file_drops_is_nobodys_worry() {
    let make = "CREATE TABLE users (id bigint PRIMARY KEY); CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint CONSTRAINT u REFERENCES users);";
    let both = "ALTER TABLE orders DROP CONSTRAINT u; DROP TABLE users; DROP TABLE orders;";
    let rule = "foreign-key-drop-locks-both".to_owned();
    assert!(!of_last(false, &[make, both]).contains(&rule));
    let one = "ALTER TABLE orders DROP CONSTRAINT u;";
    assert!(of_last(false, &[make, one]).contains(&rule));
    // Locked is locked: it is said once for each table of a transaction.
    let more = "ALTER TABLE users ADD COLUMN a int; ALTER TABLE orders DROP CONSTRAINT u;";
    assert!(!of_last(false, &[make, more]).contains(&rule));
}

#[test]
fn a_write_within_a_with_is_a_write() {
    for text in [
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT count(*) FROM gone;",
        "WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO log VALUES (1);",
    ] {
        let report = judge(text.as_bytes(), &Settings::default());
        let found = report
            .findings
            .iter()
            .find(|f| f.rule == "write-without-batch");
        assert!(
            found.is_some_and(|f| f.title.contains("every row of t")),
            "{text}: {:?}",
            rules(&report)
        );
    }
}

#[test]
fn what_squawk_is_not_asked_about_is_said() {
    let row = format!("INSERT INTO t VALUES ('{}');\n", "x".repeat(1_000));
    let large = judge(row.repeat(2_100).as_bytes(), &Settings::default());
    let unasked = &large.coverage.unasked;
    assert_eq!(unasked.len(), 1, "{unasked:?}");
    assert!(unasked[0].why.contains("above 2 MB"), "{unasked:?}");
    assert_eq!(large.coverage.percent(), 100);
    let small = judge(row.as_bytes(), &Settings::default());
    assert!(small.coverage.unasked.is_empty());
}
