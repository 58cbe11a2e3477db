use super::*;
use crate::history::HistoryRow;

/// `rank version kind checksum success`, one row a word list; a version that is no number is a repeatable.
fn rows(lines: &[&str]) -> Vec<HistoryRow> {
    lines.iter().map(|line| row(line)).collect()
}

fn row(line: &str) -> HistoryRow {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap();
    let (rank, name, kind, checksum, success) = (next(), next(), next(), next(), next());
    let versioned = name.starts_with(|c: char| c.is_ascii_digit());
    HistoryRow {
        installed_rank: rank.parse().unwrap(),
        version: versioned.then(|| name.to_owned()),
        description: if versioned {
            "x".into()
        } else {
            name.to_owned()
        },
        kind: kind.to_owned(),
        script: String::new(),
        checksum: checksum.parse().ok(),
        installed_by: "me".into(),
        installed_on: String::new(),
        execution_time: 1,
        success: success == "ok",
    }
}

/// Files whose checksum is that of their name.
fn set(names: &[&str]) -> (Set, BTreeMap<MigrationId, i32>) {
    let read =
        |name: &&str| Migration::read(&format!("{name}.sql"), name.as_bytes(), None).unwrap();
    let set = Set::new(names.iter().map(read).collect()).unwrap();
    let checksums = set.checksums(&BTreeMap::new()).unwrap();
    (set, checksums)
}

fn sum(name: &str) -> i32 {
    crate::migration::flyway_checksum(name)
}

fn say(names: &[&str], lines: &[&str]) -> String {
    let (set, checksums) = set(names);
    let reading = read(&rows(lines), &set, &checksums).unwrap();
    let list = |ids: &[MigrationId]| {
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        names.join(" ")
    };
    let changed: Vec<MigrationId> = reading
        .changed
        .iter()
        .map(|c| c.migration.clone())
        .collect();
    let mut said = vec![
        format!("applied {}", list(&reading.applied)),
        format!("pending {}", list(&reading.pending)),
    ];
    for (word, ids) in [
        ("out of order", &reading.out_of_order),
        ("failed", &reading.failed),
        ("changed", &changed),
        ("missing", &reading.missing),
        ("future", &reading.future),
    ] {
        if !ids.is_empty() {
            said.push(format!("{word} {}", list(ids)));
        }
    }
    if let Some(baseline) = &reading.baseline {
        said.push(format!("baseline {baseline}"));
    }
    if let Some(current) = &reading.current {
        said.push(format!("current {current}"));
    }
    said.join("; ").replace(" ;", ";").trim_end().to_owned()
}

fn ok(rank: i32, version: &str, file: &str) -> String {
    format!("{rank} {version} SQL {} ok", sum(file))
}

#[test]
fn an_empty_history_has_everything_pending_in_order() {
    assert_eq!(
        say(&["R__b", "V10__x", "V2__x", "R__a", "U2__x"], &[]),
        "applied; pending V2 V10 R__a R__b"
    );
}

#[test]
fn applied_versions_are_not_pending_however_they_are_spelt() {
    assert_eq!(
        say(&["V1.0__x", "V2__x"], &[&ok(1, "1", "V1.0__x")]),
        "applied V1; pending V2; current 1"
    );
}

#[test]
fn a_pending_version_below_the_highest_is_out_of_order() {
    assert_eq!(
        say(
            &["V1__x", "V2__x", "V3__x"],
            &[&ok(1, "1", "V1__x"), &ok(2, "3", "V3__x")]
        ),
        "applied V1 V3; pending V2; out of order V2; current 3"
    );
}

#[test]
fn another_checksum_or_none_is_a_change() {
    assert_eq!(
        say(&["V1__x", "V2__x"], &["1 1 SQL 5 ok", "2 2 SQL null ok"]),
        "applied V1 V2; pending; changed V1 V2; current 2"
    );
}

