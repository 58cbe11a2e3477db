//! Numbers that come to an end, and labels that change places.

use super::{is_silent, of_example, speaks};
use greylag_lint::Severity;

/// An int key of which this many numbers are given on the fullest of two shards.
fn fleet(engine: &str, data_type: &str, used: u64, room: u64) -> String {
    format!(
        "-- engine {engine}\n-- fleet shards = 2\n-- fleet [tables.orders]\n-- fleet numbering = {{ column = \"id\", \
         data_type = \"{data_type}\", used = {used}, room = {room}, shard = \"eu-7\" }}\n-- given\n"
    )
}

const INT: u64 = 2_147_483_647;

fn postgres(used: u64) -> String {
    let orders = "CREATE TABLE orders (id serial PRIMARY KEY, total int);\nCREATE TABLE items (order_id int);\n";
    format!(
        "{}{orders}-- migration\n",
        fleet("postgres", "integer", used, INT)
    )
}

fn mysql(data_type: &str, used: u64, room: u64) -> String {
    let orders =
        format!("CREATE TABLE orders (id {data_type} AUTO_INCREMENT PRIMARY KEY, total int);\n");
    format!(
        "{}{orders}-- migration\n",
        fleet("mysql", data_type, used, room)
    )
}

#[test]
fn a_table_whose_numbers_run_out_is_told_where_rows_are_added() {
    let rule = "numbers-run-out";
    let speaking = [
        "INSERT INTO orders (total) VALUES (1);\n",
        "INSERT INTO orders (total) SELECT total FROM orders;\n",
        "WITH n AS (INSERT INTO orders (total) VALUES (1) RETURNING id) INSERT INTO items SELECT id FROM n;\n",
        "COPY orders (total) FROM STDIN;\n1\n\\.\n",
        "ALTER TABLE orders ADD COLUMN note text;\n",
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint;\n",
        "ALTER TABLE items ADD FOREIGN KEY (order_id) REFERENCES orders;\n",
        "CREATE TABLE refunds (order_id int REFERENCES orders (id));\n",
    ];
    speaks(rule, &postgres(INT / 4 * 3 + 10), &speaking);
    is_silent(rule, &postgres(INT / 2), &speaking);
    is_silent(
        rule,
        &postgres(INT / 10 * 9),
        &[
            "ALTER TABLE orders ALTER COLUMN id TYPE bigint;\n",
            "UPDATE orders SET total = 0 WHERE id = 1;\n",
            "INSERT INTO orders (id, total) VALUES (7, 1);\n",
            "INSERT INTO items VALUES (1);\n",
            "CREATE TABLE refunds (order_id bigint REFERENCES orders (id));\n",
            "CREATE TABLE refunds (total int REFERENCES orders (total));\n",
        ],
    );
    let smaller = format!(
        "-- lint thresholds = {{ used-percent = 40 }}\n{}",
        postgres(INT / 2)
    );
    speaks(rule, &smaller, &speaking);
    let insert = "INSERT INTO orders (total) VALUES (1);\n";
    speaks(rule, &mysql("int", INT / 10 * 9, INT), &[insert]);
    speaks(rule, &mysql("smallint unsigned", 60_000, 65_535), &[insert]);
    is_silent(rule, &mysql("int unsigned", INT, INT * 2 + 1), &[insert]);
    let modified = "ALTER TABLE orders MODIFY id bigint AUTO_INCREMENT;\n";
    is_silent(rule, &mysql("int", INT / 10 * 9, INT), &[modified]);
}

