use super::*;
use crate::{
    engine::Dialect,
    migration::placeholder::{checksum, replace},
    script::split,
};
use std::collections::BTreeMap;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn placeholders_are_replaced_whatever_their_case_and_wherever_they_stand() {
    let migration = read(
        "a/V1__x.sql",
        "-- ${T}\nSELECT '${t}', $$${flyway:fileName}$$ FROM ${t};",
    )
    .unwrap();
    let source = replace(&migration, &values(&[("t", "tbl")])).unwrap();
    assert_eq!(
        &**source.text(),
        "-- tbl\nSELECT 'tbl', $$V1__x.sql$$ FROM tbl;"
    );
}

#[test]
fn all_placeholders_without_a_value_are_told_with_the_first_ones_place() {
    let migration = read("V1__x.sql", "SELECT 1;\nSELECT ${a}, ${b}, ${A};").unwrap();
    let error = replace(&migration, &values(&[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "V1__x.sql:2:8: the placeholders have no value: `${a}`, `${b}`"
    );
    assert_eq!(&error.text[error.span.clone()], "${a}");
}

#[test]
fn an_open_placeholder_is_told_where_it_begins() {
    let migration = read("V1__x.sql", "SELECT '${a';").unwrap();
    let error = replace(&migration, &values(&[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "V1__x.sql:1:9: the placeholder that begins here has no closing `}`"
    );
}

#[test]
fn what_is_asked_to_verify_a_file_has_its_placeholders_replaced_too() {
    let text = "-- greylag:verify SELECT ${want} = 1\n-- greylag:verify SELECT 2\nSELECT 1;";
    let values = values(&[("want", "(SELECT count(*) FROM t)")]);
    let migration = read("V1__x.sql", text).unwrap();
    let asked = |migration: &Migration| {
        let source = replace(migration, &values).unwrap();
        migration.verify_in(&source).unwrap()
    };
    assert_eq!(
        asked(&migration),
        ["SELECT (SELECT count(*) FROM t) = 1", "SELECT 2"]
    );
    let config = Some(("V1__x.sql.conf", b"placeholderReplacement=false".as_slice()));
    let as_it_stands = Migration::read("V1__x.sql", text.as_bytes(), config).unwrap();
    assert_eq!(asked(&as_it_stands), ["SELECT ${want} = 1", "SELECT 2"]);
}

#[test]
fn the_files_config_turns_replacement_off() {
    let config = Some(("V1__x.sql.conf", b"placeholderReplacement=false".as_slice()));
    let migration = Migration::read("V1__x.sql", b"SELECT '${a}';", config).unwrap();
    assert_eq!(
        &**replace(&migration, &values(&[])).unwrap().text(),
        "SELECT '${a}';"
    );
}

#[test]
fn only_a_repeatables_checksum_follows_its_placeholders() {
    for (name, follows) in [("V1__x.sql", false), ("R__x.sql", true)] {
        let migration = read(name, "SELECT ${a};").unwrap();
        let sum = |value| {
            checksum(
                &migration,
                &replace(&migration, &values(&[("a", value)])).unwrap(),
            )
        };
        assert_eq!(sum("1") != sum("2"), follows, "{name}");
        assert_eq!(sum("1") == migration.checksum, !follows, "{name}");
    }
}

#[test]
fn lines_of_statements_are_those_of_the_file_whatever_a_value_holds() {
    let migration = read("V1__x.sql", "SELECT ${a};\nSELECT 2;\nSELECT ${a}, 'x\n").unwrap();
    let source = replace(&migration, &values(&[("a", "1,\n2,\n3")])).unwrap();
    let error = split(Dialect::Postgres, source.clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3:14: the string that begins here never ends"
    );
    let migration = read("V1__x.sql", "SELECT ${a};\nSELECT 2;\nSELECT ${a}").unwrap();
    let source = replace(&migration, &values(&[("a", "1;\nSELECT 3")])).unwrap();
    let script = split(Dialect::Postgres, source).unwrap();
    let lines: Vec<(u32, &str)> = script
        .statements
        .iter()
        .map(|s| (s.line, script.sql(s)))
        .collect();
    assert_eq!(
        lines,
        [
            (1, "SELECT 1"),
            (1, "SELECT 3"),
            (2, "SELECT 2"),
            (3, "SELECT 1"),
            (3, "SELECT 3")
        ]
    );
}
