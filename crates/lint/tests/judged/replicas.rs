//! What reaches replicas and subscribers.

use super::{is_silent, of_example, speaks};
use greylag_lint::Severity;

const ORDERS: &str = "-- given\nCREATE TABLE orders (id bigint PRIMARY KEY, code bigint NOT NULL, total int);\n\
    CREATE UNIQUE INDEX orders_code ON orders (code);\n";
const BY_NAME: &str = "CREATE PUBLICATION p FOR TABLE orders (id, code) WHERE (id > 0), ONLY items WITH (publish = 'insert');\n";

fn given(more: &str) -> String {
    format!("{ORDERS}{more}")
}

#[test]
fn a_new_table_is_in_no_publication_where_tables_are_published_by_name() {
    let rule = "logical-change-not-carried";
    let fleet =
        "-- fleet [[publications]]\n-- fleet name = \"p\"\n-- fleet tables = [\"public.orders\"]\n";
    let new = "-- migration\nCREATE TABLE refunds (id bigint PRIMARY KEY);\n";
    speaks(rule, fleet, &[new]);
    speaks(rule, &given(BY_NAME), &[new]);
    let later = "ALTER PUBLICATION p ADD TABLE refunds;\n";
    is_silent(rule, &given(BY_NAME), &[&format!("{new}{later}")]);
    is_silent(rule, fleet, &[&format!("{new}{later}")]);
    let silent = [
        "-- migration\nCREATE TEMPORARY TABLE refunds (id bigint PRIMARY KEY);\n",
        "-- migration\nCREATE UNLOGGED TABLE refunds (id bigint PRIMARY KEY);\n",
    ];
    is_silent(rule, &given(BY_NAME), &silent);
    for all in [
        "CREATE PUBLICATION p FOR ALL TABLES;\n",
        "CREATE PUBLICATION p FOR TABLES IN SCHEMA public;\n",
        "",
    ] {
        is_silent(rule, &given(all), &[new]);
    }
    let whole =
        "-- fleet [[publications]]\n-- fleet name = \"p\"\n-- fleet schemas = [\"public\"]\n";
    is_silent(rule, whole, &[new]);
    speaks(
        rule,
        whole,
        &["-- migration\nCREATE TABLE stock.refunds (id bigint PRIMARY KEY);\n"],
    );
}

#[test]
fn a_partition_is_published_with_its_table() {
    let parted = "-- given\nCREATE TABLE orders (id bigint PRIMARY KEY) PARTITION BY RANGE (id);\n\
        CREATE PUBLICATION p FOR TABLE orders;\n";
    let new =
        "-- migration\nCREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (1) TO (2);\n";
    is_silent("logical-change-not-carried", parted, &[new]);
}

#[test]
fn each_change_that_subscribers_do_not_get_is_told() {
    let cases = [
        "ALTER TABLE orders ADD COLUMN note text;",
        "ALTER TABLE orders DROP COLUMN total;",
        "ALTER TABLE orders RENAME COLUMN total TO sum;",
        "ALTER TABLE orders RENAME TO sales;",
        "ALTER TABLE orders SET SCHEMA other;",
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint;",
        "DROP TABLE orders;",
    ];
    let cases: Vec<String> = cases
        .iter()
        .map(|sql| format!("-- migration\n{sql}\n"))
        .collect();
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    speaks("logical-change-not-carried", &given(BY_NAME), &cases);
    is_silent("logical-change-not-carried", ORDERS, &cases);
    let gone = given(&format!("{BY_NAME}DROP PUBLICATION p;\n"));
    is_silent("logical-change-not-carried", &gone, &cases);
    let relisted = given(&format!("{BY_NAME}ALTER PUBLICATION p SET TABLE items;\n"));
    is_silent("logical-change-not-carried", &relisted, &cases);
    let renamed = given(&format!(
        "{BY_NAME}ALTER PUBLICATION p RENAME TO q;\nALTER PUBLICATION q DROP TABLE orders;\n"
    ));
    is_silent("logical-change-not-carried", &renamed, &cases);
}

