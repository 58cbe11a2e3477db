//! MODIFY and CHANGE, which say all of a column anew: its own keys and checks, its letters.

use super::{findings, is_silent, must_not_tell, must_tell, speaks, titles};
use greylag_core::engine::Engine::{Mariadb, Mysql};

const GIVEN: &str = "CREATE TABLE users (id bigint NOT NULL, email varchar(100) NOT NULL, age int NOT NULL DEFAULT 1,\n\
    KEY users_id (id)) DEFAULT CHARSET=utf8mb4;\n";

#[test]
fn a_key_or_a_check_within_the_column_counts_like_one_beside_it() {
    let mut cases = Vec::new();
    for rule in ["copies-table", "expand-restricts-writes"] {
        cases.push((
            Mysql,
            GIVEN,
            "ALTER TABLE users MODIFY age int NOT NULL DEFAULT 1 CHECK (age > 0);",
            rule,
        ));
    }
    for engine in [Mysql, Mariadb] {
        for sql in [
            "ALTER TABLE users MODIFY email varchar(100) NOT NULL UNIQUE;",
            "ALTER TABLE users CHANGE email mail varchar(100) NOT NULL UNIQUE KEY;",
            "ALTER TABLE users MODIFY id bigint NOT NULL PRIMARY KEY;",
        ] {
            cases.push((engine, GIVEN, sql, "expand-restricts-writes"));
            cases.push((engine, GIVEN, sql, "replayed-as-a-whole"));
        }
    }
    must_tell(&cases);
    // The same column again.
    must_not_tell(&[
        (
            Mysql,
            GIVEN,
            "ALTER TABLE users MODIFY email varchar(100) NOT NULL;",
            "expand-restricts-writes",
        ),
        (
            Mysql,
            GIVEN,
            "ALTER TABLE users MODIFY email varchar(100) NOT NULL;",
            "replayed-as-a-whole",
        ),
        // MariaDB asks no row that is there.
        (
            Mariadb,
            GIVEN,
            "ALTER TABLE users MODIFY age int NOT NULL DEFAULT 1 CHECK (age > 0);",
            "copies-table",
        ),
    ]);
}

#[test]
fn a_key_within_the_column_is_one_of_each_shard() {
    const SHARDED: &str = "-- engine mysql mariadb\n-- lint default-class = \"sharded\"\n-- lint shard-key = [\"tenant\"]\n\
        -- given\nCREATE TABLE users (tenant int NOT NULL, id bigint NOT NULL, email varchar(100) NOT NULL, age int NULL, KEY k (id));\n\
        -- migration contract x\n";
    speaks(
        "unique-without-shard-key",
        SHARDED,
        &[
            "ALTER TABLE users MODIFY email varchar(100) NOT NULL UNIQUE;",
            "ALTER TABLE users CHANGE email mail varchar(100) NOT NULL UNIQUE;",
            "ALTER TABLE users MODIFY id bigint NOT NULL PRIMARY KEY;",
        ],
    );
    is_silent(
        "unique-without-shard-key",
        SHARDED,
        &[
            "ALTER TABLE users MODIFY email varchar(100) NOT NULL;",
            // Numbers that a shard gives are the matter of local-sequence.
            "ALTER TABLE users MODIFY id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY;",
            "ALTER TABLE users ADD COLUMN n bigint NOT NULL AUTO_INCREMENT PRIMARY KEY;",
        ],
    );
    speaks(
        "may-fail-on-some-shard",
        SHARDED,
        &[
            "ALTER TABLE users MODIFY email varchar(100) NOT NULL UNIQUE;",
            "ALTER TABLE users MODIFY id bigint NOT NULL PRIMARY KEY;",
            "ALTER TABLE users MODIFY age int NULL CHECK (age > 0);",
            "ALTER TABLE users ADD COLUMN n int NOT NULL UNIQUE;",
            "ALTER TABLE users ADD COLUMN n int DEFAULT 5 UNIQUE;",
        ],
    );
    is_silent(
        "may-fail-on-some-shard",
        SHARDED,
        &[
            "ALTER TABLE users MODIFY email varchar(100) NOT NULL;",
            "ALTER TABLE users ADD COLUMN n int NULL UNIQUE;",
            "ALTER TABLE users ADD COLUMN n bigint NOT NULL AUTO_INCREMENT UNIQUE;",
        ],
    );
    let on_mariadb = SHARDED.replace("mysql mariadb", "mariadb");
    is_silent(
        "may-fail-on-some-shard",
        &on_mariadb,
        &["ALTER TABLE users MODIFY age int NULL CHECK (age > 0);"],
    );
}

