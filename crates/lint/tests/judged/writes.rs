//! Writes that are taken for small ones, and those that only look it.

use super::{findings, must_not_tell, must_tell};
use greylag_core::engine::Engine::{self, Mysql, Postgres, Sqlite};
use greylag_lint::Severity;

const RULE: &str = "write-without-batch";
const GIVEN: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, state varchar(20), kind varchar(20), tenant int, number int,\n\
    code varchar(20) UNIQUE, UNIQUE (tenant, number));\n\
    CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));\n";

fn each<'a>(given: &'a str, statements: &[&'a str]) -> Vec<(Engine, &'a str, &'a str, &'a str)> {
    let engines = [Postgres, Mysql, Sqlite].into_iter();
    engines
        .flat_map(|engine| {
            statements
                .iter()
                .map(move |sql| (engine, given, *sql, RULE))
        })
        .collect()
}

#[test]
fn a_condition_on_any_column_is_no_proof_that_few_rows_meet_it() {
    must_tell(&each(
        GIVEN,
        &[
            "UPDATE orders SET state = 'closed' WHERE state = 'open';",
            "UPDATE orders SET state = 'closed' WHERE tenant = 5;",
            "DELETE FROM orders WHERE kind IN ('a', 'b');",
            "DELETE FROM orders WHERE tenant = 5 AND state = 'open';",
            "UPDATE orders SET state = 'closed' WHERE id = 5 OR state = 'open';",
            "UPDATE orders SET state = 'closed' WHERE NOT (id = 5);",
            "UPDATE orders SET state = 'closed' WHERE id > 5;",
            "UPDATE orders SET state = 'closed' WHERE id = tenant;",
            "UPDATE orders SET state = 'closed' WHERE id IN (SELECT id FROM users);",
            "DELETE FROM orders WHERE id = (SELECT max(id) FROM users u WHERE u.name = state);",
            "DELETE FROM orders WHERE ('' = '' AND state = 'open');",
        ],
    ));
    must_tell(&[
        (
            Postgres,
            GIVEN,
            "UPDATE orders SET state = 'closed' FROM users WHERE users.id = 5 AND orders.tenant = users.id;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "WITH gone AS (DELETE FROM orders WHERE state = 'open' RETURNING id) SELECT count(*) FROM gone;",
            RULE,
        ),
        (
            Postgres,
            GIVEN,
            "INSERT INTO users SELECT n, 'x' FROM generate_series(1, 100000000) n;",
            RULE,
        ),
        (
            Mysql,
            GIVEN,
            "UPDATE users JOIN orders ON orders.tenant = users.id SET orders.state = 'x' WHERE users.id = 5;",
            RULE,
        ),
        (
            Mysql,
            GIVEN,
            "DELETE orders FROM orders JOIN users ON users.id = orders.tenant WHERE users.id = 5;",
            RULE,
        ),
        // As numbers, most text is 0.
        (Mysql, GIVEN, "DELETE FROM orders WHERE code = 0;", RULE),
        (
            Mysql,
            "CREATE TABLE pages (url varchar(500), day int, hits int, PRIMARY KEY (url(100), day));",
            "DELETE FROM pages WHERE day = 5;",
            RULE,
        ),
        (
            Postgres,
            "CREATE TABLE jobs (id bigint PRIMARY KEY, state text, owner text);\n\
             CREATE UNIQUE INDEX one ON jobs (owner) WHERE state = 'running';",
            "DELETE FROM jobs WHERE owner = 'x';",
            RULE,
        ),
    ]);
}

#[test]
fn a_key_held_to_constants_reaches_few_rows() {
    must_not_tell(&each(
        GIVEN,
        &[
            "UPDATE orders SET state = 'closed', kind = 'x' WHERE id = 5;",
            "UPDATE orders SET state = 'closed' WHERE state = 'open' AND orders.id = 5;",
            "DELETE FROM orders WHERE id IN (1, 2, 3);",
            "DELETE FROM orders WHERE code = 'x';",
            "DELETE FROM orders WHERE (tenant = 5 AND number IN (1, 2));",
            "UPDATE orders SET state = (SELECT name FROM users WHERE users.id = tenant) WHERE id = 5;",
        ],
    ));
    let many = (0..1001)
        .map(|id| id.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let many = format!("DELETE FROM orders WHERE id IN ({many});");
    must_tell(&[(Postgres, GIVEN, &many, RULE)]);
}

#[test]
fn of_a_table_that_no_migration_made_only_its_id_is_a_key() {
    must_not_tell(&each("", &["DELETE FROM orders WHERE id = 5;"]));
    must_not_tell(&each(
        "ALTER TABLE orders ADD COLUMN a int;",
        &["DELETE FROM orders WHERE id = 5;"],
    ));
    must_tell(&each(
        "",
        &[
            "DELETE FROM orders WHERE user_id = 5;",
            "DELETE FROM orders WHERE code = 'x';",
        ],
    ));
    // It is known to have no key at all.
    must_tell(&each(
        "CREATE TABLE orders (id bigint, state varchar(20));",
        &["DELETE FROM orders WHERE id = 5;"],
    ));
}

#[test]
fn every_write_of_a_backfill_goes_in_batches() {
    let backfill = "-- greylag:phase backfill\n-- greylag:change x\n\
        UPDATE users SET name = 'x' WHERE name IS NULL AND :batch;\n";
    let error = (RULE.to_owned(), Severity::Error);
    for other in [
        "UPDATE orders SET state = 'closed' WHERE state = 'open';",
        "DELETE FROM orders WHERE kind IN ('a', 'b');",
        "INSERT INTO orders (id) SELECT id FROM users;",
    ] {
        let told = findings(Postgres, GIVEN, &format!("{backfill}{other}"));
        assert!(told.contains(&error), "{other}: {told:?}");
    }
    let few = format!("{backfill}UPDATE orders SET state = 'x' WHERE id = 5;");
    let told = findings(Postgres, GIVEN, &few);
    assert!(told.iter().all(|(rule, _)| rule != RULE), "{told:?}");
}
