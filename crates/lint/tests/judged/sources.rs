//! Rows that come from tables: from which, and how many.

use super::{is_silent, must_not_tell, must_tell, speaks};
use greylag_core::engine::Engine::{self, Mariadb, Mysql, Postgres, Sqlite};

const RULE: &str = "write-without-batch";
const GIVEN: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, a int, b int);\n\
    CREATE TABLE users (id bigint PRIMARY KEY, role int);\n\
    CREATE TABLE roles (id bigint PRIMARY KEY, name varchar(20) UNIQUE);\n\
    CREATE TABLE settings (k varchar(20), v varchar(20));\n";

fn on<'a>(engines: &[Engine], statements: &[&'a str]) -> Vec<(Engine, &'a str, &'a str, &'a str)> {
    let each = |engine: &Engine| {
        let engine = *engine;
        let cases = statements
            .iter()
            .map(move |sql| (engine, GIVEN, *sql, RULE));
        cases.collect::<Vec<_>>()
    };
    engines.iter().flat_map(each).collect()
}

#[test]
fn a_table_that_is_filled_from_itself_grows_by_all_it_has() {
    let all = [Postgres, Mysql, Mariadb, Sqlite];
    must_tell(&on(
        &all,
        &[
            "INSERT INTO orders (a, b) SELECT a, b FROM orders;",
            "INSERT INTO orders (a, b) SELECT o.a, o.b FROM orders AS o JOIN users u ON u.id = o.a;",
            "INSERT INTO orders (a, b) SELECT x.a, x.b FROM (SELECT a, b FROM orders) x;",
            "INSERT INTO orders (a, b) SELECT 1, 2 UNION ALL SELECT a, b FROM orders;",
            "INSERT INTO orders (a, b) (SELECT a, b FROM orders);",
        ],
    ));
    must_tell(&on(
        &[Postgres],
        &[
            "WITH old AS (SELECT a, b FROM orders) INSERT INTO orders (a, b) SELECT a, b FROM old;",
            "WITH old (a, b) AS (SELECT a, b FROM orders) INSERT INTO orders (a, b) SELECT a, b FROM old;",
            "INSERT INTO orders TABLE orders;",
            "INSERT INTO settings TABLE users;",
            "MERGE INTO orders o USING orders p ON o.id = p.id + 1 WHEN MATCHED THEN UPDATE SET a = p.a;",
            "MERGE INTO orders o USING (VALUES (1, 2)) v (id, a) ON o.id = v.id WHEN NOT MATCHED BY SOURCE THEN DELETE;",
        ],
    ));
}

#[test]
fn a_table_that_is_only_looked_into_adds_no_rows() {
    let all = [Postgres, Mysql, Mariadb, Sqlite];
    must_not_tell(&on(
        &all,
        &[
            "INSERT INTO settings (k, v) SELECT 'a', 'b' WHERE NOT EXISTS (SELECT 1 FROM settings WHERE k = 'a');",
            "INSERT INTO orders (a, b) SELECT 1, (SELECT max(id) FROM users);",
            "INSERT INTO orders (a, b) SELECT 1, 2 WHERE 5 IN (SELECT id FROM orders);",
        ],
    ));
    must_not_tell(&on(
        &[Mysql, Mariadb],
        &[
            "INSERT INTO settings (k, v) SELECT 'a', 'b' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM settings WHERE k = 'a');",
            "INSERT INTO settings (k, v) SELECT 'a', 'b' FROM dual;",
        ],
    ));
    // A table of that name, where the server has none of its own.
    must_tell(&on(
        &[Postgres],
        &["INSERT INTO settings (k, v) SELECT a, b FROM dual;"],
    ));
    must_not_tell(&on(
        &[Postgres],
        &[
            "INSERT INTO settings (k, v) SELECT a, b FROM (VALUES ('a', 'b')) x (a, b);",
            "INSERT INTO settings (k) SELECT x FROM unnest(ARRAY['a', 'b']) x;",
            "WITH one AS (SELECT 'a' AS k) INSERT INTO settings (k) SELECT k FROM one;",
            "MERGE INTO orders o USING (VALUES (1, 2)) v (id, a) ON o.id = v.id WHEN MATCHED THEN UPDATE SET a = v.a;",
        ],
    ));
}

