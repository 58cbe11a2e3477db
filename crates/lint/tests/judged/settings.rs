//! Settings that shards differ in: from where to where a file's own counts, and what depends on them.

use super::{is_silent, speaks};

const RULE: &str = "settings-differ";

fn differ(engine: &str, setting: &str, given: &str) -> String {
    format!(
        "-- engine {engine}\n-- fleet differing_settings = {{ {setting} = [\"a\", \"b\"] }}\n-- given\n{given}\n-- migration\n"
    )
}

const ORDERS: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz, note text);\n\
    CREATE TABLE days (id bigint PRIMARY KEY, at timestamptz, day date);";

#[test]
fn a_files_own_setting_counts_until_it_is_given_back() {
    let head = differ("postgres", "TimeZone", ORDERS);
    let insert = "INSERT INTO orders VALUES (1, '2026-11-23 04:00');\n";
    let silent = [
        format!("SET timezone = 'UTC';\n{insert}"),
        format!("SET LOCAL timezone = 'UTC';\n{insert}"),
        format!("SET timezone = 'UTC';\n{insert}RESET timezone;\n"),
        format!("SET timezone = 'UTC';\nRESET search_path;\n{insert}"),
    ];
    is_silent(RULE, &head, &silent.each_ref().map(String::as_str));
    let told = [
        format!("SET timezone = 'UTC';\nRESET timezone;\n{insert}"),
        format!("SET timezone = 'UTC';\nSET timezone TO DEFAULT;\n{insert}"),
        format!("SET timezone = 'UTC';\nRESET ALL;\n{insert}"),
        format!(
            "-- greylag:transaction off\nBEGIN;\nSET LOCAL timezone = 'UTC';\nCOMMIT;\nBEGIN;\n{insert}COMMIT;\n"
        ),
        format!("-- greylag:transaction off\nSET LOCAL timezone = 'UTC';\n{insert}"),
    ];
    speaks(RULE, &head, &told.each_ref().map(String::as_str));
}

#[test]
fn a_day_is_a_moment_where_no_column_keeps_days() {
    let head = differ("postgres", "TimeZone", ORDERS);
    speaks(
        RULE,
        &head,
        &[
            "INSERT INTO orders VALUES (1, '2026-11-23');\n",
            "ALTER TABLE orders ADD COLUMN until timestamptz DEFAULT '2027-01-01';\n",
        ],
    );
    is_silent(
        RULE,
        &head,
        &[
            "INSERT INTO days VALUES (1, NULL, '2026-11-23');\n",
            "INSERT INTO visits VALUES (1, '2026-11-23');\n",
            "ALTER TABLE orders ADD COLUMN until date DEFAULT '2027-01-01';\n",
        ],
    );
    let mysql = "CREATE TABLE orders (id bigint PRIMARY KEY, at timestamp NULL);\n\
        CREATE TABLE plain (id bigint PRIMARY KEY, at timestamp NULL, till datetime);";
    let head = differ("mysql", "time_zone", mysql);
    speaks(
        RULE,
        &head,
        &["INSERT INTO orders VALUES (1, '2026-11-23');\n"],
    );
    is_silent(
        RULE,
        &head,
        &["INSERT INTO plain VALUES (1, NULL, '2026-11-23');\n"],
    );
}

#[test]
fn a_string_that_says_that_it_escapes_depends_on_no_setting() {
    let head = differ("postgres", "standard_conforming_strings", ORDERS);
    speaks(
        RULE,
        &head,
        &[
            "INSERT INTO orders VALUES (1, NULL, 'a\\nb');\n",
            "INSERT INTO orders VALUES (1, NULL, 'e\\nb');\n",
            "INSERT INTO orders VALUES (1, NULL, E'\\n'), (2, NULL, 'a\\n');\n",
        ],
    );
    is_silent(
        RULE,
        &head,
        &[
            "INSERT INTO orders VALUES (1, NULL, E'a\\nb');\n",
            "INSERT INTO orders VALUES (1, NULL, e'\\\\');\n",
        ],
    );
}
