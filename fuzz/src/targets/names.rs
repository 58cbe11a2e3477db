//! File names, versions and shard names: what is understood can be written again, and versions have one order.

use super::Target;
use greylag_core::{
    fleet::ShardName,
    migration::{FileName, MigrationId, Version},
};
use std::{
    cmp::Ordering,
    hash::{BuildHasher, RandomState},
};

pub(super) const TARGET: Target = Target {
    name: "names",
    holds: "names read back the same; versions have one order",
    check,
    words: &[
        "V",
        "R",
        "U",
        "B",
        "__",
        "_",
        ".",
        "V1__a.sql",
        "R__views.sql",
        "U1.2__undo.sql",
        ".sql",
        ".SQL",
        ".sql.conf",
        "V1_2__",
        "V007__",
        "1.0",
        "1.10",
        "beforeMigrate",
        "afterEachMigrate__x.sql",
        "/",
        "00000000000000000000000000",
        "99999999999999999999999999",
    ],
    seeds: "names",
    corpora: &["_postgres", "_mysql", "_sqlite"],
    by_name: true,
};

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match FileName::parse(&text) {
        Ok(Ok(name)) => writes_again(&name),
        Ok(Err(_)) => {}
        Err(error) => assert!(!error.hint().is_empty() && !error.to_string().is_empty()),
    }
    if let Ok(id) = text.parse::<MigrationId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(name) = text.parse::<ShardName>() {
        assert_eq!(name.as_str(), text);
    }
    let versions: Vec<Version> = text
        .split(['\n', ' '])
        .take(6)
        .filter_map(|part| part.parse().ok())
        .collect();
    has_one_order(&versions);
}

fn writes_again(name: &FileName) {
    let description = name.description.replace(' ', "_");
    let file = match &name.id {
        MigrationId::Versioned(version) => format!("V{version}__{description}.sql"),
        MigrationId::Undo(version) => format!("U{version}__{description}.sql"),
        MigrationId::Repeatable(_) => format!("R__{description}.sql"),
    };
    assert_eq!(
        FileName::parse(&file),
        Ok(Ok(name.clone())),
        "written again as {file:?}"
    );
    let id = name.id.to_string();
    assert_eq!(id.parse().as_ref(), Ok(&name.id), "{id}");
}

fn has_one_order(versions: &[Version]) {
    let state = RandomState::new();
    for a in versions {
        let again: Version = a.as_str().parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((&again, again.as_str()), (a, a.as_str()));
        for b in versions {
            assert_eq!(a.cmp(b), b.cmp(a).reverse(), "{a} and {b}");
            assert_eq!(a.cmp(b) == Ordering::Equal, a == b, "{a} and {b}");
            assert!(
                a != b || state.hash_one(a) == state.hash_one(b),
                "{a} and {b} are equal and hash apart"
            );
            for c in versions {
                assert!(!(a <= b && b <= c) || a <= c, "{a} <= {b} <= {c}");
            }
        }
    }
}