#[test]
fn rows_of_a_source_that_is_held_to_its_key_are_few() {
    let all = [Postgres, Mysql, Mariadb, Sqlite];
    must_not_tell(&on(
        &all,
        &[
            "INSERT INTO users (id, role) SELECT 7, id FROM roles WHERE id = 3;",
            "INSERT INTO users (id, role) SELECT 7, id FROM roles WHERE name = 'admin';",
            "INSERT INTO users (id, role) SELECT 7, id FROM roles WHERE id = 3 UNION ALL SELECT 8, id FROM roles WHERE id = 4;",
            "INSERT INTO orders (a, b) SELECT a, b FROM orders WHERE id IN (1, 2);",
        ],
    ));
    must_tell(&on(
        &all,
        &[
            "INSERT INTO users (id, role) SELECT 7, id FROM roles WHERE id = 3 UNION ALL SELECT id, 8 FROM orders;",
            "INSERT INTO users (id, role) SELECT orders.id, 3 FROM roles, orders WHERE roles.id = 3;",
            "INSERT INTO users (id, role) SELECT x.n, 3 FROM (SELECT a AS n, b AS id FROM orders) x WHERE id = 3;",
        ],
    ));
}

#[test]
fn how_large_the_source_is_decides() {
    const SIZED: &str = "-- lint [tables.roles]\n-- lint rows = 20\n-- lint [tables.orders]\n-- lint rows = 500000\n-- given\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, a int);\nCREATE TABLE roles (id bigint PRIMARY KEY, a int);\n\
        CREATE TABLE users (id bigint PRIMARY KEY, a int);\n-- migration\n";
    is_silent(
        RULE,
        SIZED,
        &[
            "INSERT INTO orders (id, a) SELECT id, a FROM roles;",
            "INSERT INTO users (id, a) SELECT id, a FROM roles;",
        ],
    );
    speaks(
        RULE,
        SIZED,
        &[
            "INSERT INTO roles (id, a) SELECT id, a FROM users;",
            "INSERT INTO users (id, a) SELECT o.id, r.a FROM orders o, roles r;",
        ],
    );
    let told = super::of_example(
        RULE,
        &format!("{SIZED}INSERT INTO roles (id, a) SELECT id, a FROM orders;"),
    );
    assert_eq!(told[0].severity, greylag_lint::Severity::Error);
    assert!(
        told[0].message.why.contains("500000 rows of orders"),
        "{}",
        told[0].message.why
    );
}

#[test]
fn an_id_stays_a_key_of_an_adopted_table_beside_others() {
    let given = "CREATE UNIQUE INDEX u ON visits (email);";
    must_not_tell(&[
        (
            Postgres,
            given,
            "UPDATE visits SET x = 1 WHERE id = 5;",
            RULE,
        ),
        (
            Postgres,
            given,
            "UPDATE visits SET x = 1 WHERE email = 'x';",
            RULE,
        ),
    ]);
    must_tell(&[(
        Postgres,
        given,
        "UPDATE visits SET x = 1 WHERE code = 5;",
        RULE,
    )]);
    // It has another primary key.
    let other = "ALTER TABLE visits ADD PRIMARY KEY (code);";
    must_tell(&[(
        Postgres,
        other,
        "UPDATE visits SET x = 1 WHERE id = 5;",
        RULE,
    )]);
}

#[test]
fn few_parents_may_have_many_children() {
    const TREE: &str = "-- given\nCREATE TABLE users (id bigint PRIMARY KEY);\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, CONSTRAINT o FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
        CREATE TABLE lines (id bigint PRIMARY KEY, order_id bigint, CONSTRAINT l FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE);\n\
        CREATE TABLE notes (id bigint PRIMARY KEY, user_id bigint, CONSTRAINT n FOREIGN KEY (user_id) REFERENCES users (id));\n\
        -- migration\n";
    let told = super::of_example(RULE, &format!("{TREE}DELETE FROM users WHERE id = 5;"));
    assert_eq!(told.len(), 1);
    assert!(told[0].title.contains("orders, lines"), "{}", told[0].title);
    assert_eq!(told[0].severity, greylag_lint::Severity::Note);
    is_silent(
        RULE,
        TREE,
        &[
            "DELETE FROM lines WHERE id = 5;",
            "DELETE FROM notes WHERE id = 5;",
            "UPDATE users SET id = 5 WHERE id = 5;",
        ],
    );
    let small = TREE.replace(
        "-- given",
        "-- lint [tables.orders]\n-- lint rows = 50\n-- lint [tables.lines]\n-- lint rows = 90\n-- given",
    );
    is_silent(RULE, &small, &["DELETE FROM users WHERE id = 5;"]);
    let large = small.replace("rows = 90", "rows = 200000");
    let told = super::of_example(RULE, &format!("{large}DELETE FROM users WHERE id = 5;"));
    assert_eq!(told[0].severity, greylag_lint::Severity::Warning);
    // Of a table that refers to itself, all below.
    let own = "-- given\nCREATE TABLE parts (id bigint PRIMARY KEY, parent bigint REFERENCES parts ON DELETE CASCADE);\n-- migration\n";
    speaks(RULE, own, &["DELETE FROM parts WHERE id = 5;"]);
    let many = super::of_example(RULE, &format!("{TREE}DELETE FROM users WHERE id > 5;"));
    assert!(
        many[0].message.why.contains("orders, lines"),
        "{}",
        many[0].message.why
    );
}

