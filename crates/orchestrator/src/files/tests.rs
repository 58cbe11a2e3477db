use super::*;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, os::unix::fs::symlink};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(folder: &TempDir) -> Result<Files, FilesError> {
    read_folders(&[folder.path().to_owned()])
}

fn scripts(files: &Files) -> Vec<&str> {
    files
        .set
        .iter()
        .map(|migration| migration.script.as_str())
        .collect()
}

/// The faults, with the folder's own path taken out.
fn faults(folder: &TempDir) -> Vec<String> {
    let error = read(folder).unwrap_err();
    assert!(error.faults.iter().all(|fault| fault.hint().is_some()));
    let own = format!("{}/", folder.path().display());
    error
        .faults
        .iter()
        .map(|fault| fault.to_string().replace(&own, ""))
        .collect()
}

#[test]
fn files_of_all_depths_are_read_in_order_of_running() {
    let folder = folder(&[
        ("2026/V10__b.sql", "SELECT 1;"),
        ("V2__a.sql", "SELECT 1;"),
        ("R__views.sql", "SELECT 1;"),
        ("README.md", "no"),
        ("seed.sql", "SELECT 1;"),
        ("V2__a.sql.conf", "executeInTransaction=false"),
    ]);
    let files = read(&folder).unwrap();
    assert_eq!(
        scripts(&files),
        ["V2__a.sql", "2026/V10__b.sql", "R__views.sql"]
    );
    assert_eq!(
        files.set.as_slice()[0].config.execute_in_transaction,
        Some(false)
    );
    assert_eq!(files.passed_over, [folder.path().join("seed.sql")]);
}

#[test]
fn a_folder_without_files_is_no_fault() {
    assert!(read(&folder(&[])).unwrap().set.is_empty());
}

#[test]
fn a_missing_folder_and_a_file_for_a_folder_are_told() {
    let folder = folder(&[("V1__a.sql", "")]);
    let error =
        read_folders(&[folder.path().join("none"), folder.path().join("V1__a.sql")]).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("none is missing") && told.contains("V1__a.sql is no folder"),
        "{told}"
    );
}

#[test]
fn every_fault_of_every_file_is_told_at_once() {
    let folder = folder(&[
        ("V1__a.sql", "-- greylag:fase expand\n"),
        ("V2_b.sql", ""),
        ("V3__c.sql", ""),
        ("deep/V3.0__d.sql", ""),
        ("V4__e.sql", ""),
        ("V4__e.sql.conf", "\nnonsense=1"),
        ("V5__f.sql.conf", "executeInTransaction=false"),
        ("beforeMigrate.sql", ""),
    ]);
    let told = faults(&folder);
    let expected = [
        "V1__a.sql:1:1: unknown directive `fase`",
        "V2_b.sql:1:1: `V2_b.sql` has no `__` between version and description",
        "V4__e.sql.conf:2:1: unknown setting `nonsense`",
        "V5__f.sql.conf belongs to no migration: the `.sql` file beside it is missing",
        "beforeMigrate.sql:1:1: `beforeMigrate.sql` is a callback (`beforeMigrate`), which Greylag doesn't support",
        "deep/V3.0__d.sql:1:1: version 3.0 is taken by `V3__c.sql` too",
    ];
    for fault in expected {
        assert!(told.iter().any(|t| t == fault), "{fault} in {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn several_folders_make_one_set_and_a_file_is_read_once() {
    let (a, b) = (
        folder(&[("V1__a.sql", ""), ("sub/V2__b.sql", "")]),
        folder(&[("V3__c.sql", "")]),
    );
    let folders = [
        a.path().to_owned(),
        a.path().join("sub"),
        b.path().to_owned(),
    ];
    assert_eq!(
        scripts(&read_folders(&folders).unwrap()),
        ["V1__a.sql", "sub/V2__b.sql", "V3__c.sql"]
    );
}

#[test]
fn links_are_followed_and_circles_told() {
    let (folder, other) = (
        folder(&[("V1__a.sql", "")]),
        super::tests::folder(&[("V2__b.sql", "")]),
    );
    symlink(other.path(), folder.path().join("linked")).unwrap();
    symlink(
        other.path().join("V2__b.sql"),
        folder.path().join("V3__c.sql"),
    )
    .unwrap();
    symlink("nowhere", folder.path().join("notes.txt")).unwrap();
    symlink(other.path(), folder.path().join("linked_again")).unwrap();
    // Another name makes another migration, another way to the same name doesn't.
    assert_eq!(
        scripts(&read(&folder).unwrap()),
        ["V1__a.sql", "linked/V2__b.sql", "V3__c.sql"]
    );
    fs::remove_file(folder.path().join("linked_again")).unwrap();
    symlink(folder.path(), other.path().join("back")).unwrap();
    symlink("nowhere", folder.path().join("V4__d.sql")).unwrap();
    assert_eq!(
        faults(&folder),
        [
            "V4__d.sql can't be read",
            "linked/back links to a folder that it lies in"
        ]
    );
}

#[test]
fn a_name_that_is_not_utf8_is_told_where_it_would_be_a_migration() {
    let folder = folder(&[("V1__a.sql", "")]);
    fs::write(folder.path().join(OsStr::from_bytes(b"caf\xe9.txt")), "").unwrap();
    assert_eq!(read(&folder).unwrap().set.len(), 1);
    fs::write(
        folder.path().join(OsStr::from_bytes(b"V2__caf\xe9.sql")),
        "",
    )
    .unwrap();
    assert_eq!(
        faults(&folder),
        ["the name of V2__caf\u{fffd}.sql is not UTF-8"]
    );
}
