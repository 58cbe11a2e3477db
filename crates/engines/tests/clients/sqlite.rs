//! The sqlite3 shell.

use crate::corpora::{assert_same, of, output};
use greylag_core::engine::Engine;
use rusqlite::Connection;
use std::{fs::File, process::Command};

#[test]
fn our_statements_make_the_schema_that_the_sqlite3_shell_makes() {
    if Command::new("sqlite3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no sqlite3 shell on this machine");
        return;
    }
    for corpus in of(Engine::Sqlite) {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, ours) = (
            folder.path().join("theirs.db"),
            folder.path().join("ours.db"),
        );
        for file in &corpus.files {
            let mut shell = Command::new("sqlite3");
            shell
                .arg("-bail")
                .arg(&theirs)
                .stdin(File::open(&file.path).unwrap());
            let told = shell.output().unwrap();
            let errors = String::from_utf8_lossy(&told.stderr);
            assert!(told.status.success(), "{}: {errors}", file.path.display());
            // The shell begins with foreign keys off.
            let connection = Connection::open(&ours).unwrap();
            connection
                .execute_batch("PRAGMA foreign_keys = OFF")
                .unwrap();
            for statement in &file.script.statements {
                let sql = file.script.sql(statement);
                let place = format!("{}:{}: {sql}", file.path.display(), statement.line);
                // `prepare` refuses a second statement behind the first.
                let mut prepared = connection
                    .prepare(sql)
                    .unwrap_or_else(|e| panic!("{place}: {e}"));
                let mut rows = prepared
                    .query([])
                    .unwrap_or_else(|e| panic!("{place}: {e}"));
                while rows
                    .next()
                    .unwrap_or_else(|e| panic!("{place}: {e}"))
                    .is_some()
                {}
            }
        }
        let schema = |path| output(Command::new("sqlite3").arg(path).arg(".schema"));
        assert_same(&corpus.name, &schema(&theirs), &schema(&ours));
    }
}
