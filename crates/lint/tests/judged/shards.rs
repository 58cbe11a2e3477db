//! What differs or breaks between shards.

use super::{is_silent, of_example, speaks};

pub(super) const SHARDED: &str = "-- lint tables.orders = { class = \"sharded\", shard-key = [\"tenant_id\"] }\n\
    -- lint tables.countries = { class = \"reference\" }\n\
    -- lint tables.settings = { class = \"global\" }\n";

pub(super) fn with(engine: &str, given: &str) -> String {
    format!("{SHARDED}-- engine {engine}\n-- given\n{given}\n-- migration\n")
}

#[test]
fn rows_of_a_reference_table_that_get_other_values_are_told() {
    let rule = "differs-per-shard";
    let countries =
        "CREATE TABLE countries (code text PRIMARY KEY, added timestamptz DEFAULT now());";
    speaks(
        rule,
        &with("postgres", countries),
        &[
            "INSERT INTO countries VALUES ('no', now());\n",
            "INSERT INTO countries (code) VALUES ('no');\n",
            "UPDATE countries SET added = clock_timestamp();\n",
            "ALTER TABLE countries ADD COLUMN token uuid DEFAULT gen_random_uuid();\n",
            "ALTER TABLE countries ADD COLUMN at timestamptz NOT NULL DEFAULT now();\n",
            "ALTER TABLE countries ADD COLUMN r float DEFAULT random();\n",
            "ALTER TABLE countries ADD COLUMN n bigserial;\n",
        ],
    );
    is_silent(
        rule,
        &with("postgres", countries),
        &[
            "INSERT INTO countries (code, added) VALUES ('no', '2026-01-01 00:00:00Z');\n",
            "ALTER TABLE countries ADD COLUMN note text DEFAULT 'none';\n",
            "ALTER TABLE countries ALTER COLUMN added SET DEFAULT clock_timestamp();\n",
            "ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();\n",
        ],
    );
    let new = format!("{SHARDED}-- engine postgres\n-- migration\n");
    speaks(
        rule,
        &new,
        &["CREATE TABLE countries AS SELECT now() AS at;\n"],
    );
    is_silent(
        rule,
        &new,
        &["CREATE TABLE countries (code text, at timestamptz DEFAULT now());\n"],
    );
    let mysql = "CREATE TABLE countries (code varchar(2) PRIMARY KEY);";
    speaks(
        rule,
        &with("mysql", mysql),
        &[
            "ALTER TABLE countries ADD COLUMN at datetime DEFAULT CURRENT_TIMESTAMP;\n",
            "ALTER TABLE countries ADD COLUMN token varchar(36) DEFAULT (uuid());\n",
        ],
    );
}

#[test]
fn a_foreign_key_holds_only_where_both_shard_keys_stand_across() {
    let rule = "cross-shard-foreign-key";
    let head = "-- lint shard-key = [\"tenant_id\"]\n-- lint default-class = \"sharded\"\n\
        -- lint tables.countries = { class = \"reference\" }\n-- lint tables.settings = { class = \"global\" }\n\
        -- lint tables.parts = { shard-key = [\"owner_id\"] }\n\
        -- engine postgres\n-- given\n\
        CREATE TABLE users (tenant_id bigint, id bigint, PRIMARY KEY (tenant_id, id));\n\
        CREATE TABLE swapped (tenant_id bigint, id bigint, PRIMARY KEY (id, tenant_id));\n\
        CREATE TABLE parts (owner_id bigint, id bigint, PRIMARY KEY (owner_id, id));\n\
        CREATE TABLE countries (code text PRIMARY KEY, user_id bigint);\n\
        CREATE TABLE settings (name text PRIMARY KEY, user_id bigint, country text);\n\
        CREATE TABLE orders (tenant_id bigint, id bigint, user_id bigint, setting text, country text, PRIMARY KEY (tenant_id, id));\n\
        -- migration\n";
    let add = |table: &str, key: &str| {
        format!("ALTER TABLE {table} ADD CONSTRAINT k FOREIGN KEY {key} NOT VALID;\n")
    };
    let wrong = [
        // From one shard to all, from all to one, from everywhere to somewhere.
        add("settings", "(user_id) REFERENCES users (id)"),
        add("countries", "(user_id) REFERENCES users (id)"),
        add("orders", "(setting) REFERENCES settings (name)"),
        add("countries", "(code) REFERENCES settings (name)"),
        add("orders", "(user_id) REFERENCES users (id)"),
        // The shard key is there, and stands across from something else.
        add(
            "orders",
            "(tenant_id, user_id) REFERENCES users (id, tenant_id)",
        ),
        add("orders", "(tenant_id, user_id) REFERENCES swapped"),
        add("orders", "(user_id, tenant_id) REFERENCES users"),
        add("orders", "(user_id, tenant_id) REFERENCES parts"),
    ];
    speaks(rule, head, &wrong.each_ref().map(String::as_str));
    let right = [
        add(
            "orders",
            "(tenant_id, user_id) REFERENCES users (tenant_id, id)",
        ),
        add("orders", "(tenant_id, user_id) REFERENCES users"),
        add("orders", "(user_id, tenant_id) REFERENCES swapped"),
        add("orders", "(tenant_id, user_id) REFERENCES parts"),
        add("orders", "(country) REFERENCES countries"),
        add("settings", "(country) REFERENCES countries"),
    ];
    is_silent(rule, head, &right.each_ref().map(String::as_str));
    let own = "CREATE TABLE nodes (tenant_id bigint, id bigint, up bigint, PRIMARY KEY (tenant_id, id), \
        FOREIGN KEY (up, tenant_id) REFERENCES nodes);\n";
    speaks(rule, head, &[own]);
    is_silent(
        rule,
        head,
        &[&own.replace("(up, tenant_id)", "(tenant_id, up)")],
    );
}

