//! PostgreSQL: which partitions are read whole when one is added is what the lint says, by the CHECKs that they have.

use super::servers;
use greylag_core::engine::Engine;
use greylag_lab::Server;
use greylag_lint::{Settings, Unit, lint};
use std::collections::{BTreeMap, BTreeSet};

const RANGE: &str = "CREATE TABLE parent (id bigint NOT NULL, at date) PARTITION BY RANGE (at);\n";
const LIST: &str = "CREATE TABLE parent (id bigint NOT NULL, at text) PARTITION BY LIST (at);\n";
const YEAR: &str = "FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')";

/// What is given, and what is run.
fn cases() -> Vec<(String, String)> {
    let part = |column: &str, check: &str| {
        format!("CREATE TABLE part (id bigint NOT NULL, at {column}, CHECK ({check}));\n")
    };
    let rest = |check: &str| {
        format!(
            "CREATE TABLE rest PARTITION OF parent DEFAULT;\nALTER TABLE rest ADD CONSTRAINT c CHECK ({check});\n"
        )
    };
    let attach = |bounds: &str| format!("ALTER TABLE parent ATTACH PARTITION part {bounds};");
    let mut cases = Vec::new();
    for column in ["date NOT NULL", "date"] {
        for check in [
            "at >= '2020-01-01' AND at < '2021-01-01'",
            "(id > 5) AND ((at < '2021-01-01'::date) AND (at >= date '2020-01-01'))",
            "at IS NOT NULL AND at >= '2020-01-01' AND at < '2021-01-01'",
            "at >= '2020-01-01' AND at < '2022-01-01'",
            "at >= '2020-01-01' OR at < '2021-01-01'",
            "id > 0",
        ] {
            let given = format!("{RANGE}{}", part(column, check));
            cases.push((given, attach(YEAR)));
        }
    }
    let open = "FOR VALUES FROM (MINVALUE) TO ('2021-01-01')";
    let given = format!("{RANGE}{}", part("date NOT NULL", "at < '2021-01-01'"));
    cases.push((given, attach(open)));
    for (check, bounds) in [
        ("at IN ('a', 'b')", "FOR VALUES IN ('a', 'b', 'c')"),
        ("at = 'a'", "FOR VALUES IN ('a')"),
        ("at IN ('a', 'b')", "FOR VALUES IN ('a')"),
        ("at <> 'a'", "FOR VALUES IN ('a')"),
    ] {
        let given = format!("{LIST}{}", part("text NOT NULL", check));
        cases.push((given, attach(bounds)));
    }
    for check in [
        "NOT (at >= '2020-01-01' AND at < '2021-01-01')",
        "at < '2020-01-01' OR at >= '2021-01-01'",
        "at < '2020-01-01'",
        "at < '2020-06-01' OR at >= '2021-01-01'",
        "id > 0",
    ] {
        let given = format!("{RANGE}{}", rest(check));
        cases.push((
            given.clone(),
            format!("CREATE TABLE part PARTITION OF parent {YEAR};"),
        ));
        let empty = format!("CREATE TABLE part (LIKE parent);\n{}", attach(YEAR));
        cases.push((given, empty));
    }
    for check in [
        "at NOT IN ('a', 'b')",
        "at <> 'a' AND at <> 'b'",
        "at NOT IN ('a')",
    ] {
        let given = format!("{LIST}{}", rest(check));
        let bounds = "FOR VALUES IN ('a', 'b')";
        cases.push((
            given,
            format!("CREATE TABLE part PARTITION OF parent {bounds};"),
        ));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_postgres_reads_are_those_that_are_told() {
    let mut wrong = Vec::new();
    for server in servers::of(greylag_lab::Engine::Postgres).await {
        let mut read_at_all = 0;
        for (given, sql) in cases() {
            let (said, seen) = (said(&given, &sql), seen(&server, &given, &sql).await);
            read_at_all += usize::from(!seen.is_empty());
            if said != seen {
                wrong.push(format!("{given}{sql}\n    said {said:?}, is {seen:?}"));
            }
        }
        assert!(read_at_all > 10, "{read_at_all}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The tables that the server has read from end to end, apart from one that the statements made.
async fn seen(server: &Server, given: &str, sql: &str) -> BTreeSet<String> {
    let database = server.database("partitions").await.unwrap().name;
    server.execute(&database, given).await.unwrap();
    // Of its own transaction, which is still open.
    let read = "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0";
    let whole = format!("BEGIN; {sql} {read}; COMMIT");
    let rows = server.rows(&database, &whole).await;
    let rows = rows.unwrap_or_else(|error| panic!("{given}{sql}: {error}"));
    let names = rows.into_iter().filter_map(|row| row.into_iter().next()?.1);
    let made = sql.contains("CREATE TABLE part");
    names.filter(|name| name != "part" || !made).collect()
}

fn said(given: &str, sql: &str) -> BTreeSet<String> {
    let none = BTreeMap::new();
    let read =
        |script, text: &str| Unit::read(Engine::Postgres, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", given).earlier(),
        read("V2__case.sql", sql),
    ];
    let report = lint(&units, &Settings::default(), None);
    let told = report
        .findings
        .iter()
        .filter(|f| f.rule == "attach-partition-scan");
    told.map(
        |finding| match finding.title.contains("default partition") {
            true => "rest".to_owned(),
            false => "part".to_owned(),
        },
    )
    .collect()
}
