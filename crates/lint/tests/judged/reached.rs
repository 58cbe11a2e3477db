//! What neither replicas nor subscribers get, and what slots wait for.

use super::{is_silent, of_example, speaks};

#[test]
fn settings_that_not_all_sessions_or_nodes_get_are_told() {
    let rule = "setting-not-everywhere";
    speaks(
        rule,
        "-- engine postgres\n-- migration\n",
        &[
            "ALTER ROLE app SET statement_timeout = '5s';\n",
            "ALTER ROLE ALL SET work_mem = '8MB';\n",
            "ALTER ROLE app IN DATABASE shop SET work_mem = '8MB';\n",
            "ALTER USER app RESET ALL;\n",
            "ALTER DATABASE shop SET timezone TO 'UTC';\n",
            "ALTER DATABASE shop RESET timezone;\n",
            "ALTER SYSTEM SET work_mem = '8MB';\n",
        ],
    );
    is_silent(
        rule,
        "-- engine postgres\n-- migration\n",
        &[
            "ALTER ROLE app WITH LOGIN;\n",
            "ALTER DATABASE shop SET TABLESPACE fast;\n",
            "ALTER DATABASE shop OWNER TO app;\n",
            "SET LOCAL work_mem = '8MB';\n",
        ],
    );
    speaks(
        rule,
        "-- engine mysql\n-- migration\n",
        &[
            "SET GLOBAL max_connections = 500;\n",
            "SET PERSIST max_connections = 500;\n",
            "SET @@GLOBAL.max_connections = 500;\n",
        ],
    );
    is_silent(
        rule,
        "-- lint replicas = false\n-- engine mysql\n-- migration\n",
        &["SET GLOBAL max_connections = 500;\n"],
    );
    is_silent(
        rule,
        "-- engine mysql\n-- migration\n",
        &[
            "SET SESSION max_execution_time = 500;\n",
            "ALTER DATABASE shop CHARACTER SET utf8mb4;\n",
        ],
    );
}

#[test]
fn what_subscribers_do_not_get_is_told_where_there_are_some() {
    let rule = "not-carried-logically";
    let given = "-- given\nCREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, picture oid);\nCREATE SEQUENCE s;\n";
    let cases = [
        "SELECT lo_create(0);\n",
        "UPDATE orders SET picture = lo_import('/tmp/a');\n",
        "INSERT INTO orders (picture) VALUES (lo_from_bytea(0, '\\x00'));\n",
        "SELECT setval('s', 10);\n",
        "ALTER SEQUENCE s RESTART WITH 10;\n",
        "ALTER TABLE orders ALTER COLUMN id RESTART WITH 10;\n",
    ];
    let slot = "-- fleet shards = 1\n-- fleet slots = [{ shard = \"a\", name = \"cdc\", logical = true }]\n";
    let physical = slot.replace("true", "false");
    let publication = "CREATE PUBLICATION p FOR TABLE orders;\n";
    for head in [
        format!("-- lint logical-replication = true\n-- engine postgres\n{given}-- migration\n"),
        format!("{slot}-- engine postgres\n{given}-- migration\n"),
        format!("-- engine postgres\n{given}{publication}-- migration\n"),
    ] {
        speaks(rule, &head, &cases);
        is_silent(
            rule,
            &head,
            &[
                "INSERT INTO orders (picture) VALUES (7);\n",
                "SELECT nextval('s');\n",
                "ALTER SEQUENCE s INCREMENT BY 2;\n",
                "TRUNCATE orders RESTART IDENTITY;\n",
            ],
        );
    }
    for head in [
        format!("-- engine postgres\n{given}-- migration\n"),
        format!("{physical}-- engine postgres\n{given}-- migration\n"),
        format!(
            "-- lint logical-replication = false\n-- engine postgres\n{given}{publication}-- migration\n"
        ),
    ] {
        // Functions that make large objects are reported as not judged by themselves.
        is_silent(rule, &head, &cases[3..]);
    }
}

#[test]
fn a_logical_slot_waits_for_what_takes_long_in_one_transaction() {
    let rule = "logical-slot-waits";
    let given = "-- engine postgres\n-- given\nCREATE TABLE orders (id bigint PRIMARY KEY, total int);\n-- migration\n";
    let slot = "-- fleet shards = 1\n-- fleet slots = [{ shard = \"a\", name = \"cdc\", logical = true }]\n";
    let cases = [
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint;\n",
        "CREATE INDEX orders_total ON orders (total);\n",
        "ALTER TABLE orders ADD UNIQUE (total);\n",
    ];
    speaks(rule, &format!("{slot}{given}"), &cases);
    is_silent(rule, given, &cases);
    let small = format!("{slot}-- lint tables.orders = {{ rows = 10 }}\n{given}");
    is_silent(rule, &small, &cases);
    is_silent(
        rule,
        &format!("{slot}{given}"),
        &[
            "ALTER TABLE orders ADD COLUMN note text;\n",
            "CREATE INDEX CONCURRENTLY orders_total ON orders (total);\n",
            "CREATE TABLE new (id bigint PRIMARY KEY);\nCREATE INDEX ON new (id);\n",
        ],
    );
    let told = of_example(rule, &format!("{slot}{given}{}", cases[0]));
    assert!(
        told[0].message.why.contains("cdc is logical, on a"),
        "{told:?}"
    );
}
