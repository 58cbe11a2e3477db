//! How much goes into the log of what stands in the file itself, and of what follows from it.

use super::{is_silent, of_example, speaks};

const RULE: &str = "wal-budget";
/// A budget of a megabyte.
const SMALL: &str = "-- engine postgres\n-- lint [thresholds]\n-- lint wal-bytes = 1000000\n-- given\n\
    CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n-- migration\n";

fn values(rows: usize, note: &str) -> String {
    let rows: Vec<String> = (0..rows).map(|id| format!("({id}, '{note}')")).collect();
    format!("INSERT INTO orders (id, note) VALUES {};", rows.join(", "))
}

fn copy(rows: usize, note: &str) -> String {
    let rows: String = (0..rows).map(|id| format!("{id}\t{note}\n")).collect();
    format!("COPY orders (id, note) FROM stdin;\n{rows}\\.\n")
}

#[test]
fn rows_that_stand_in_the_file_are_counted() {
    speaks(
        RULE,
        SMALL,
        &[
            &values(10_000, "x"),
            &values(60_000, "x"),
            &values(600, &"long".repeat(500)),
            &copy(20_000, "x"),
            &copy(600, &"long".repeat(500)),
            &format!("{}{}", values(5_000, "x"), copy(5_000, "x")),
        ],
    );
    is_silent(
        RULE,
        SMALL,
        &[
            &values(2_000, "x"),
            &copy(2_000, "x"),
            "INSERT INTO orders DEFAULT VALUES;",
        ],
    );
    let on_mysql = SMALL
        .replace("postgres", "mysql mariadb")
        .replace("note text", "note varchar(2000)");
    speaks(
        RULE,
        &on_mysql,
        &[&values(100_000, "x"), &values(600, &"long".repeat(500))],
    );
    is_silent(RULE, &on_mysql, &[&values(2_000, "x")]);
}

#[test]
fn a_row_counts_as_much_as_the_rows_that_are_there() {
    let head = "-- engine postgres\n-- lint [thresholds]\n-- lint wal-bytes = 1000000\n-- fleet shards = 4\n-- fleet shards_per_server = 4\n\
        -- fleet [tables.orders]\n-- fleet rows = 1000\n-- fleet largest_shard = \"eu-7\"\n-- fleet table_bytes = 1000000\n-- fleet index_bytes = 1000000\n-- given\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n-- migration\n";
    speaks(RULE, head, &[&values(600, "x")]);
    is_silent(RULE, head, &[&values(100, "x")]);
}

#[test]
fn a_table_filled_from_itself_is_counted() {
    let head = "-- engine postgres\n-- lint [thresholds]\n-- lint wal-bytes = 1000000\n-- lint [tables.orders]\n-- lint rows = 100000\n-- given\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n-- migration\n";
    speaks(
        RULE,
        head,
        &["INSERT INTO orders (note) SELECT note FROM orders;"],
    );
    is_silent(
        RULE,
        head,
        &["INSERT INTO orders (note) SELECT note FROM orders WHERE id = 5;"],
    );
}

#[test]
fn what_a_delete_takes_along_is_counted() {
    let head = "-- engine postgres\n-- lint [thresholds]\n-- lint wal-bytes = 1000000\n-- lint [tables.users]\n-- lint rows = 10\n\
        -- lint [tables.orders]\n-- lint rows = 100000\n-- given\nCREATE TABLE users (id bigint PRIMARY KEY);\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users ON DELETE CASCADE);\n-- migration\n";
    let sql = "DELETE FROM users WHERE id > 5;";
    speaks(RULE, head, &[sql]);
    let told = of_example(RULE, &format!("{head}{sql}"));
    assert!(told[0].title.contains("orders"), "{}", told[0].title);
    is_silent(RULE, &head.replace(" ON DELETE CASCADE", ""), &[sql]);
    // InnoDB cascades below the binary log.
    is_silent(
        RULE,
        &head.replace("postgres", "mysql").replace(
            "user_id bigint REFERENCES users ON DELETE CASCADE",
            "user_id bigint, FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE",
        ),
        &[sql],
    );
}