#[test]
fn a_published_table_whose_identity_goes_is_told_whatever_takes_it() {
    let rule = "replica-identity-lost";
    speaks(
        rule,
        &given(BY_NAME),
        &[
            "-- migration contract c\nALTER TABLE orders DROP CONSTRAINT orders_pkey;\n",
            "-- migration contract c\nALTER TABLE orders DROP COLUMN id;\n",
            "-- migration\nALTER TABLE orders REPLICA IDENTITY NOTHING;\n",
            // In between nobody can change a row.
            "-- migration\nBEGIN;\nALTER TABLE orders DROP CONSTRAINT orders_pkey;\nCOMMIT;\nALTER TABLE orders ADD PRIMARY KEY (code);\n",
        ],
    );
    is_silent(
        rule,
        &given(BY_NAME),
        &[
            "-- migration contract c\nALTER TABLE orders DROP COLUMN total;\n",
            "-- migration contract c\nALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (code);\n",
            "-- migration contract c\nALTER TABLE orders DROP CONSTRAINT orders_pkey;\nALTER TABLE orders ADD PRIMARY KEY (code);\n",
            "-- migration contract c\nDROP INDEX orders_code;\n",
        ],
    );
    let by_index = given(&format!(
        "{BY_NAME}ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_code;\n"
    ));
    speaks(
        rule,
        &by_index,
        &[
            "-- migration contract c\nDROP INDEX orders_code;\n",
            "-- migration contract c\nALTER TABLE orders DROP COLUMN code;\n",
        ],
    );
    is_silent(
        rule,
        &by_index,
        &[
            "-- migration contract c\nALTER TABLE orders DROP CONSTRAINT orders_pkey;\n",
            "-- migration contract c\nALTER TABLE orders REPLICA IDENTITY DEFAULT;\nDROP INDEX orders_code;\n",
        ],
    );
    let full = given(&format!(
        "{BY_NAME}ALTER TABLE orders REPLICA IDENTITY FULL;\n"
    ));
    is_silent(
        rule,
        &full,
        &["-- migration contract c\nALTER TABLE orders DROP COLUMN id;\n"],
    );
    is_silent(
        rule,
        ORDERS,
        &["-- migration contract c\nALTER TABLE orders DROP COLUMN id;\n"],
    );
}

#[test]
fn what_a_standby_needs_first_is_told() {
    let rule = "standby-prerequisite";
    speaks(
        rule,
        "-- migration\n",
        &[
            "CREATE EXTENSION pg_trgm;\n",
            "ALTER EXTENSION pg_trgm UPDATE;\n",
            "ALTER EXTENSION pg_trgm UPDATE TO '1.6';\n",
            "CREATE TABLESPACE other LOCATION '/other';\n",
            "ALTER SYSTEM SET max_connections = 500;\n",
            "DROP DATABASE shop;\n",
        ],
    );
    is_silent(
        rule,
        "-- migration\n",
        &[
            "ALTER EXTENSION pg_trgm SET SCHEMA public;\n",
            "ALTER SYSTEM SET work_mem = '4MB';\n",
        ],
    );
}

#[test]
fn an_index_over_text_is_told_where_a_standby_sorts_otherwise() {
    let rule = "standby-prerequisite";
    let standby = "-- fleet [[standbys]]\n-- fleet node = \"r1\"\n";
    let other = format!("{standby}-- fleet other_collation = \"2.31\"\n");
    let given = "-- given\nCREATE TABLE users (id bigint PRIMARY KEY, name text, code text COLLATE \"C\", born date);\n-- migration\n";
    let indexed = [
        "CREATE INDEX users_name ON users (name);\n",
        "CREATE UNIQUE INDEX CONCURRENTLY users_name ON users (born, name);\n",
        "ALTER TABLE users ADD CONSTRAINT users_name UNIQUE (name);\n",
        "CREATE TABLE tags (name varchar(20) PRIMARY KEY);\n",
        "ALTER TABLE users ADD COLUMN email text UNIQUE;\n",
    ];
    speaks(rule, &format!("{other}{given}"), &indexed);
    is_silent(rule, &format!("{standby}{given}"), &indexed);
    is_silent(
        rule,
        &format!("{other}{given}"),
        &[
            "CREATE INDEX users_born ON users (born);\n",
            "CREATE INDEX users_code ON users (code);\n",
            "CREATE INDEX users_name ON users (name COLLATE \"C\");\n",
            "CREATE INDEX users_name ON users USING hash (name);\n",
            "CREATE TABLE tags (id bigint PRIMARY KEY, name varchar(20));\n",
        ],
    );
}

