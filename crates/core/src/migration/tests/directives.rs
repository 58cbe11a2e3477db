use super::*;
use crate::migration::{Allow, Directives, OnSubscribers, Phase};
use std::time::Duration;

fn directives(text: &str) -> Directives {
    read("V1__a.sql", text)
        .unwrap_or_else(|e| panic!("{:?}", tell(&e)))
        .directives
}

#[test]
fn every_directive_is_read() {
    let text = "/* licence */\n\n\
        -- greylag:phase backfill\n\
        --greylag:change orders-total\n\
        -- Greylag:transaction off\n\
        -- greylag:requires-app web >= 2.4\n\
        -- greylag:requires-app worker > 1\n\
        -- greylag:lock-timeout 500ms\r\n\
        -- greylag:allow add-index-blocking because the table has 40 rows\n\
        -- greylag:verify SELECT count(*) = 0 FROM orders WHERE total IS NULL;\n\
        -- greylag:table orders\n\
        -- greylag:online auto\n\
        -- greylag:subscribers skip\n\
        UPDATE orders SET total = 1 WHERE :batch;";
    assert_eq!(
        directives(text),
        Directives {
            phase: Phase::Backfill,
            change: Some("orders-total".into()),
            transaction: Some(false),
            requires_app: vec!["web >= 2.4".into(), "worker > 1".into()],
            lock_timeout: Some(Duration::from_millis(500)),
            allow: vec![Allow {
                rule: "add-index-blocking".into(),
                because: "the table has 40 rows".into(),
            }],
            verify: vec!["SELECT count(*) = 0 FROM orders WHERE total IS NULL".into()],
            table: Some("orders".into()),
            online: Some("auto".into()),
            subscribers: Some(OnSubscribers::Skip),
        }
    );
}

#[test]
fn a_file_without_directives_expands() {
    assert_eq!(
        directives("CREATE TABLE t (id int); -- grey lag"),
        Directives::default()
    );
}

#[test]
fn an_unknown_directive_is_an_error_that_names_the_nearest() {
    assert_eq!(
        faults("V1__a.sql", "-- greylag:lock-timout 5s\nSELECT 1;"),
        ["V1__a.sql:1:1: unknown directive `lock-timout` | Did you mean `lock-timeout`?"]
    );
}

#[test]
fn a_directive_behind_the_first_statement_is_an_error() {
    assert_eq!(
        faults("V1__a.sql", "SELECT 1;\n  -- greylag:phase expand\n"),
        [
            "V1__a.sql:2:3: the directive `phase` stands after the first statement | Move it into the comments above the first statement."
        ]
    );
}

#[test]
fn a_directive_in_another_kind_of_comment_is_an_error_rather_than_passed_over() {
    for text in [
        "/* greylag:phase contract */\nSELECT 1;",
        "# greylag:phase contract\nSELECT 1;",
    ] {
        let told = faults("V1__a.sql", text);
        assert!(
            told[0].contains("directives are written as `-- greylag:"),
            "{told:?}"
        );
    }
}

#[test]
fn single_directives_given_twice_are_errors() {
    let told = faults(
        "V1__a.sql",
        "-- greylag:phase expand\n-- greylag:phase expand\n",
    );
    assert!(
        told[0].starts_with("V1__a.sql:2:1: the directive `phase` is given twice"),
        "{told:?}"
    );
}

#[test]
fn bad_values_are_told_with_an_example_all_at_once() {
    let text = "-- greylag:phase shrink\n-- greylag:transaction maybe\n-- greylag:lock-timeout soon\n\
        -- greylag:allow everything\n-- greylag:requires-app web\n-- greylag:change two words\n-- greylag:verify\n";
    assert_eq!(
        faults("V1__a.sql", text),
        [
            "V1__a.sql:1:1: `shrink` is no value of the directive `phase` | Write `-- greylag:phase expand` (or `backfill`, or `contract`).",
            "V1__a.sql:2:1: `maybe` is no value of the directive `transaction` | Write `-- greylag:transaction off` (or `on`).",
            "V1__a.sql:3:1: `soon` is not a duration: write a number and a unit, such as `250ms`, `5s`, `10m`, `2h`",
            "V1__a.sql:4:1: `everything` is no value of the directive `allow` | Write `-- greylag:allow RULE because REASON`.",
            "V1__a.sql:5:1: `web` is no value of the directive `requires-app` | Write `-- greylag:requires-app web >= 2.4`.",
            "V1__a.sql:6:1: `two words` is no value of the directive `change` | Write `-- greylag:change orders-total`.",
            "V1__a.sql:7:1: the directive `verify` has no value | Write `-- greylag:verify SELECT count(*) = 0 FROM orders WHERE total IS NULL`.",
        ]
    );
}

#[test]
fn backfills_and_contracts_belong_to_a_change() {
    let told = faults("V1__a.sql", "\n-- greylag:phase contract\nDROP TABLE t;");
    assert!(
        told[0].starts_with("V1__a.sql:2:1: a contract belongs to a change"),
        "{told:?}"
    );
    let told = faults(
        "V1__a.sql",
        "-- greylag:phase backfill\nUPDATE t SET a = 1;",
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("a backfill needs `:batch`"), "{told:?}");
}

#[test]
fn what_is_not_built_yet_is_named() {
    let directives = directives(
        "-- greylag:requires-app web >= 2\n-- greylag:online gh-ost\n-- greylag:table t\nSELECT 1;",
    );
    assert_eq!(directives.not_built_yet(), ["requires-app", "table"]);
    assert_eq!(directives.online.as_deref(), Some("gh-ost"));
    let verify = super::read(
        "V1__a.sql",
        "-- greylag:verify SELECT 1\n-- greylag:lock-timeout 1s\n",
    )
    .unwrap();
    assert_eq!(verify.directives.not_built_yet(), [""; 0]);
}

#[test]
fn a_directive_within_a_directives_value_is_part_of_the_value() {
    let text = "-- greylag:verify SELECT 1 -- greylag:verify SELECT 2\nSELECT 3;\n";
    let directives = read("V1__a.sql", text).unwrap().directives;
    assert_eq!(directives.verify, ["SELECT 1 -- greylag:verify SELECT 2"]);
}

#[test]
fn a_verify_without_a_query_is_an_error() {
    for text in [
        "-- greylag:verify ;\n",
        "-- greylag:verify ; ;\nSELECT 1;\n",
    ] {
        let told = faults("V1__a.sql", text);
        assert_eq!(told.len(), 1, "{told:?}");
    }
    let text = "-- greylag:verify SELECT 1; ;\nSELECT 3;\n";
    let directives = read("V1__a.sql", text).unwrap().directives;
    assert_eq!(directives.verify, ["SELECT 1"]);
}
