//! How statements are read, and how a way is written in.

use super::*;

fn change(sql: &str) -> Change {
    read(sql).unwrap_or_else(|| panic!("not read: {sql}"))
}

#[test]
fn a_way_is_written_before_the_clauses_of_an_alter() {
    for (sql, by) in [
        (
            "ALTER TABLE t ADD c int -- last",
            "ALTER TABLE t ALGORITHM=INPLACE, LOCK=NONE, ADD c int -- last",
        ),
        (
            "alter ignore table `a b`.`c``d` WAIT 5 /* x */ drop column e",
            "alter ignore table `a b`.`c``d` WAIT 5 /* x */ ALGORITHM=INPLACE, LOCK=NONE, drop column e",
        ),
        (
            "ALTER TABLE t REMOVE PARTITIONING",
            "ALTER TABLE t ALGORITHM=INPLACE, LOCK=NONE REMOVE PARTITIONING",
        ),
        (
            "CREATE INDEX i ON t (a, b) COMMENT 'x' -- y",
            "CREATE INDEX i ON t (a, b) COMMENT 'x' ALGORITHM=INPLACE LOCK=NONE -- y",
        ),
        (
            "DROP INDEX i ON d.t -- gone",
            "ALTER TABLE `d`.`t` ALGORITHM=INPLACE, LOCK=NONE, DROP INDEX i",
        ),
    ] {
        assert_eq!(change(sql).by(sql, "INPLACE", Some("NONE")), by);
    }
    assert_eq!(change("ALTER TABLE `a b`.`c``d` FORCE").table, "c`d");
    assert_eq!(change("ALTER TABLE a.b FORCE").schema.as_deref(), Some("a"));
}

#[test]
fn the_author_s_own_way_is_seen() {
    assert!(change("ALTER TABLE t ADD c int, ALGORITHM = COPY").says_algorithm);
    assert!(change("ALTER TABLE t ALGORITHM INPLACE, ADD c int").says_algorithm);
    assert!(change("ALTER TABLE t ADD c int, LOCK=SHARED").says_lock);
    assert!(change("ALTER ONLINE TABLE t ADD c int").says_lock);
    assert!(change("CREATE INDEX i ON t (a) ALGORITHM=INPLACE").says_algorithm);
    // Names and comments are no clauses.
    let plain = change(
        "ALTER TABLE t ADD algorithm int, ADD `lock` int COMMENT 'LOCK=NONE' /* ALGORITHM=COPY */",
    );
    assert!(!plain.says_algorithm && !plain.says_lock);
    let only_lock = change("ALTER TABLE t ADD c int, LOCK=SHARED");
    assert_eq!(
        only_lock.by(
            "ALTER TABLE t ADD c int, LOCK=SHARED",
            "INPLACE",
            Some("NONE")
        ),
        "ALTER TABLE t ALGORITHM=INPLACE, ADD c int, LOCK=SHARED"
    );
}

#[test]
fn what_is_no_change_of_a_table_is_left_alone() {
    for sql in [
        "ALTER VIEW v AS SELECT 1",
        "CREATE TABLE t (a int)",
        "DROP TABLE t",
        "ALTER TABLE t",
        "/*!50100 ALTER TABLE t ADD c int */",
        "ALTER TABLE t ADD c int /*!80000 INVISIBLE */",
        "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
    ] {
        assert_eq!(read(sql), None, "{sql}");
    }
}

#[test]
fn a_tool_gets_the_clauses_of_an_alter() {
    for (sql, alter) in [
        (
            "ALTER TABLE d.t MODIFY a bigint, ADD INDEX (a) ; ",
            "MODIFY a bigint, ADD INDEX (a)",
        ),
        (
            "CREATE UNIQUE INDEX i USING BTREE ON t (a, b(3)) COMMENT 'x'",
            "ADD UNIQUE INDEX i USING BTREE (a, b(3)) COMMENT 'x'",
        ),
        ("DROP INDEX i ON t", "DROP INDEX i"),
    ] {
        assert_eq!(change(sql).as_alter(sql), alter);
    }
}

#[test]
fn clauses_are_told_by_their_first_words() {
    for (sql, clauses) in [
        ("ALTER TABLE t ADD c int", Clauses::Plain),
        ("ALTER TABLE t RENAME COLUMN a TO b", Clauses::Plain),
        ("ALTER TABLE t ADD c int, RENAME TO u", Clauses::Renames),
        ("ALTER TABLE t RENAME u", Clauses::Renames),
        ("ALTER TABLE t PARTITION BY HASH (a)", Clauses::Partitioning),
        ("ALTER TABLE t DROP PARTITION p", Clauses::Whole),
        (
            "ALTER TABLE t ADD PARTITION PARTITIONS 4",
            Clauses::PartitionsAnew,
        ),
        // By hash: rows find another place.
        (
            "ALTER TABLE t ADD PARTITION (PARTITION px, PARTITION py)",
            Clauses::PartitionsAnew,
        ),
        (
            "ALTER TABLE t ADD PARTITION (PARTITION p VALUES LESS THAN (3))",
            Clauses::Whole,
        ),
        (
            "ALTER TABLE t ADD PARTITION (PARTITION p HISTORY)",
            Clauses::Whole,
        ),
        (
            "ALTER TABLE t REORGANIZE PARTITION p INTO (PARTITION q VALUES LESS THAN (3))",
            Clauses::PartitionsAnew,
        ),
    ] {
        assert_eq!(change(sql).clauses, clauses, "{sql}");
    }
    assert!(change("ALTER TABLE t DROP INDEX i, RENAME INDEX a TO b").is_metadata);
    assert!(!change("ALTER TABLE t DROP INDEX i, ADD INDEX (a)").is_metadata);
}