#[test]
fn a_view_that_locks_is_told_by_what_its_lock_does() {
    let given = "-- given\nCREATE TABLE jobs (id bigint PRIMARY KEY);\nCREATE SEQUENCE tickets;\n-- migration\n";
    let fails = [
        "CREATE VIEW q AS SELECT id FROM jobs FOR UPDATE SKIP LOCKED;\n",
        "CREATE VIEW q AS SELECT id FROM (SELECT id FROM jobs FOR SHARE) j;\n",
        "CREATE VIEW q AS SELECT nextval('tickets') AS n;\n",
    ];
    for case in fails {
        let told = of_example("primary-only", &format!("{given}{case}"));
        assert!(told[0].title.contains("can't be read"), "{case}: {told:?}");
    }
    let locks = "CREATE VIEW q AS SELECT pg_advisory_xact_lock(id) FROM jobs;\n";
    let told = of_example("primary-only", &format!("{given}{locks}"));
    assert!(told[0].title.contains("where it is read alone"), "{told:?}");
    let notify = of_example("primary-only", &format!("{given}NOTIFY jobs;\n"));
    assert_eq!(notify[0].severity, Severity::Note);
    is_silent(
        "primary-only",
        given,
        &["CREATE VIEW q AS SELECT substring('ab' FOR 1) AS x, id FROM jobs;\n"],
    );
}

/// 100 MB of rows and 50 MB of indexes; a migration may write 250 MB.
const SIZED: &str = "-- lint thresholds = { wal-bytes = 250_000_000 }\n\
    -- fleet [tables.orders]\n-- fleet rows = 1000000\n-- fleet largest_shard = \"eu-7\"\n\
    -- fleet table_bytes = 100000000\n-- fleet index_bytes = 50000000\n";
const PLAIN: &str = "-- given\nCREATE TABLE orders (id int PRIMARY KEY, code int, total int);\nCREATE TABLE old (id int PRIMARY KEY);\n-- migration\n";

#[test]
fn what_a_file_writes_into_the_log_is_added_up() {
    let rule = "wal-budget";
    let head = format!("{SIZED}-- engine postgres\n{PLAIN}");
    let half = "ALTER TABLE orders ALTER COLUMN id TYPE bigint;\n";
    let other = "ALTER TABLE orders ALTER COLUMN code TYPE bigint;\n";
    is_silent(rule, &head, &[half]);
    let told = of_example(rule, &format!("{head}{half}{other}"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].title.contains("about 300 MB") && told[0].title.contains("eu-7"),
        "{told:?}"
    );
    speaks(
        rule,
        &head,
        &[
            "UPDATE orders SET total = 0;\n",
            "UPDATE orders SET total = 0 WHERE total IS NULL;\n",
            "WITH gone AS (UPDATE orders SET total = 0 RETURNING id) DELETE FROM old;\n",
            "INSERT INTO old SELECT id FROM orders;\nINSERT INTO old SELECT code FROM orders;\n",
        ],
    );
    is_silent(
        rule,
        &head,
        &[
            "UPDATE orders SET total = 0 WHERE id = 5;\n",
            "DELETE FROM orders WHERE total IS NULL;\n",
            "INSERT INTO orders VALUES (1, 2, 3);\n",
            "ALTER TABLE orders ADD COLUMN note text;\n",
            "CREATE INDEX orders_total ON orders (total);\n",
            "UPDATE old SET id = id + 1;\n",
        ],
    );
    let batch = SIZED.replace("-- fleet [tables", "-- engine postgres\n-- fleet [tables");
    let batch = format!(
        "{batch}{}",
        PLAIN.replace("-- migration", "-- migration backfill c")
    );
    is_silent(
        rule,
        &batch,
        &["UPDATE orders SET total = 0 WHERE :batch;\n"],
    );
}