#[test]
fn what_a_new_column_brings_without_a_name_is_told() {
    let rule = "unnamed-constraint";
    let table = "CREATE TABLE orders (id bigint PRIMARY KEY, total bigint);\n";
    let given = |engine: &str| format!("-- engine {engine}\n-- given\n{table}-- migration\n");
    let add = |what: &str| format!("ALTER TABLE orders ADD COLUMN c bigint {what};\n");
    let what = ["UNIQUE", "CHECK (c > 0)", "REFERENCES orders (id)"];
    let unnamed = what.map(add);
    let unnamed = unnamed.each_ref().map(String::as_str);
    speaks(rule, &given("mariadb"), &unnamed[1..]);
    speaks(rule, &given("mysql"), &unnamed[1..2]);
    // Nobody has taken orders_c_key where there was no c.
    is_silent(rule, &given("postgres"), &unnamed);
    is_silent(rule, &given("mariadb"), &unnamed[..1]);
    let named = what.map(|what| add(&format!("CONSTRAINT n {what}")));
    is_silent(
        rule,
        &given("mariadb"),
        &named.each_ref().map(String::as_str)[1..],
    );
    let apart = [
        "ALTER TABLE orders ADD UNIQUE (total);\n",
        "CREATE INDEX ON orders (total);\n",
        "ALTER TABLE orders ADD COLUMN c bigint CHECK (c > 0) CHECK (c < 9);\n",
    ];
    speaks(rule, &given("postgres"), &apart);
    is_silent(
        rule,
        &given("postgres"),
        &["ALTER TABLE orders ADD COLUMN c bigint NOT NULL DEFAULT 1;\n"],
    );
    // Another column was called so, and its key still is.
    let key = "ALTER TABLE orders ADD COLUMN c bigint REFERENCES orders (id);\n";
    let renamed = "ALTER TABLE orders RENAME COLUMN c TO d;\n";
    let past = format!("-- engine postgres\n-- given\n{table}{key}{renamed}-- migration\n");
    speaks(rule, &past, &[key]);
    // What goes out together has one past, and one shard has only its own.
    is_silent(
        rule,
        &format!("-- engine postgres\n-- migration\n{table}"),
        &apart[..2],
    );
    is_silent(
        rule,
        &format!("-- fleet shards = 1\n{}", given("postgres")),
        &apart,
    );
    speaks(
        rule,
        &format!("-- fleet shards = 2\n{}", given("postgres")),
        &apart,
    );
}

#[test]
fn a_table_is_meant_with_and_without_its_schema() {
    let head = "-- lint shard-key = [\"tenant_id\"]\n-- lint tables.\"sales.orders\" = { class = \"sharded\" }\n-- engine postgres\n-- migration\n";
    let index = "CREATE UNIQUE INDEX orders_code ON orders (code);\n";
    assert_eq!(
        of_example("unique-without-shard-key", &format!("{head}{index}")).len(),
        1
    );
    is_silent(
        "unique-without-shard-key",
        head,
        &["CREATE UNIQUE INDEX i ON stock.orders (code);\n"],
    );
}

