//! What is advised of partitioned tables, by its words. That the server takes it is shown in `tests/verdicts/advice.rs`.

use super::of_example;
use greylag_lint::Finding;

const EVENTS: &str = "-- engine postgres\n-- given\nCREATE TABLE users (id bigint PRIMARY KEY);\n\
    CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, user_id bigint) PARTITION BY RANGE (at);\n\
    CREATE INDEX i ON events (id);\nCREATE TABLE orders (id bigint PRIMARY KEY);\nCREATE INDEX o ON orders (id);\n\
    -- migration contract x\n";

fn told(rule: &str, sql: &str) -> Finding {
    let mut found = of_example(rule, &format!("{EVENTS}{sql}"));
    assert_eq!(found.len(), 1, "{sql}");
    found.remove(0)
}

#[test]
fn an_index_of_a_partitioned_table_is_not_to_be_dropped_concurrently() {
    for sql in ["DROP INDEX i;", "DROP INDEX o, i;"] {
        let finding = told("drop-index-blocking", sql);
        assert!(finding.fix.is_none(), "{sql}");
        let instead = finding.message.instead.unwrap();
        assert!(instead.contains("lock-timeout"), "{instead}");
    }
    assert!(told("drop-index-blocking", "DROP INDEX o;").fix.is_some());
}

#[test]
fn a_foreign_key_of_a_partitioned_table_is_not_to_be_added_not_valid() {
    let sql = "ALTER TABLE events ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users;";
    let finding = told("add-foreign-key-scan", sql);
    assert!(finding.fix.is_none());
    let instead = finding.message.instead.unwrap();
    assert!(instead.contains("each partition"), "{instead}");
}

#[test]
fn a_unique_index_of_a_partitioned_table_is_built_partition_by_partition() {
    let finding = told(
        "add-unique-blocking",
        "ALTER TABLE events ADD UNIQUE (id, at);",
    );
    assert!(finding.fix.is_none());
    let instead = finding.message.instead.unwrap();
    assert!(instead.contains("ON ONLY"), "{instead}");
}