#[test]
fn the_binary_log_takes_rows_and_not_alters() {
    for engine in ["mysql", "mariadb"] {
        let head = format!("{SIZED}-- engine {engine}\n{PLAIN}");
        speaks(
            "wal-budget",
            &head,
            &["UPDATE orders SET total = 0;\nDELETE FROM orders;\n"],
        );
        is_silent(
            "wal-budget",
            &head,
            &["ALTER TABLE orders MODIFY code bigint;\nALTER TABLE orders MODIFY total bigint;\n"],
        );
    }
}

#[test]
fn rows_that_the_project_says_are_enough_to_estimate_by() {
    let head =
        format!("-- lint tables.orders = {{ rows = 5_000_000 }}\n-- engine postgres\n{PLAIN}");
    speaks("wal-budget", &head, &["UPDATE orders SET total = 0;\n"]);
    is_silent(
        "wal-budget",
        &head,
        &["UPDATE orders SET total = 0 WHERE id = 1;\n"],
    );
    let few = head.replace("5_000_000", "50_000");
    is_silent("wal-budget", &few, &["UPDATE orders SET total = 0;\n"]);
}

#[test]
fn a_slot_is_held_against_all_shards_of_its_server() {
    let slot = "-- fleet bytes_per_server = 1500000000\n-- fleet [[slots]]\n-- fleet shard = \"eu-1\"\n-- fleet name = \"backup\"\n-- fleet headroom_bytes = 1000000000\n";
    let text = |slot: &str| {
        format!(
            "{SIZED}{slot}-- engine postgres\n{PLAIN}ALTER TABLE orders ALTER COLUMN id TYPE bigint;\n"
        )
    };
    let told = of_example("wal-budget", &text(slot));
    assert_eq!(told[0].severity, Severity::Error, "{told:?}");
    assert!(told[0].message.why.contains("1500 MB together"), "{told:?}");
    let alone = slot.replace("1500000000", "150000000");
    assert!(of_example("wal-budget", &text(&alone)).is_empty());
}

#[test]
fn what_a_foreign_key_deletes_is_in_the_log_of_mysql_since_9_6() {
    let given = "-- given\nCREATE TABLE users (id bigint PRIMARY KEY);\n\
        CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, CONSTRAINT o FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n-- migration\n";
    let sized = "-- lint [thresholds]\n-- lint wal-bytes = 1000000\n-- lint [tables.users]\n-- lint rows = 10\n\
        -- lint [tables.orders]\n-- lint rows = 100000\n";
    let on = |engine: &str, oldest: &str, newest: &str| {
        format!(
            "-- engine {engine}\n-- lint versions.{engine} = {{ oldest = \"{oldest}\", newest = \"{newest}\" }}\n"
        )
    };
    let key = "ALTER TABLE orders ADD CONSTRAINT p FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL;\n";
    let delete = "DELETE FROM users WHERE id > 5;\n";
    for (head, logged, unlogged) in [
        (on("mysql", "9.6", "9.7"), true, false),
        (on("mysql", "8.4", "9.7"), true, true),
        (on("mysql", "8.0.30", "9.5"), false, true),
        ("-- engine mysql\n".to_owned(), false, true),
        (on("mariadb", "11.4", "11.8"), false, true),
    ] {
        let rule = "cascade-not-logged";
        let text = format!("{head}{given}{key}");
        assert_eq!(!of_example(rule, &text).is_empty(), unlogged, "{text}");
        let text = format!("{head}{sized}{given}{delete}");
        assert_eq!(
            !of_example("wal-budget", &text).is_empty(),
            logged,
            "{text}"
        );
    }
}
