//! The names that servers make up for constraints and indexes are those that the lint takes them for.

use super::servers;
use greylag_core::engine::Engine;
use greylag_lab::Server;
use greylag_lint::{Settings, Unit, lint};
use std::collections::BTreeMap;

const POSTGRES: &str = "CREATE TABLE other (id bigint PRIMARY KEY);\n\
    CREATE TABLE t (id bigint PRIMARY KEY, a int UNIQUE, b int CHECK (b > 0), c bigint REFERENCES t (id), x text, UNIQUE (a, b), CHECK (a > b),\n\
        CHECK (a > 0 AND a < 9), CHECK (1 < 2), FOREIGN KEY (c) REFERENCES other (id), FOREIGN KEY (c, x) REFERENCES pairs (c, x));\n\
    CREATE INDEX ON t (b);\nCREATE INDEX ON t (b, x);\nCREATE UNIQUE INDEX ON t (x, b);\n\
    ALTER TABLE t RENAME COLUMN a TO z;\n\
    ALTER TABLE t ADD COLUMN a int UNIQUE CHECK (a < 7);\n\
    ALTER TABLE t RENAME TO s;\n\
    ALTER TABLE s ADD UNIQUE (a, z), ADD CHECK (z < 5), ADD UNIQUE (b, z, a), ADD UNIQUE (z, b, c);\n\
    ALTER TABLE s DROP CONSTRAINT t_a_b_key;\n\
    CREATE INDEX ON s (z);\nCREATE INDEX ON s (z);\nCREATE INDEX ON s (z);\nCREATE INDEX ON s (z);\nDROP INDEX s_z_idx1;\n\
    CREATE INDEX ON s (z);\nCREATE INDEX ON s (z);\n\
    ALTER TABLE s ADD COLUMN a_column_with_a_name_that_is_rather_long int UNIQUE REFERENCES numbers (n),\n\
        ADD COLUMN another_column_with_a_name_that_is_rather_long int,\n\
        ADD UNIQUE (a_column_with_a_name_that_is_rather_long, another_column_with_a_name_that_is_rather_long);\n";
const BEFORE: &str = "CREATE TABLE pairs (c bigint, x text, UNIQUE (c, x));\nCREATE TABLE numbers (n int PRIMARY KEY);\n";
const MYSQL: &str = "CREATE TABLE other (id bigint PRIMARY KEY);\n\
    CREATE TABLE t (id bigint PRIMARY KEY, a int UNIQUE, b int, c bigint, d bigint, UNIQUE (a, b), UNIQUE KEY (b, a, c), FOREIGN KEY (c) REFERENCES t (id),\n\
        FOREIGN KEY (d) REFERENCES other (id));\n\
    ALTER TABLE t ADD UNIQUE (b, c), ADD COLUMN e bigint, ADD FOREIGN KEY (e) REFERENCES other (id);\n\
    ALTER TABLE t RENAME TO s;\n\
    ALTER TABLE s ADD COLUMN f bigint UNIQUE, ADD FOREIGN KEY (f) REFERENCES other (id);\n";

#[tokio::test(flavor = "multi_thread")]
async fn names_that_postgres_makes_up_are_known() {
    let names = "SELECT string_agg(contype::text || ' ' || conname, ';') FROM pg_constraint WHERE conrelid = 's'::regclass AND contype <> 'n'";
    let indexes = "SELECT string_agg('i ' || c.relname, ';') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 's'::regclass \
        AND NOT EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = i.indrelid)";
    for server in servers::of(greylag_lab::Engine::Postgres).await {
        let given = format!("{BEFORE}{POSTGRES}");
        let database = server.database("names").await.unwrap().name;
        server.execute(&database, &given).await.unwrap();
        let mut made = listed(&server, &database, names).await;
        made.extend(listed(&server, &database, indexes).await);
        let seen: Vec<&str> = made.iter().map(|(_, name)| name.as_str()).collect();
        assert!(seen.len() > 18, "{seen:?}");
        let mut wrong = Vec::new();
        for (kind, name) in &made {
            let sql = match kind.as_str() {
                "i" => format!("DROP INDEX \"{name}\";"),
                _ => format!("ALTER TABLE s DROP CONSTRAINT \"{name}\";"),
            };
            wrong.extend(misjudged(Engine::Postgres, &given, &sql, kind, name));
        }
        assert!(wrong.is_empty(), "{}\n{seen:?}", wrong.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_mysql_makes_up_are_known() {
    of_mysql(Engine::Mysql, greylag_lab::Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_mariadb_makes_up_are_known() {
    of_mysql(Engine::Mariadb, greylag_lab::Engine::MariaDb).await;
}

async fn of_mysql(engine: Engine, lab: greylag_lab::Engine) {
    for server in servers::of(lab).await {
        let database = server.database("names").await.unwrap().name;
        server.execute(&database, MYSQL).await.unwrap();
        let names = format!(
            "SELECT group_concat(concat(CASE constraint_type WHEN 'FOREIGN KEY' THEN 'f' ELSE 'u' END, ' ', constraint_name) SEPARATOR ';') \
             FROM information_schema.table_constraints WHERE table_schema = '{database}' AND table_name = 's' AND constraint_type <> 'PRIMARY KEY'"
        );
        let made = listed(&server, &database, &names).await;
        assert!(made.len() > 7, "{made:?}");
        let mut wrong = Vec::new();
        for (kind, name) in &made {
            let sql = match kind.as_str() {
                "u" => format!("ALTER TABLE s DROP INDEX `{name}`;"),
                _ => format!("ALTER TABLE s DROP CONSTRAINT `{name}`;"),
            };
            wrong.extend(misjudged(engine, MYSQL, &sql, kind, name));
        }
        assert!(wrong.is_empty(), "{engine}: {}\n{made:?}", wrong.join("\n"));
    }
}

/// Kinds and names.
async fn listed(server: &Server, database: &str, query: &str) -> Vec<(String, String)> {
    let all = server.value(database, query).await.unwrap();
    let all = all.unwrap_or_default();
    let all = all.split(';').filter(|one| !one.is_empty());
    all.map(|one| {
        let (kind, name) = one.split_once(' ').unwrap();
        (kind.to_owned(), name.to_owned())
    })
    .collect()
}

/// What is said of dropping it, where that isn't what it is.
fn misjudged(engine: Engine, given: &str, sql: &str, kind: &str, name: &str) -> Option<String> {
    let none = BTreeMap::new();
    let read = |script: &str, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", given).earlier(),
        read("V2__drop.sql", sql),
    ];
    let report = lint(&units, &Settings::default(), None);
    let mut findings = report.findings.into_iter();
    let told = findings.find(|finding| finding.rule == "expand-lifts-guarantee");
    let told = told.map(|finding| finding.title).unwrap_or_default();
    let begins = match kind {
        "p" | "u" => format!("the unique key {name} of"),
        "f" => format!("the foreign key {name} of"),
        "c" => format!("the CHECK {name} of"),
        // A plain index is nobody's guarantee, as long as it is known; an index that is unique is a key.
        _ if told.is_empty() => return None,
        _ => format!("the unique key {name}"),
    };
    (!told.starts_with(&begins)).then(|| format!("{sql} {kind}: {told:?}"))
}
