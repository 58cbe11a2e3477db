//! Whether the rows of a table that goes are under its name in the end, and what goes along with it.

use super::{findings, must_not_tell, must_tell, report, rules, titles};
use greylag_core::engine::Engine::{Mariadb, Mysql, Postgres, Sqlite};
use greylag_lint::Severity;

const DROPS: &str = "expand-drops";
const RENAMES: &str = "expand-renames";
const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, email text);\n\
    CREATE TABLE audit (n bigint);\n";
const ANEW: &str = "DROP TABLE users;\nCREATE TABLE users (id bigint PRIMARY KEY, email text);\n";

#[test]
fn who_only_looks_into_a_table_has_not_copied_its_rows() {
    let case = |first: &str| format!("{first}\n{ANEW}");
    for first in [
        "DELETE FROM orders WHERE user_id NOT IN (SELECT id FROM users);",
        "INSERT INTO audit (n) VALUES ((SELECT count(*) FROM users));",
        "INSERT INTO audit (n) SELECT id FROM orders WHERE user_id IN (SELECT id FROM users);",
        // Copied, but not back.
        "CREATE TEMPORARY TABLE ids AS SELECT id, email FROM users;",
        "INSERT INTO audit (n) SELECT id FROM users;",
    ] {
        for engine in [Postgres, Mysql, Sqlite] {
            must_tell(&[(engine, USERS, &case(first), DROPS)]);
        }
    }
    let update = "UPDATE orders o SET email = u.email FROM users u WHERE u.id = o.user_id;";
    must_tell(&[(Postgres, USERS, &case(update), DROPS)]);
    // It came too late.
    let late = format!("{ANEW}INSERT INTO users SELECT id, email FROM audit;\n");
    must_tell(&[(Postgres, USERS, &late, DROPS)]);
}

#[test]
fn rows_are_followed_from_table_to_table() {
    let given = format!("{USERS}CREATE VIEW names AS SELECT id FROM orders;\n");
    let parted = "CREATE TABLE next (id bigint, email text) PARTITION BY RANGE (id);\n\
        CREATE TABLE next_1 PARTITION OF next FOR VALUES FROM (0) TO (10);\n\
        INSERT INTO next_1 SELECT id, email FROM users;\nDROP TABLE users;\nALTER TABLE next RENAME TO users;";
    let attached = "ALTER TABLE users RENAME TO users_1;\n\
        CREATE TABLE users (id bigint, email text) PARTITION BY RANGE (id);\n\
        ALTER TABLE users ATTACH PARTITION users_1 FOR VALUES FROM (0) TO (10);";
    let twice = "CREATE TEMP TABLE a AS SELECT * FROM users;\nCREATE TABLE b AS SELECT * FROM a;\nDROP TABLE users;\n\
        ALTER TABLE b RENAME TO users;";
    let moved = "CREATE TABLE next (id bigint PRIMARY KEY, email text);\n\
        WITH moved AS (DELETE FROM users RETURNING id, email) INSERT INTO next SELECT id, email FROM moved;\n\
        DROP TABLE users;\nALTER TABLE next RENAME TO users;";
    must_not_tell(&[
        (Postgres, &given, parted, DROPS),
        (Postgres, &given, attached, RENAMES),
        (Postgres, &given, twice, DROPS),
        (Postgres, &given, moved, DROPS),
    ]);
    // What held them is gone as well.
    let gone = "CREATE TABLE next AS SELECT * FROM users;\nDROP TABLE next;\nCREATE TABLE next (id bigint, email text);\n\
        DROP TABLE users;\nALTER TABLE next RENAME TO users;";
    must_tell(&[(Postgres, &given, gone, DROPS)]);
}