#[test]
fn later_statements_know_the_key_that_came_within_a_column() {
    for engine in [Mysql, Mariadb] {
        let given = format!(
            "{GIVEN}ALTER TABLE users CHANGE email mail varchar(100) NOT NULL UNIQUE, MODIFY id bigint NOT NULL PRIMARY KEY;"
        );
        for few in [
            "UPDATE users SET age = 2 WHERE mail = 'x';",
            "UPDATE users SET age = 2 WHERE id = 5;",
        ] {
            must_not_tell(&[(engine, &given, few, "write-without-batch")]);
        }
        must_tell(&[(
            engine,
            &given,
            "UPDATE users SET age = 2 WHERE age = 5;",
            "write-without-batch",
        )]);
        let given = "CREATE TABLE users (id bigint NOT NULL);";
        must_not_tell(&[(
            engine,
            "",
            &format!("{given} ALTER TABLE users MODIFY id bigint NOT NULL PRIMARY KEY;"),
            "no-primary-key",
        )]);
    }
}

#[test]
fn the_letters_of_the_table_are_those_of_its_columns() {
    let table = |options: &str| {
        format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20), wide varchar(100)) {options};"
        )
    };
    const RULES: [&str; 3] = ["copies-table", "unjudged", "expand-restricts-writes"];
    let told = |given: &str, sql: &str| -> Vec<String> {
        let told = findings(Mysql, given, sql).into_iter();
        told.map(|(rule, _)| rule)
            .filter(|rule| RULES.contains(&rule.as_str()))
            .collect()
    };
    let named = "ALTER TABLE t MODIFY name varchar(30) CHARACTER SET utf8mb4;";
    for options in [
        "DEFAULT CHARSET=utf8mb4",
        "DEFAULT CHARACTER SET utf8mb4",
        "ENGINE=InnoDB CHARSET = 'utf8mb4' COMMENT='x'",
    ] {
        assert_eq!(told(&table(options), named), [""; 0], "{options}");
    }
    // Of another one all is written anew, and nobody says which one the database has.
    assert_eq!(told(&table("CHARSET=latin1"), named), ["copies-table"]);
    assert_eq!(
        told(
            &table("CHARSET=utf8mb4"),
            "ALTER TABLE t MODIFY name varchar(30) CHARACTER SET latin1;"
        ),
        ["copies-table", "expand-restricts-writes"]
    );
    assert_eq!(told(&table(""), named), ["unjudged"]);
    let ascii = "ALTER TABLE t MODIFY name varchar(20) CHARACTER SET ascii;";
    assert_eq!(
        told(&table(""), ascii),
        ["copies-table", "expand-restricts-writes"]
    );
    let collated = "ALTER TABLE t MODIFY name varchar(30) COLLATE utf8mb4_bin;";
    assert_eq!(told(&table("COLLATE=utf8mb4_bin"), collated), [""; 0]);
    assert_eq!(
        told(&table("CHARSET=utf8mb4 COLLATE utf8mb4_bin"), collated),
        [""; 0]
    );
    assert_eq!(told(&table("CHARSET=utf8mb4"), collated), ["unjudged"]);
    assert_eq!(told(&table("CHARSET=latin1"), collated), ["copies-table"]);
    // What the table says from now on, its columns don't have yet.
    let changed = format!(
        "{}ALTER TABLE t DEFAULT CHARACTER SET utf8mb4;",
        table("CHARSET=latin1")
    );
    assert_eq!(
        told(&changed, "ALTER TABLE t MODIFY name varchar(30);"),
        ["copies-table"]
    );
    let converted = format!(
        "{}ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4;",
        table("CHARSET=latin1")
    );
    assert_eq!(
        told(&converted, "ALTER TABLE t MODIFY name varchar(30);"),
        [""; 0]
    );
    assert_eq!(told(&converted, named), [""; 0]);
    let plain = "ALTER TABLE t MODIFY id bigint NOT NULL COMMENT 'x';";
    assert_eq!(told(&changed, plain), [""; 0]);
}

#[test]
fn a_longer_varchar_is_written_anew_only_past_its_length_byte() {
    let given = |charset: &str| {
        format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, a varchar(50), b varchar(100)) CHARSET={charset};"
        )
    };
    for (charset, sql, copies) in [
        ("utf8mb4", "ALTER TABLE t MODIFY b varchar(200);", false),
        ("utf8mb4", "ALTER TABLE t MODIFY a varchar(60);", false),
        ("utf8mb4", "ALTER TABLE t MODIFY a varchar(64);", true),
        ("utf8mb3", "ALTER TABLE t MODIFY a varchar(85);", false),
        ("utf8", "ALTER TABLE t MODIFY a varchar(86);", true),
        ("latin1", "ALTER TABLE t MODIFY b varchar(255);", false),
        ("latin1", "ALTER TABLE t MODIFY b varchar(256);", true),
    ] {
        let told = titles(Mysql, &given(charset), sql);
        let found = told.iter().any(|title| title.contains("copie"));
        assert_eq!(found, copies, "{charset}: {sql}: {told:?}");
    }
}

#[test]
fn a_length_that_no_server_takes_is_no_short_one() {
    for length in ["1073741824", "4294967295", "99999999999999999999"] {
        let sql = format!("ALTER TABLE t MODIFY n varchar({length});");
        must_tell(&[(
            Mysql,
            "CREATE TABLE t (id bigint PRIMARY KEY, n varchar(10)) DEFAULT CHARSET=utf8mb4;",
            &sql,
            "copies-table",
        )]);
    }
}