#[test]
fn a_query_that_names_itself_reads_no_table_of_that_name() {
    let count = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) INSERT INTO settings (k) SELECT x FROM n;";
    must_not_tell(&on(&[Postgres, Sqlite], &[count]));
    must_not_tell(&on(
        &[Sqlite],
        &[
            "WITH n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) INSERT INTO settings (k) SELECT x FROM n;",
        ],
    ));
    must_not_tell(&on(
        &[Mysql, Mariadb],
        &[
            "INSERT INTO settings (k) WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x FROM n;",
        ],
    ));
    // One that stands behind it is meant too, and one that isn't recursive means the table.
    must_not_tell(&on(
        &[Postgres],
        &[
            "WITH RECURSIVE a AS (SELECT * FROM b), b (x) AS (SELECT 1) INSERT INTO settings (k) SELECT x FROM a;",
        ],
    ));
    must_tell(&on(
        &[Postgres],
        &[
            "WITH orders AS (SELECT * FROM orders) INSERT INTO settings (k) SELECT a FROM orders;",
            "WITH RECURSIVE n AS (SELECT a FROM orders UNION ALL SELECT a + 1 FROM n WHERE a < 5) INSERT INTO settings (k) SELECT a FROM n;",
            "WITH RECURSIVE n (x) AS (SELECT a FROM orders) SEARCH DEPTH FIRST BY x SET y, m AS (SELECT x FROM n) INSERT INTO settings (k) SELECT x FROM m;",
        ],
    ));
}

#[test]
fn a_name_that_a_query_within_makes_up_ends_with_it() {
    must_tell(&on(
        &[Postgres, Mysql, Mariadb, Sqlite],
        &[
            "INSERT INTO settings (k) SELECT a FROM (WITH orders AS (SELECT 1 AS a) SELECT a FROM orders) x UNION ALL SELECT a FROM orders;",
        ],
    ));
    must_not_tell(&on(
        &[Postgres, Mysql, Mariadb, Sqlite],
        &[
            "INSERT INTO settings (k) SELECT a FROM (WITH orders AS (SELECT 1 AS a) SELECT a FROM orders) x;",
        ],
    ));
}

#[test]
fn a_query_in_any_parentheses_is_no_list_of_columns() {
    must_tell(&on(
        &[Postgres],
        &[
            "INSERT INTO settings ((SELECT * FROM orders));",
            "INSERT INTO settings (TABLE orders);",
            "INSERT INTO settings ((TABLE orders));",
        ],
    ));
    must_tell(&on(
        &[Mysql, Mariadb],
        &["INSERT INTO settings ((SELECT * FROM orders));"],
    ));
    must_tell(&on(&[Mysql], &["INSERT INTO settings (TABLE orders);"]));
    must_not_tell(&on(
        &[Postgres],
        &[
            "INSERT INTO settings (VALUES ('a', 'b'));",
            "INSERT INTO settings (k, v) (VALUES ('a', 'b'));",
            "INSERT INTO settings (\"table\", v) VALUES ('a', 'b');",
            "INSERT INTO settings (values, v) VALUES ('a', 'b');",
        ],
    ));
}

#[test]
fn sqlites_replace_behind_a_with_is_a_write() {
    must_tell(&on(
        &[Sqlite],
        &[
            "WITH s AS (SELECT id, a, b FROM orders) REPLACE INTO orders SELECT * FROM s;",
            "WITH s AS (SELECT id, a, b FROM orders) INSERT OR REPLACE INTO orders SELECT * FROM s;",
        ],
    ));
}