#[test]
fn a_rename_onto_a_name_that_was_cleared_is_a_rename() {
    let older = "CREATE TABLE old (id bigint PRIMARY KEY);\n";
    for engine in [Postgres, Mysql, Mariadb, Sqlite] {
        must_tell(&[
            (
                engine,
                USERS,
                "DROP TABLE IF EXISTS users_old;\nALTER TABLE users RENAME TO users_old;",
                RENAMES,
            ),
            (
                engine,
                USERS,
                "DROP VIEW IF EXISTS people;\nALTER TABLE users RENAME TO people;",
                RENAMES,
            ),
            // Rubbish that a later migration made.
            (
                engine,
                &format!("{USERS}{older}"),
                "DROP TABLE old;\nALTER TABLE users RENAME TO old;",
                RENAMES,
            ),
            (
                engine,
                &format!("{USERS}{older}"),
                "ALTER TABLE old RENAME TO older;\nALTER TABLE users RENAME TO old;",
                RENAMES,
            ),
            (
                engine,
                &format!("{USERS}CREATE VIEW people AS SELECT id FROM users;"),
                "DROP VIEW people;\nALTER TABLE users RENAME TO people;",
                RENAMES,
            ),
            // Something else was done with the name.
            (
                engine,
                USERS,
                "ALTER TABLE people ADD COLUMN a int;\nALTER TABLE users RENAME TO people;",
                RENAMES,
            ),
        ]);
        let next = format!("{USERS}CREATE TABLE next (id bigint PRIMARY KEY, email text);\n");
        must_not_tell(&[
            (
                engine,
                &next,
                "DROP TABLE users;\nALTER TABLE next RENAME TO users;",
                RENAMES,
            ),
            (
                engine,
                &next,
                "ALTER TABLE users RENAME TO old;\nALTER TABLE next RENAME TO users;",
                RENAMES,
            ),
            // The two change places.
            (
                engine,
                &next,
                "ALTER TABLE users RENAME TO tmp;\nALTER TABLE next RENAME TO users;\nALTER TABLE tmp RENAME TO next;",
                RENAMES,
            ),
            (
                engine,
                &next,
                "ALTER TABLE users RENAME TO old;\nALTER TABLE next RENAME TO users;\nDROP TABLE old;",
                DROPS,
            ),
            (
                engine,
                "CREATE TABLE next (id bigint);",
                "ALTER TABLE users RENAME TO old;\nALTER TABLE next RENAME TO users;\nDROP TABLE old;",
                DROPS,
            ),
            // What migrations made is newer than what they found.
            (
                engine,
                "CREATE TABLE next (id bigint);",
                "ALTER TABLE users RENAME TO old;\nALTER TABLE next RENAME TO users;",
                RENAMES,
            ),
        ]);
        let unknown = "ALTER TABLE users RENAME TO old;\nALTER TABLE next RENAME TO users;";
        let told = report(engine, &[], unknown);
        let told = told
            .findings
            .iter()
            .filter(|finding| finding.rule == RENAMES);
        let told: Vec<Severity> = told.map(|finding| finding.severity).collect();
        assert_eq!(
            told,
            [Severity::Warning],
            "nobody knows which of them the apps use"
        );
    }
    // Neither is what had the name replaced by what is older.
    let given = format!("{USERS}CREATE TABLE old (id bigint PRIMARY KEY, kept text);\n");
    must_tell(&[(
        Postgres,
        &given,
        "DROP TABLE old;\nALTER TABLE users RENAME TO old;",
        DROPS,
    )]);
}