#[test]
fn below_a_baseline_nothing_is_pending_missing_or_compared() {
    assert_eq!(
        say(&["V1__x", "V2__x", "V3__x"], &["1 2 BASELINE null ok"]),
        "applied; pending V3; baseline 2; current 2"
    );
    assert_eq!(
        say(
            &["V1__x", "V3__x"],
            &["1 1 SQL 5 ok", "2 1.5 SQL 5 ok", "3 2 BASELINE null ok"]
        ),
        "applied V1 V1.5; pending V3; baseline 2; current 2"
    );
}

#[test]
fn the_row_of_the_schema_is_no_migration() {
    assert_eq!(
        say(&["V1__x"], &["0 public SCHEMA null ok"]),
        "applied; pending V1"
    );
}

#[test]
fn an_undone_version_is_pending_again_until_it_is_applied_again() {
    let undone = [
        ok(1, "1", "V1__x"),
        ok(2, "2", "V2__x"),
        "3 2 UNDO_SQL 9 ok".to_owned(),
    ];
    let mut lines: Vec<&str> = undone.iter().map(String::as_str).collect();
    assert_eq!(
        say(&["V1__x", "V2__x"], &lines),
        "applied V1; pending V2; current 1"
    );
    let again = ok(4, "2", "V2__x");
    lines.push(&again);
    assert_eq!(
        say(&["V1__x", "V2__x"], &lines),
        "applied V1 V2; pending; current 2"
    );
}

#[test]
fn a_failed_undo_leaves_the_version_applied() {
    assert_eq!(
        say(&["V1__x"], &[&ok(1, "1", "V1__x"), "2 1 UNDO_SQL 9 failed"]),
        "applied V1; pending; failed U1; current 1"
    );
}

#[test]
fn a_deleted_row_counts_as_never_applied() {
    assert_eq!(
        say(
            &["V1__x", "V2__x"],
            &[&ok(1, "1", "V1__x"), "2 1 DELETE null ok"]
        ),
        "applied; pending V1 V2"
    );
    assert_eq!(
        say(&["V2__x"], &[&ok(1, "1", "V1__x"), "2 1 DELETE null ok"]),
        "applied; pending V2"
    );
}

#[test]
fn a_failed_row_is_told_and_still_pending() {
    assert_eq!(
        say(
            &["V1__x", "V2__x"],
            &[&ok(1, "1", "V1__x"), "2 2 SQL 7 failed"]
        ),
        "applied V1; pending V2; failed V2; current 1"
    );
}

#[test]
fn a_row_without_a_file_is_missing_or_from_the_future() {
    assert_eq!(
        say(
            &["V1__x", "V3__x"],
            &[&ok(1, "1", "V1__x"), &ok(2, "2", ""), &ok(3, "4", "")]
        ),
        "applied V1 V2 V4; pending V3; out of order V3; missing V2; future V4; current 4"
    );
}

#[test]
fn kinds_without_sql_files_count_as_applied() {
    assert_eq!(
        say(
            &["V1__x", "V3__x"],
            &[&ok(1, "1", "V1__x"), "2 2 JDBC 5 ok"]
        ),
        "applied V1 V2; pending V3; current 2"
    );
}

#[test]
fn the_latest_row_of_a_repeatable_decides() {
    let now = sum("R__a");
    assert_eq!(
        say(&["R__a"], &["1 a SQL 5 ok", &format!("2 a SQL {now} ok")]),
        "applied R__a; pending"
    );
    assert_eq!(
        say(&["R__a"], &[&format!("1 a SQL {now} ok"), "2 a SQL 5 ok"]),
        "applied; pending R__a"
    );
    assert_eq!(
        say(&["R__a"], &["1 b SQL 5 ok"]),
        "applied R__b; pending R__a; missing R__b"
    );
}

#[test]
fn ranks_and_not_the_order_of_rows_decide() {
    assert_eq!(
        say(&["V1__x"], &["2 1 UNDO_SQL 9 ok", &ok(1, "1", "V1__x")]),
        "applied; pending V1"
    );
}

#[test]
fn a_version_that_is_none_is_an_error() {
    let (set, checksums) = set(&["V1__x"]);
    let mut odd = row("3 1 SQL 5 ok");
    odd.version = Some("one".into());
    assert_eq!(
        read(&[odd], &set, &checksums).unwrap_err().to_string(),
        "the history's row 3 has the version `one`, which is none"
    );
}