#[test]
fn a_setting_that_differs_is_told_where_a_file_depends_on_it() {
    let rule = "settings-differ";
    let differ = |engine: &str, setting: &str| {
        format!(
            "-- engine {engine}\n-- fleet differing_settings = {{ {setting} = [\"a\", \"b\"] }}\n"
        )
    };
    let given = "-- given\nCREATE TABLE orders (id bigint PRIMARY KEY, at timestamp NULL, name varchar(20));\n\
        CREATE TABLE plain (id bigint PRIMARY KEY, name varchar(20));\n-- migration\n";
    let mysql = |setting: &str| format!("{}{given}", differ("mysql", setting));
    speaks(
        rule,
        &mysql("sql_mode"),
        &[
            "CREATE TABLE t (id int PRIMARY KEY);\n",
            "ALTER TABLE orders MODIFY name varchar(10);\n",
            "INSERT INTO orders (id) VALUES (1);\n",
        ],
    );
    is_silent(
        rule,
        &mysql("sql_mode"),
        &[
            "DROP TABLE plain;\n",
            "SET sql_mode = 'ANSI';\nINSERT INTO orders (id) VALUES (1);\n",
        ],
    );
    for setting in ["collation_database", "character_set_database"] {
        speaks(
            rule,
            &mysql(setting),
            &["CREATE TABLE t (name varchar(20));\n"],
        );
        is_silent(
            rule,
            &mysql(setting),
            &[
                "CREATE TABLE t (name varchar(20)) CHARSET=utf8mb4;\n",
                "CREATE TABLE t (id int PRIMARY KEY);\n",
                "CREATE TABLE t (name varchar(20) COLLATE utf8mb4_bin);\n",
            ],
        );
    }
    speaks(
        rule,
        &mysql("default_storage_engine"),
        &["CREATE TABLE t (id int PRIMARY KEY);\n"],
    );
    is_silent(
        rule,
        &mysql("default_storage_engine"),
        &["CREATE TABLE t (id int PRIMARY KEY) ENGINE=InnoDB;\n"],
    );
    let moment = "UPDATE orders SET at = '2026-11-23 04:00:00';\n";
    speaks(rule, &mysql("time_zone"), &[moment]);
    is_silent(
        rule,
        &mysql("time_zone"),
        &["UPDATE plain SET name = '2026-11-23 04:00:00';\n"],
    );
}

#[test]
fn settings_of_postgres_are_told_the_same_way() {
    let rule = "settings-differ";
    let given = "-- given\nCREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz, day date);\n-- migration\n";
    let differ = |setting: &str| {
        format!(
            "-- engine postgres\n-- fleet differing_settings = {{ {setting} = [\"a\", \"b\"] }}\n{given}"
        )
    };
    speaks(
        rule,
        &differ("TimeZone"),
        &[
            "INSERT INTO orders VALUES (1, '2026-11-23 04:00');\n",
            "ALTER TABLE orders ADD COLUMN until timestamptz DEFAULT '2027-01-01 00:00:00';\n",
        ],
    );
    is_silent(
        rule,
        &differ("TimeZone"),
        &[
            "INSERT INTO orders VALUES (1, '2026-11-23 04:00Z');\n",
            "INSERT INTO orders VALUES (1, '2026-11-23T04:00:00.5+01:00');\n",
            "INSERT INTO orders VALUES (1, NULL, '2026-11-23');\n",
        ],
    );
    speaks(
        rule,
        &differ("DateStyle"),
        &["INSERT INTO orders VALUES (1, NULL, '01/02/2026');\n"],
    );
    is_silent(
        rule,
        &differ("DateStyle"),
        &["INSERT INTO orders VALUES (1, NULL, '2026-02-01');\n"],
    );
    speaks(
        rule,
        &differ("search_path"),
        &["CREATE TABLE t (id int);\n"],
    );
    is_silent(
        rule,
        &differ("search_path"),
        &[
            "CREATE TABLE shop.t (id int);\n",
            "SET search_path = shop;\nCREATE TABLE t (id int);\n",
        ],
    );
    let both = "-- engine postgres\n-- fleet [differing_settings]\n-- fleet TimeZone = [\"UTC\", \"Europe/Berlin\"]\n\
        -- fleet search_path = [\"public\", \"shop\"]\n";
    let told = of_example(
        rule,
        &format!(
            "{both}{given}INSERT INTO orders VALUES (1, '2026-11-23 04:00');\nCREATE TABLE t (id int);\n"
        ),
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0]
            .message
            .why
            .contains("TimeZone is `UTC` here and `Europe/Berlin`"),
        "{told:?}"
    );
}

#[test]
fn a_fleet_whose_classes_nobody_has_told_is_asked_for_them_once_per_file() {
    let rule = "classes-unknown";
    let shards = "-- engine postgres\n-- fleet shards = 480\n";
    let made = [
        "CREATE TABLE orders (id bigint PRIMARY KEY);\nCREATE TABLE items (id bigserial);\n",
        "CREATE UNIQUE INDEX i ON orders (code);\n",
        "ALTER TABLE orders ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES b (id);\n",
        "CREATE SEQUENCE s;\n",
        "ALTER TABLE orders ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY;\n",
    ];
    let head = format!("{shards}-- migration\n");
    speaks(rule, &head, &made);
    assert_eq!(of_example(rule, &format!("{head}{}", made[0])).len(), 1);
    is_silent(
        rule,
        &head,
        &[
            "CREATE INDEX i ON orders (code);\n",
            "CREATE TABLE orders (id uuid PRIMARY KEY);\n",
        ],
    );
    is_silent(
        rule,
        "-- engine postgres\n-- fleet shards = 1\n-- migration\n",
        &made,
    );
    is_silent(rule, "-- engine postgres\n-- migration\n", &made);
    let told =
        format!("{shards}-- lint tables.countries = {{ class = \"reference\" }}\n-- migration\n");
    is_silent(rule, &told, &made);
}