#[test]
fn what_cascade_takes_along_is_told() {
    let given = format!(
        "{USERS}ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id);\n\
         CREATE VIEW mails AS SELECT email FROM users;\nCREATE VIEW few AS SELECT email FROM mails;\n\
         CREATE FUNCTION sync() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';\n\
         CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION sync();\n"
    );
    let swap = "CREATE TABLE next (id bigint PRIMARY KEY, email text);\nINSERT INTO next SELECT id, email FROM users;\n\
        DROP TABLE users CASCADE;\nALTER TABLE next RENAME TO users;\n";
    let view = "CREATE VIEW mails AS SELECT email FROM users;\n";
    let few = "CREATE VIEW few AS SELECT email FROM mails;\n";
    let key = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;\n";
    let function =
        "CREATE FUNCTION sync() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end';\n";
    let told = titles(Postgres, &given, swap);
    let found = told.iter().any(|title| {
        title.contains("the view mails")
            && title.contains("the view few")
            && title.contains("a foreign key of orders")
    });
    assert!(found, "{told:?}");
    let trigger =
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION sync();\n";
    must_tell(&[
        (Postgres, &given, &format!("{swap}{view}{few}"), DROPS),
        (
            Postgres,
            &given,
            &format!("DROP VIEW mails CASCADE;\n{view}"),
            DROPS,
        ),
        (
            Postgres,
            &given,
            &format!("DROP FUNCTION sync() CASCADE;\n{function}"),
            DROPS,
        ),
    ]);
    must_not_tell(&[
        (Postgres, &given, &format!("{swap}{view}{few}{key}"), DROPS),
        (
            Postgres,
            &given,
            &format!("DROP VIEW mails CASCADE;\n{view}{few}"),
            DROPS,
        ),
        // Without the word the server refuses where anything uses it.
        (
            Postgres,
            &given,
            &format!("DROP FUNCTION sync();\n{function}"),
            DROPS,
        ),
        (Postgres, USERS, swap, DROPS),
    ]);
    // What else may go along is said to be unjudged.
    let again = format!("DROP FUNCTION sync() CASCADE;\n{function}{trigger}");
    let told = rules(Postgres, &given, &again);
    assert!(!told.iter().any(|rule| rule == DROPS), "{told:?}");
    assert!(told.iter().any(|rule| rule == "unjudged"), "{told:?}");
}

#[test]
fn a_function_that_comes_back_takes_what_the_old_one_took() {
    let given = "CREATE FUNCTION total(id int) RETURNS int LANGUAGE sql AS 'select 1';\n";
    let new = |arguments: &str| {
        format!("CREATE FUNCTION total({arguments}) RETURNS int LANGUAGE sql AS 'select 1';")
    };
    let sql = |dropped: &str, arguments: &str| {
        format!("DROP FUNCTION total{dropped};\n{}", new(arguments))
    };
    must_tell(&[
        (Postgres, "", &sql("(int)", "int, boolean"), DROPS),
        (Postgres, "", &sql("(int)", "a bigint"), DROPS),
        (Postgres, "", &sql("(a int, b text)", "a int"), DROPS),
        (Postgres, "", &sql("(int)", "a int[]"), DROPS),
        (Postgres, given, &sql("", "id int, deep boolean"), DROPS),
        (
            Mysql,
            "CREATE FUNCTION total(a INT) RETURNS INT DETERMINISTIC RETURN a;",
            "DROP FUNCTION total;\nCREATE FUNCTION total(a INT, b INT) RETURNS INT DETERMINISTIC RETURN a;",
            DROPS,
        ),
    ]);
    must_not_tell(&[
        (Postgres, given, &sql("(int)", "id integer"), DROPS),
        (
            Postgres,
            &new("id int, double precision"),
            &sql(
                "(id integer, double precision)",
                "int4, b double precision DEFAULT 1",
            ),
            DROPS,
        ),
        (
            Postgres,
            &new("timestamptz"),
            &sql("(timestamp with time zone)", "\"when\" timestamptz"),
            DROPS,
        ),
        (
            Postgres,
            given,
            &sql("(int)", "int, boolean DEFAULT false"),
            DROPS,
        ),
        (Postgres, given, &sql("", "id int"), DROPS),
        (
            Mysql,
            "CREATE PROCEDURE p(IN a INT) SELECT 1;",
            "DROP PROCEDURE p;\nCREATE PROCEDURE p(IN b INT) SELECT 2;",
            DROPS,
        ),
    ]);
}

