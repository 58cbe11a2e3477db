//! What the SQLite store meets on a disk: newer formats, strangers' files, read-only folders, no room.

use crate::stores::{Store, holder, lease, rollout, scope, stamped};
use greylag_orchestrator::{
    Exit, Explained,
    journal::{self, JournalError, Location},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn at(path: &Path) -> Location {
    Location::Sqlite {
        path: path.to_owned(),
    }
}

async fn refused(path: &Path) -> JournalError {
    match journal::open(&at(path)).await {
        Err(error) => error,
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_by_name_and_left_as_it_is() {
    let store = Store::sqlite();
    drop(store.open().await);
    let Location::Sqlite { path } = &store.location else {
        unreachable!()
    };
    let newer = rusqlite::Connection::open(path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let error = refused(path).await;
    assert!(
        matches!(error, JournalError::Newer { found: 99, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("newer greylag"), "{error}");
    assert_eq!(error.exit(), Exit::Usage);
    assert!(journal::look(&store.location).await.is_err());
}

#[tokio::test]
async fn a_database_or_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("theirs.db");
    rusqlite::Connection::open(&database)
        .unwrap()
        .execute_batch("CREATE TABLE theirs(x)")
        .unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(
        &text,
        "not a database at all, but long enough to have no header of one",
    )
    .unwrap();
    for path in [database, text] {
        let error = refused(&path).await;
        assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_folder_is_made_and_kept_out_of_version_control() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/.greylag/state.db");
    drop(journal::open(&at(&path)).await.unwrap());
    assert!(path.exists());
    let ignore = fs::read_to_string(folder.path().join("deep/.greylag/.gitignore")).unwrap();
    assert_eq!(ignore, "*\n");
}

#[tokio::test]
async fn looking_makes_nothing_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".greylag/state.db");
    let empty = journal::look(&at(&path)).await.unwrap();
    assert!(empty.rollouts(&scope()).await.unwrap().is_empty());
    assert!(!folder.path().join(".greylag").exists());

    let written = journal::open(&at(&path)).await.unwrap();
    let held = lease(&*written, &holder("apply")).await;
    written.begin(&held, &rollout("r1")).await.unwrap();
    let looked = journal::look(&at(&path)).await.unwrap();
    assert_eq!(looked.rollouts(&scope()).await.unwrap().len(), 1);
    let error = looked.release(&held).await.unwrap_err();
    assert!(matches!(error, JournalError::LookOnly), "{error}");
}

#[tokio::test]
async fn a_path_that_is_no_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = refused(&folder.path().join("file/state.db")).await;
    assert!(matches!(error, JournalError::Folder { .. }), "{error}");
}

/// Root may write anywhere, so that a read-only folder is tried as another user, in a child.
#[test]
fn a_read_only_folder_is_told() {
    const CHILD: &str = "GREYLAG_TEST_READ_ONLY";
    if let Ok(path) = std::env::var(CHILD) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let error = runtime.block_on(refused(Path::new(&path)));
        println!("said: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    drop(
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch("VACUUM"),
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "folder::a_read_only_folder_is_told",
            "--nocapture",
        ])
        .env(CHILD, &path);
    if is_root() {
        std::os::unix::process::CommandExt::uid(&mut child, 65534);
    }
    let output = child.output();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let output = match output {
        Ok(output) => output,
        Err(why) => {
            eprintln!("##### SKIPPED: this test's program can't be run as another user: {why}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("is read-only"),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_half_is_written() {
    let Some(disk) = greylag_lab::SmallDisk::mount(1 << 20).unwrap() else {
        return;
    };
    let path = disk.path().join("state.db");
    let journal = journal::open(&at(&path)).await.unwrap();
    let held = lease(&*journal, &holder("apply")).await;
    journal.begin(&held, &rollout("r1")).await.unwrap();
    journal
        .append(&held, "r1", &[stamped(1, held.epoch, "a")], &[])
        .await
        .unwrap();
    disk.fill().unwrap();
    let mut sequence = 1;
    let error = loop {
        sequence += 1;
        let long = stamped(sequence, held.epoch, &"x".repeat(5_000));
        match journal.append(&held, "r1", &[long], &[]).await {
            Ok(()) => assert!(sequence < 1_000, "it is never full"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Full { .. }), "{error:?}");
    assert!(error.hints()[0].contains("Make room"));
    disk.empty().unwrap();
    let events = journal.events("r1", 0).await.unwrap();
    assert_eq!(events.len() as u64, sequence - 1);
    journal
        .append(&held, "r1", &[stamped(sequence, held.epoch, "b")], &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_store_from_before_acts_were_kept_can_be_looked_at_and_gets_their_table() {
    let store = crate::stores::Store::sqlite();
    store.open().await;
    let Location::Sqlite { path } = &store.location else {
        unreachable!();
    };
    let old = rusqlite::Connection::open(path).unwrap();
    old.execute_batch("DROP TABLE act").unwrap();
    let looked = journal::look(&store.location).await.unwrap();
    let scope = crate::stores::scope();
    assert!(looked.acts(&scope, 10).await.unwrap().is_empty());
    store.open().await;
    let acts: i64 = old
        .query_row("SELECT count(*) FROM act", [], |row| row.get(0))
        .unwrap();
    assert_eq!(acts, 0);
}
