//! MySQL's UPDATE and DELETE over several tables: what is written is told, by its own name.

use super::{is_silent, must_not_tell, must_tell, of_example, shards::with, speaks};
use greylag_core::engine::Engine::{self, Mariadb, Mysql};

const GIVEN: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, total int, note varchar(20));\n\
    CREATE TABLE lines (id bigint PRIMARY KEY, order_id bigint, price int);\n\
    CREATE TABLE stale (id bigint PRIMARY KEY);\n";
const FIX: &str = "CREATE TEMPORARY TABLE fix (id bigint PRIMARY KEY, sum int);\n";

fn on<'a>(rule: &'a str, statements: &'a [String]) -> Vec<(Engine, &'a str, &'a str, &'a str)> {
    let engines = [Mysql, Mariadb].into_iter();
    engines
        .flat_map(|engine| {
            statements
                .iter()
                .map(move |sql| (engine, GIVEN, &**sql, rule))
        })
        .collect()
}

fn behind_fix(statements: &[&str]) -> Vec<String> {
    statements.iter().map(|sql| format!("{FIX}{sql}")).collect()
}

#[test]
fn the_table_that_set_names_is_written() {
    must_tell(&on(
        "write-without-batch",
        &behind_fix(&[
            "UPDATE fix f JOIN orders o ON o.id = f.id SET o.total = f.sum;",
            "UPDATE fix AS f, orders AS o SET o.total = f.sum WHERE o.id = f.id;",
            "UPDATE fix JOIN orders ON orders.id = fix.id SET orders.total = fix.sum;",
            "UPDATE fix JOIN orders ON orders.id = fix.id SET total = fix.sum;",
            "UPDATE (fix f JOIN orders o ON o.id = f.id) SET o.total = 1;",
            "UPDATE fix f JOIN orders o ON o.id = f.id SET f.sum = 1, o.total = f.sum;",
            "UPDATE (SELECT id FROM fix) f JOIN orders o USING (id) SET o.total = 1;",
            "UPDATE fix f JOIN visits v ON v.id = f.id SET seen = 1;",
        ]),
    ));
    must_not_tell(&on(
        "write-without-batch",
        &behind_fix(&[
            "UPDATE fix f JOIN orders o ON o.id = f.id SET f.sum = o.total;",
            "UPDATE orders o JOIN fix f ON o.id = f.id SET f.sum = o.total;",
            "UPDATE orders o JOIN fix f ON o.id = f.id SET sum = o.total;",
            "UPDATE orders AS o SET o.total = 1 WHERE o.id = 5;",
        ]),
    ));
}

#[test]
fn each_table_that_set_names_is_written() {
    let told = of_example(
        "write-without-batch",
        &format!(
            "-- engine mysql\n-- given\n{GIVEN}-- migration\nUPDATE orders o JOIN `lines` l ON l.order_id = o.id SET o.total = 0, l.price = 0;\n"
        ),
    );
    let titles: Vec<&str> = told.iter().map(|finding| &*finding.title).collect();
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert!(
        titles[0].contains("orders") && titles[1].contains("lines"),
        "{titles:?}"
    );
}

#[test]
fn a_join_chooses_the_rows_that_are_deleted() {
    must_not_tell(&on(
        "empties-table",
        &[
            "DELETE o FROM orders o JOIN stale s ON s.id = o.id;".to_owned(),
            "DELETE o.* FROM orders AS o INNER JOIN stale USING (id);".to_owned(),
            "DELETE FROM o USING orders o NATURAL JOIN stale;".to_owned(),
            "DELETE o FROM orders o LEFT JOIN stale s ON s.id = o.id WHERE s.id IS NULL;"
                .to_owned(),
            "DELETE o FROM stale s LEFT JOIN lines l ON l.id = s.id JOIN orders o ON o.id = s.id;"
                .replace("lines", "`lines`"),
        ],
    ));
    must_tell(&on(
        "empties-table",
        &[
            "DELETE o FROM orders o;".to_owned(),
            "DELETE o FROM orders o LEFT JOIN stale s ON s.id = o.id;".to_owned(),
            "DELETE o FROM orders o JOIN stale s ON 1 = 1;".to_owned(),
            "DELETE o FROM orders o, stale s;".to_owned(),
            "DELETE orders FROM orders CROSS JOIN stale;".to_owned(),
            "DELETE FROM orders AS o;".to_owned(),
        ],
    ));
    // Rows all the same, and many.
    must_tell(&on(
        "write-without-batch",
        &["DELETE o FROM orders o JOIN stale s ON s.id = o.id;".to_owned()],
    ));
}

#[test]
fn what_is_deleted_is_called_by_its_own_name() {
    let small = format!(
        "-- engine mysql\n-- lint [tables.orders]\n-- lint rows = 900000000\n-- given\n{GIVEN}-- migration\n"
    );
    for sql in [
        "DELETE o FROM orders o JOIN stale s ON s.id = o.id;",
        "DELETE FROM o USING stale s JOIN orders o ON s.id = o.id;",
        "DELETE s, o FROM stale s JOIN orders o ON s.id = o.id;",
    ] {
        let told = of_example("write-without-batch", &format!("{small}{sql}\n"));
        let of_orders = told
            .iter()
            .find(|finding| finding.title.contains("of orders "));
        let severity = of_orders.map(|finding| finding.severity);
        assert_eq!(
            severity,
            Some(greylag_lint::Severity::Error),
            "{sql}: {told:?}"
        );
    }
}

#[test]
fn the_classes_of_the_tables_that_are_joined_count() {
    let given = "CREATE TABLE orders (tenant_id bigint, id bigint, total int, PRIMARY KEY (tenant_id, id));\n\
        CREATE TABLE countries (code varchar(2) PRIMARY KEY, orders int);";
    speaks(
        "across-classes",
        &with("mysql", given),
        &["UPDATE orders o JOIN countries c ON c.code = o.id SET c.orders = o.total;\n"],
    );
    is_silent(
        "across-classes",
        &with("mysql", given),
        &["UPDATE orders o JOIN countries c ON c.code = o.id SET o.total = c.orders;\n"],
    );
    speaks(
        "shard-key-changed",
        &with("mysql", given),
        &["UPDATE countries c JOIN orders o ON c.code = o.id SET o.tenant_id = 1;\n"],
    );
    is_silent(
        "shard-key-changed",
        &with("mysql", given),
        &["UPDATE orders o JOIN countries c ON c.code = o.id SET o.total = 1;\n"],
    );
}