#[test]
fn a_function_that_comes_back_gives_what_the_old_one_gave() {
    let function = |of: &str| format!("CREATE FUNCTION f{of} LANGUAGE sql STABLE AS 'select 1';\n");
    let pair = |old: &str, new: &str| {
        (
            function(old),
            format!("DROP FUNCTION f;\n{}", function(new)),
        )
    };
    let lost = "what f gave is dropped while the old app may use it";
    for (old, new, same) in [
        (
            "(a int) RETURNS TABLE (id int, email text)",
            "(a int) RETURNS TABLE (id int)",
            false,
        ),
        ("() RETURNS int", "() RETURNS text", false),
        ("() RETURNS int", "() RETURNS SETOF int", false),
        ("() RETURNS int", "() RETURNS int[]", false),
        ("(OUT a int, OUT b int)", "(OUT a int, OUT b text)", false),
        ("(OUT a int, OUT b int)", "(OUT a int)", false),
        (
            "() RETURNS TABLE (id int)",
            "() RETURNS TABLE (user_id int)",
            false,
        ),
        (
            "() RETURNS integer",
            "() RETURNS int4 RETURNS NULL ON NULL INPUT",
            true,
        ),
        (
            "() RETURNS varchar(9)",
            "() RETURNS character varying",
            true,
        ),
        (
            "(OUT a int, OUT b int) RETURNS SETOF record",
            "() RETURNS TABLE (a integer, b integer)",
            true,
        ),
        ("() RETURNS app.pair", "() RETURNS app.pair", true),
        ("() RETURNS \"Pair\"[]", "() RETURNS \"Pair\"[]", true),
    ] {
        let (given, sql) = pair(old, new);
        let told = titles(Postgres, &given, &sql);
        assert_eq!(
            told.iter().any(|title| title == lost),
            !same,
            "{sql}: {told:?}"
        );
        if same {
            must_not_tell(&[(Postgres, &given, &sql, DROPS)]);
        }
    }
    for engine in [Mysql, Mariadb] {
        let sql = |result: &str| {
            format!("CREATE FUNCTION f(a INT) RETURNS {result} DETERMINISTIC RETURN a;\n")
        };
        let again = |result: &str| format!("DROP FUNCTION f;\n{}", sql(result));
        must_tell(&[
            (engine, &sql("INT"), &again("varchar(9)"), DROPS),
            (engine, &sql("INT"), &again("INT UNSIGNED"), DROPS),
        ]);
        must_not_tell(&[(engine, &sql("INT"), &again("INTEGER"), DROPS)]);
    }
}

#[test]
fn what_a_function_gave_that_no_migration_made_is_a_note() {
    for (new, told) in [("int", true), ("trigger", false), ("users.id%TYPE", true)] {
        let sql = format!(
            "DROP FUNCTION f();\nCREATE FUNCTION f() RETURNS {new} LANGUAGE plpgsql AS 'begin end';"
        );
        let found = findings(Postgres, "", &sql);
        let found: Vec<_> = found
            .into_iter()
            .filter(|(rule, _)| rule == DROPS)
            .collect();
        let note = (DROPS.to_owned(), Severity::Note);
        assert_eq!(found, if told { vec![note] } else { vec![] }, "{sql}");
    }
}

#[test]
fn a_view_that_comes_back_gives_what_the_old_one_gave() {
    let given = |query: &str| format!("{USERS}CREATE VIEW v {query};\n");
    let both = given("AS SELECT u.id, lower(email) AS email FROM users u");
    let sql = |query: &str| format!("DROP VIEW v;\nCREATE VIEW v {query};");
    let told = titles(Postgres, &both, &sql("AS SELECT id FROM users"));
    let lost = "v.email is dropped while the old app may use it";
    assert!(told.iter().any(|title| title == lost), "{told:?}");
    must_tell(&[
        (Mysql, &both, &sql("AS SELECT id FROM users"), DROPS),
        (Sqlite, &both, &sql("AS SELECT id FROM users"), DROPS),
        (
            Postgres,
            &given("(a, b) AS SELECT id, email FROM users"),
            &sql("(a) AS SELECT id FROM users"),
            DROPS,
        ),
        (
            Postgres,
            &given("AS WITH w AS (SELECT id FROM users) SELECT id, 1 AS one FROM w"),
            &sql("AS SELECT id FROM users"),
            DROPS,
        ),
    ]);
    must_not_tell(&[
        (
            Postgres,
            &both,
            &sql("AS SELECT id, email, 1 AS one FROM users"),
            DROPS,
        ),
        // Nobody knows what they are called.
        (Postgres, &both, &sql("AS SELECT * FROM users"), DROPS),
        (
            Postgres,
            &given("AS SELECT * FROM users"),
            &sql("AS SELECT id FROM users"),
            DROPS,
        ),
        (Postgres, "", &sql("AS SELECT id FROM users"), DROPS),
    ]);
}