#[test]
fn what_is_left_says_how_grave_it_is_and_the_shard_is_named() {
    let severity = |used: u64, sql: &str| -> Vec<Severity> {
        let findings = of_example("numbers-run-out", &format!("{}{sql}", postgres(used)));
        findings.iter().map(|finding| finding.severity).collect()
    };
    let insert = "INSERT INTO orders (total) VALUES (1), (2), (3);\n";
    assert_eq!(severity(INT - 3, insert), [Severity::Warning]);
    assert_eq!(severity(INT - 2, insert), [Severity::Error]);
    let column = "ALTER TABLE orders ADD COLUMN note text;\n";
    assert_eq!(severity(INT, column), [Severity::Note]);
    // Once in a file; but rows that are added are told behind a change.
    assert_eq!(
        severity(INT - 9, &format!("{insert}{insert}{column}")),
        [Severity::Warning]
    );
    assert_eq!(
        severity(INT - 9, &format!("{column}{column}{insert}")),
        [Severity::Note, Severity::Warning]
    );
    let told = of_example(
        "numbers-run-out",
        &format!("{}{insert}", postgres(1_955_000_000)),
    );
    assert_eq!(
        told[0].title,
        "orders.id has used up 91% of its numbers on eu-7"
    );
}

#[test]
fn a_column_that_ends_before_what_it_refers_to_is_told() {
    let rule = "numbers-run-out";
    let given = "-- engine postgres\n-- given\nCREATE TABLE users (id bigserial PRIMARY KEY, code int UNIQUE);\n\
                 CREATE TABLE orders (id bigint PRIMARY KEY, user_id int);\n-- migration\n";
    speaks(
        rule,
        given,
        &[
            "CREATE TABLE cards (user_id int REFERENCES users);\n",
            "CREATE TABLE cards (user_id int, FOREIGN KEY (user_id) REFERENCES users (id));\n",
            "ALTER TABLE orders ADD COLUMN buyer smallint REFERENCES users (id);\n",
            "ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users;\n",
            "ALTER TABLE orders ADD COLUMN buyer int, ADD FOREIGN KEY (buyer) REFERENCES users;\n",
        ],
    );
    is_silent(
        rule,
        given,
        &[
            "CREATE TABLE cards (user_id bigint REFERENCES users);\n",
            "CREATE TABLE cards (user_id int REFERENCES users (code));\n",
            "CREATE TABLE cards (user_id int);\n",
            "CREATE TABLE cards (id bigserial PRIMARY KEY, other bigint REFERENCES cards);\n",
        ],
    );
}

#[test]
fn labels_that_change_places_are_told() {
    let rule = "enum-order";
    let given = "-- lint default-class = \"sharded\"\n-- engine mysql\n-- given\n\
                 CREATE TABLE orders (id bigint PRIMARY KEY, status enum('a', 'b', 'c'), tags set('x', 'y'));\n-- migration\n";
    speaks(
        rule,
        given,
        &[
            "ALTER TABLE orders MODIFY status enum('b', 'a', 'c');\n",
            "ALTER TABLE orders MODIFY status enum('a', 'n', 'b', 'c') NOT NULL;\n",
            "ALTER TABLE orders CHANGE status state enum('a', 'c');\n",
            "ALTER TABLE orders MODIFY tags set('w', 'x', 'y');\n",
        ],
    );
    let harmless = [
        "ALTER TABLE orders MODIFY status enum('a', 'b', 'c', 'd');\n",
        "ALTER TABLE orders MODIFY status enum('a', 'b');\n",
        "ALTER TABLE orders MODIFY status varchar(9);\n",
        "CREATE TABLE others (status enum('b', 'a'));\n",
    ];
    is_silent(rule, given, &harmless);
    let postgres = "-- lint default-class = \"sharded\"\n-- engine postgres\n-- given\nCREATE TYPE mood AS ENUM ('a', 'b');\n-- migration\n";
    speaks(
        rule,
        postgres,
        &["ALTER TYPE mood ADD VALUE IF NOT EXISTS 'c' AFTER 'a';\n"],
    );
    is_silent(
        rule,
        postgres,
        &[
            "ALTER TYPE mood ADD VALUE 'c' AFTER 'a';\n",
            "ALTER TYPE mood RENAME VALUE 'a' TO 'c';\n",
        ],
    );
    let alone = postgres.replace("-- lint default-class = \"sharded\"\n", "");
    is_silent(
        rule,
        &alone,
        &["ALTER TYPE mood ADD VALUE IF NOT EXISTS 'c';\n"],
    );
}
