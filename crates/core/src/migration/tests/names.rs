use super::*;
use crate::migration::{FileName, MigrationId, NameError, Skipped};

fn parse(name: &str) -> Result<Result<(String, String), Skipped>, NameError> {
    let parsed = FileName::parse(name)?;
    Ok(parsed.map(|file| (file.id.to_string(), file.description)))
}

fn migration(id: &str, description: &str) -> Result<Result<(String, String), Skipped>, NameError> {
    Ok(Ok((id.to_owned(), description.to_owned())))
}

#[test]
fn names_are_taken_apart_as_flyway_does() {
    assert_eq!(parse("V1__first.sql"), migration("V1", "first"));
    assert_eq!(
        parse("a/b/V1_2.3__Add_total__now.SQL"),
        migration("V1.2.3", "Add total  now")
    );
    assert_eq!(
        parse("V7.0_2019_06_14__x.sql"),
        migration("V7.0.2019.06.14", "x")
    );
    assert_eq!(
        parse("R__all_views.sql"),
        migration("R__all_views", "all views")
    );
    assert_eq!(parse("U1.1__undo_it.sql"), migration("U1.1", "undo it"));
    let FileName { id, .. } = FileName::parse("R__all_views.sql").unwrap().unwrap();
    assert_eq!(id, MigrationId::Repeatable("all views".into()));
}

#[test]
fn other_files_are_passed_over_with_a_reason() {
    assert_eq!(parse("README.md"), Ok(Err(Skipped::Suffix)));
    assert_eq!(parse("V1__a.sql.bak"), Ok(Err(Skipped::Suffix)));
    assert_eq!(parse("V1__a.sql.conf"), Ok(Err(Skipped::Config)));
    for name in [
        "seed.sql",
        "v1__lower.sql",
        "Views.sql",
        "Update_users.sql",
        "Backup.sql",
        "Rollback__x.sql",
    ] {
        assert_eq!(parse(name), Ok(Err(Skipped::Prefix)), "{name}");
    }
}

#[test]
fn what_looks_like_a_migration_and_is_none_is_an_error() {
    let fault = |name: &str| parse(name).unwrap_err().to_string();
    assert_eq!(
        fault("V1_add.sql"),
        "`V1_add.sql` has no `__` between version and description"
    );
    assert_eq!(
        fault("R_views.sql"),
        "`R_views.sql` has no `__` between version and description"
    );
    assert_eq!(fault("V__x.sql"), "`V__x.sql` has no version");
    assert_eq!(fault("V1a__x.sql"), "`1a` is not a version");
    assert_eq!(fault("V1..2__x.sql"), "`1..2` is not a version");
    assert_eq!(fault("V1__.sql"), "`V1__.sql` has no description");
    assert_eq!(
        fault("R1__x.sql"),
        "the repeatable `R1__x.sql` has a version"
    );
}

#[test]
fn baselines_and_callbacks_are_refused_rather_than_passed_over() {
    let fault = |name: &str| parse(name).unwrap_err().to_string();
    assert!(fault("B5__all.sql").contains("baseline migration"));
    assert!(fault("beforeMigrate.sql").contains("callback (`beforeMigrate`)"));
    assert!(fault("x/afterEachMigrate__log.sql").contains("callback (`afterEachMigrate`)"));
}

#[test]
fn a_wrong_name_is_told_when_it_is_read() {
    assert_eq!(
        faults("V1_add.sql", "SELECT 1;"),
        [
            "V1_add.sql:1:1: `V1_add.sql` has no `__` between version and description | Name it `V<version>__<description>.sql`, with two underscores between."
        ]
    );
}

#[test]
fn versions_compare_as_flyway_compares_them() {
    use crate::migration::Version;
    let version = |text: &str| text.parse::<Version>().unwrap();
    let in_order = [
        "0",
        "0.1",
        "1",
        "1.1",
        "1.2",
        "1.10",
        "2",
        "10",
        "20140924113530",
        "99999999999999999999999999",
    ];
    for pair in in_order.windows(2) {
        assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
    }
    for (a, b) in [
        ("1", "1.0"),
        ("1", "01"),
        ("1_2", "1.2"),
        ("1.0.0", "1"),
        ("7.0_2019_05_02", "7.0.2019.5.2"),
    ] {
        assert_eq!(version(a), version(b));
    }
}

#[test]
fn duplicates_are_told_with_both_files_all_at_once() {
    let names = [
        "V1__a.sql",
        "V1.0__b.sql",
        "R__x.sql",
        "more/R__x.sql",
        "V2__a.sql",
        "U1__a.sql",
        "U2__a.sql",
    ];
    let files = names.map(|name| read(name, "SELECT 1;").unwrap());
    let told = tell(&crate::migration::Set::new(files.to_vec()).unwrap_err());
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("V1__a.sql:1:1: version 1 is taken by `V1.0__b.sql` too"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with(
            "more/R__x.sql:1:1: the repeatable description `x` is taken by `R__x.sql` too"
        ),
        "{told:?}"
    );
}

#[test]
fn a_set_is_in_the_order_of_running() {
    let names = [
        "R__b.sql",
        "U2__x.sql",
        "V10__x.sql",
        "R__a.sql",
        "V2__x.sql",
    ];
    let set = crate::migration::Set::new(names.map(|n| read(n, "").unwrap()).to_vec()).unwrap();
    let ids: Vec<String> = set.iter().map(|m| m.id.to_string()).collect();
    assert_eq!(ids, ["V2", "V10", "R__a", "R__b", "U2"]);
    assert_eq!(
        set.get(&"V2.0".parse().unwrap()).unwrap().script,
        "V2__x.sql"
    );
    assert_eq!(
        (
            set.versioned().count(),
            set.repeatables().count(),
            set.undos().count()
        ),
        (2, 2, 1)
    );
}
