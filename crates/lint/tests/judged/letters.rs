//! Names with letters beyond ASCII are folded as each server folds them.

use super::{must_not_tell, must_tell};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres, Sqlite};

const RULE: &str = "write-without-batch";

#[test]
fn servers_that_fold_ascii_alone_keep_other_letters_apart() {
    let made = "CREATE TABLE \"Ärzte\" (id bigint, \"Öde\" bigint PRIMARY KEY);";
    for engine in [Postgres, Sqlite] {
        // The server's name is `Ärzte`, and its key `Öde`: one row.
        must_not_tell(&[(engine, made, "DELETE FROM Ärzte WHERE Öde = 5;", RULE)]);
        let other = "CREATE TABLE \"ärzte\" (id bigint, \"öde\" bigint PRIMARY KEY);";
        must_tell(&[(engine, other, "DELETE FROM ÄRZTE WHERE ÖDE = 5;", RULE)]);
    }
}

#[test]
fn mysql_knows_all_letters_in_both_cases() {
    let made = "CREATE TABLE `ärzte` (id bigint, `Öde` bigint PRIMARY KEY);";
    for engine in [Mysql, Mariadb] {
        must_not_tell(&[(engine, made, "DELETE FROM ärzte WHERE öde = 5;", RULE)]);
    }
}