const SWAP: &str = "DROP TABLE users;\nALTER TABLE next RENAME TO users;";

#[test]
fn what_takes_no_row_or_all_in_one_has_copied_nothing() {
    for (engine, sql) in [
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users WITH NO DATA;",
        ),
        (Postgres, "CREATE TABLE next AS TABLE users WITH NO DATA;"),
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users WHERE id > 0 WITH NO DATA;",
        ),
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users WHERE false;",
        ),
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users FETCH FIRST 0 ROWS ONLY;",
        ),
        (Mysql, "CREATE TABLE next AS SELECT * FROM users LIMIT 0;"),
        (
            Mariadb,
            "CREATE TABLE next SELECT * FROM users WHERE 1 = 0;",
        ),
        (Sqlite, "CREATE TABLE next AS SELECT * FROM users LIMIT 0;"),
        (
            Sqlite,
            "CREATE TABLE next AS SELECT * FROM (SELECT * FROM users LIMIT 0);",
        ),
        (
            Postgres,
            "CREATE TABLE next AS WITH a AS (SELECT * FROM users WHERE false) SELECT * FROM a;",
        ),
        (
            Postgres,
            "CREATE TABLE next (id bigint, email text);\nINSERT INTO next (id) SELECT count(*) FROM users;",
        ),
        (
            Mysql,
            "CREATE TABLE next (id bigint, email text);\nINSERT INTO next (id) SELECT 1 + coalesce(max(id), 0) FROM users;",
        ),
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users;\nTRUNCATE next;",
        ),
        (
            Mysql,
            "CREATE TABLE next AS SELECT * FROM users;\nDELETE FROM next;",
        ),
    ] {
        must_tell(&[(engine, USERS, &format!("{sql}\n{SWAP}"), DROPS)]);
    }
    let renamed = "CREATE TABLE next AS SELECT * FROM users LIMIT 0;\nRENAME TABLE users TO users_old, next TO users;";
    must_tell(&[(Mysql, USERS, renamed, RENAMES)]);
    for (engine, sql) in [
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users WITH DATA;",
        ),
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users WHERE false UNION ALL SELECT * FROM users;",
        ),
        (
            Postgres,
            "CREATE TABLE next AS SELECT min(id) AS id, email FROM users GROUP BY email;",
        ),
        (
            Postgres,
            "CREATE TABLE next AS SELECT id, email, count(*) OVER () AS n FROM users;",
        ),
        (
            Mysql,
            "CREATE TABLE next AS SELECT * FROM users LIMIT 0, 1000000;",
        ),
        (
            Postgres,
            "CREATE TABLE next (id bigint, email text);\nTRUNCATE next;\nINSERT INTO next SELECT * FROM users;\nDELETE FROM users;",
        ),
        (
            Postgres,
            "CREATE TABLE next AS SELECT * FROM users;\nDELETE FROM next WHERE email IS NULL;",
        ),
    ] {
        must_not_tell(&[(engine, USERS, &format!("{sql}\n{SWAP}"), DROPS)]);
    }
}

#[test]
fn what_a_parent_had_of_a_child_goes_with_it() {
    let attached = "ALTER TABLE users RENAME TO users_1;\n\
        CREATE TABLE users (id bigint, email text) PARTITION BY RANGE (id);\n\
        ALTER TABLE users ATTACH PARTITION users_1 FOR VALUES FROM (0) TO (10);\n";
    must_not_tell(&[(Postgres, USERS, attached, RENAMES)]);
    let detached = format!("{attached}ALTER TABLE users DETACH PARTITION users_1;");
    must_tell(&[(Postgres, USERS, &detached, RENAMES)]);
}