#[test]
fn options_that_are_parted_by_blanks_are_all_looked_at() {
    for sql in [
        "ALTER TABLE t COMMENT='x'",
        "ALTER TABLE t COMMENT 'x', AUTO_INCREMENT = 5",
        "ALTER TABLE t STATS_PERSISTENT=1",
        "ALTER TABLE t ALTER COLUMN c SET DEFAULT 'PARTITION', DROP FOREIGN KEY f",
        "DROP INDEX i ON t",
    ] {
        assert!(change(sql).is_metadata, "{sql}");
    }
    for sql in [
        "ALTER TABLE t COMMENT='x' ENGINE=InnoDB",
        "ALTER TABLE t COMMENT 'x' ENGINE InnoDB",
        "ALTER TABLE t AUTO_INCREMENT=5 ROW_FORMAT=DYNAMIC",
        "ALTER TABLE t STATS_PERSISTENT=1 KEY_BLOCK_SIZE=8",
        "ALTER TABLE t COMMENT='x' PARTITION BY HASH (id)",
        "ALTER TABLE t DROP INDEX i REMOVE PARTITIONING",
        "ALTER TABLE t RENAME COLUMN a TO b PARTITION BY KEY (b)",
        // The primary key under its other name.
        "ALTER TABLE t DROP INDEX `PRIMARY`",
        "ALTER TABLE t DROP CONSTRAINT `primary`",
        "DROP INDEX `PRIMARY` ON t",
    ] {
        assert!(!change(sql).is_metadata, "{sql}");
    }
}

#[test]
fn executable_comments_are_found_where_they_are_comments_alone() {
    for sql in [
        "ALTER TABLE t ADD c int COMMENT 'see /*! x'",
        "ALTER TABLE t ADD `/*!` int -- not /*! this",
    ] {
        change(sql);
    }
}

#[test]
fn what_can_t_be_given_a_way_is_read_as_far_as_it_goes() {
    let told = |sql: &str| {
        let told = unread(sql).unwrap_or_else(|| panic!("read, or no change: {sql}"));
        let table = told.table.map(|(_, table)| table).unwrap_or_default();
        (table, told.says_algorithm, told.is_metadata)
    };
    for (sql, table, says, metadata) in [
        ("ALTER TABLE t MODIFY a /*!40000 int */", "t", false, false),
        (
            "ALTER TABLE t COMMENT 'x' /*!40000 , FORCE */",
            "t",
            false,
            false,
        ),
        (
            "ALTER TABLE t COMMENT 'x' /*!40000 , COMMENT 'y' */",
            "t",
            false,
            true,
        ),
        ("/*!40000 ALTER TABLE t DISABLE KEYS */", "t", false, true),
        (
            "/*!40000 ALTER TABLE t FORCE, ALGORITHM=COPY */",
            "t",
            true,
            false,
        ),
        (
            "ALTER TABLE t FORCE /*!40000 , ALGORITHM=COPY */",
            "t",
            false,
            false,
        ),
        (
            "ALTER TABLE t ALGORITHM=COPY, FORCE /*!40000 , LOCK=NONE */",
            "t",
            true,
            false,
        ),
        ("ALTER TABLE /*!40000 t FORCE, */ b FORCE", "", false, false),
        (
            "SET STATEMENT a = 5 FOR ALTER TABLE t FORCE",
            "t",
            false,
            false,
        ),
        (
            "SET STATEMENT a = 5 FOR ALTER TABLE t RENAME INDEX i TO j",
            "t",
            false,
            true,
        ),
        ("CREATE INDEX i WAIT 5 ON t (a)", "t", false, false),
        ("DROP INDEX i ON t NOWAIT", "t", false, false),
    ] {
        assert_eq!(told(sql), (table.to_owned(), says, metadata), "{sql}");
    }
    for sql in [
        "ALTER TABLE t FORCE",
        "CREATE TABLE t (a int) /*!50100 PARTITION BY HASH (a) */",
        "SET STATEMENT a = 5 FOR INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES (1) /*! , (2) */",
        "/*!40000 SET a = 1 */",
    ] {
        assert_eq!(unread(sql), None, "{sql}");
    }
}