#[test]
fn shapes_are_counted_on_past_changes_of_the_dictionary_alone() {
    let table = "CREATE TABLE t (id bigint PRIMARY KEY, v varchar(100), a int NOT NULL DEFAULT 1) DEFAULT CHARSET=utf8mb4;\n";
    let shapes: String = (0..64)
        .map(|at| format!("ALTER TABLE t ADD COLUMN c{at} int;\n"))
        .collect();
    let rule = "instant-versions-used-up";
    let next = "ALTER TABLE t ADD COLUMN d int;";
    for between in [
        "",
        "ALTER TABLE t MODIFY v varchar(120);\n",
        "ALTER TABLE t MODIFY a int NOT NULL DEFAULT 2;\n",
    ] {
        let given = format!("{table}{shapes}{between}");
        must_tell(&[(Mysql, &given, next, rule)]);
    }
    for between in [
        "ALTER TABLE t MODIFY a bigint NOT NULL DEFAULT 1;\n",
        "ALTER TABLE t MODIFY a int DEFAULT 1;\n",
        "ALTER TABLE t FORCE;\n",
    ] {
        let given = format!("{table}{shapes}{between}");
        must_not_tell(&[(Mysql, &given, next, rule)]);
    }
}

#[test]
fn what_a_column_is_not_said_again_is_gone() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, status varchar(20) DEFAULT 'new', n int,\n\
        at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);\n";
    let rule = "expand-drops";
    for engine in [Mysql, Mariadb] {
        must_tell(&[
            (
                engine,
                given,
                "ALTER TABLE t MODIFY status varchar(30);",
                rule,
            ),
            (
                engine,
                given,
                "ALTER TABLE t CHANGE status state varchar(30) DEFAULT NULL;",
                rule,
            ),
            (
                engine,
                given,
                "ALTER TABLE t MODIFY at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6);",
                rule,
            ),
        ]);
        must_not_tell(&[
            (
                engine,
                given,
                "ALTER TABLE t MODIFY status varchar(30) DEFAULT 'new';",
                rule,
            ),
            (
                engine,
                given,
                "ALTER TABLE t MODIFY status varchar(30) DEFAULT 'other';",
                rule,
            ),
            (
                engine,
                given,
                "ALTER TABLE t MODIFY status varchar(30), ALTER status SET DEFAULT 'new';",
                rule,
            ),
            (engine, given, "ALTER TABLE t MODIFY n bigint;", rule),
            (
                engine,
                given,
                "ALTER TABLE t MODIFY at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6);",
                rule,
            ),
            (
                engine,
                given,
                "ALTER TABLE t ADD COLUMN m int DEFAULT 5;\nALTER TABLE t MODIFY m bigint;",
                rule,
            ),
            (
                engine,
                given,
                "-- greylag:phase contract\n-- greylag:change x\nALTER TABLE t MODIFY status varchar(30);",
                rule,
            ),
        ]);
    }
}

#[test]
fn on_mariadb_a_check_within_a_column_goes_with_it() {
    let given = "CREATE TABLE t (id bigint PRIMARY KEY, qty int CHECK (qty > 0), other int, CONSTRAINT c CHECK (other > 0));\n";
    let (lifts, restricts) = ("expand-lifts-guarantee", "expand-restricts-writes");
    must_tell(&[
        (Mariadb, given, "ALTER TABLE t MODIFY qty bigint;", lifts),
        (
            Mariadb,
            given,
            "ALTER TABLE t CHANGE qty amount bigint;",
            lifts,
        ),
        (
            Mariadb,
            given,
            "ALTER TABLE t MODIFY qty bigint CHECK (qty > 5);",
            restricts,
        ),
    ]);
    for engine in [Mysql, Mariadb] {
        must_not_tell(&[
            (
                engine,
                given,
                "ALTER TABLE t MODIFY qty bigint CHECK (qty > 0);",
                lifts,
            ),
            (
                engine,
                given,
                "ALTER TABLE t MODIFY qty bigint CHECK (qty > 0);",
                restricts,
            ),
            (
                engine,
                given,
                "ALTER TABLE t MODIFY qty bigint CHECK (qty >= 0);",
                restricts,
            ),
            (engine, given, "ALTER TABLE t MODIFY other bigint;", lifts),
        ]);
    }
    let renamed = "ALTER TABLE t CHANGE qty amount bigint CHECK (amount > 0);";
    must_not_tell(&[(Mariadb, given, renamed, lifts)]);
    // MySQL makes it the table's, and keeps it.
    must_not_tell(&[(Mysql, given, "ALTER TABLE t MODIFY qty bigint;", lifts)]);
    let gone = format!("{given}ALTER TABLE t MODIFY qty bigint;");
    let again = "ALTER TABLE t ADD CONSTRAINT d CHECK (qty > 0);";
    must_tell(&[(Mariadb, &gone, again, restricts)]);
    must_not_tell(&[(Mysql, &gone, again, restricts)]);
}
