//! An app that was built before an expand, and writes on: what is refused from then on, let in, or found otherwise is what the lint says.

use super::servers;
use greylag_core::engine::Engine::{self, Mariadb, Mysql, Postgres};
use greylag_lab::Server;
use greylag_lint::{Settings, Severity, Unit, lint};
use std::collections::BTreeMap;

const GIVEN: &str = "CREATE TABLE users (id int PRIMARY KEY);\n\
    CREATE TABLE orders (id int PRIMARY KEY, user_id int, total int, status varchar(20) DEFAULT 'new', email varchar(20), qty int CHECK (qty > 0),\n\
        CONSTRAINT known CHECK (status IN ('new', 'old')), CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
    CREATE TABLE kept (id int PRIMARY KEY, user_id int, CONSTRAINT kept_fk FOREIGN KEY (user_id) REFERENCES users (id));\n\
    INSERT INTO users (id) VALUES (1), (2);\n\
    INSERT INTO kept (id, user_id) VALUES (1, 2);";

/// What the old app does, each by itself.
const APP: [&str; 8] = [
    "INSERT INTO orders (id, user_id, total, email) VALUES (2, 1, 5, 'b')",
    "INSERT INTO orders (id, total, email) VALUES (3, -5, 'B')",
    "INSERT INTO orders (id, status) VALUES (4, 'old')",
    "INSERT INTO orders (id, status) VALUES (5, 'odd')",
    "INSERT INTO orders (id, qty) VALUES (6, -5)",
    "INSERT INTO orders (id, user_id) VALUES (7, 99)",
    "DELETE FROM users WHERE id = 1",
    "DELETE FROM users WHERE id = 2",
];

/// What it finds afterwards.
const FINDS: &str = "SELECT coalesce(max(status), 'none') FROM orders WHERE id = 2";

/// Where: PostgreSQL, MySQL, MariaDB.
const ALL: &[Engine] = &[Postgres, Mysql, Mariadb];

const CASES: &[(&[Engine], &str)] = &[
    // Several new columns at once.
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN card int, ADD COLUMN bank int, ADD CONSTRAINT one CHECK (card IS NOT NULL OR bank IS NOT NULL);",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN card int, ADD COLUMN bank int, ADD CONSTRAINT one CHECK (coalesce(card, bank, 0) > 0);",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN card int, ADD COLUMN bank int, ADD CONSTRAINT one CHECK (num_nonnulls(card, bank) = 1) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN card int, ADD COLUMN bank int, ADD CONSTRAINT one CHECK (num_nonnulls(card, bank) <= 1) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN card int, ADD COLUMN bank int, ADD CONSTRAINT one CHECK ((card IS NULL) <> (bank IS NULL)) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN n int, ADD CONSTRAINT one CHECK (coalesce(n, 0) > 0) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN n int, ADD CONSTRAINT one CHECK (CASE WHEN n > 0 THEN true ELSE false END) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN n int, ADD CONSTRAINT one CHECK (greatest(n, n) > 0) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN n int, ADD CONSTRAINT one CHECK ((n > 0) IS TRUE) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN n text, ADD CONSTRAINT one CHECK (n ~ '^[a-z]+$' AND length(n) > 1) NOT VALID;",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN card int, ADD COLUMN bank int, ADD CONSTRAINT one CHECK (card > 0 AND bank > 0);",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN card int, ADD CONSTRAINT one CHECK (card IN (1, 2) OR card BETWEEN 5 AND 7);",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN gone int, ADD CONSTRAINT one CHECK (gone >= total AND (gone IS NULL OR gone > total));",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN gone int, ADD CONSTRAINT one CHECK (gone IS NULL AND total > 0) NOT VALID;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN a date, ADD CONSTRAINT one CHECK (extract(year FROM a) > 2000 AND a > DATE '1900-01-01' AND \
            a <= current_date AND CAST(a AS text) COLLATE \"C\" > 'a' AND a AT TIME ZONE 'utc' > '2026-01-01');",
    ),
    (
        &[Mysql, Mariadb],
        "ALTER TABLE orders ADD COLUMN a varchar(20), ADD CONSTRAINT one CHECK (json_valid(a) AND concat(a, 'x') <> '' AND char_length(trim(a)) > 5);",
    ),
    // Defaults.
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 0;\nALTER TABLE orders ADD CONSTRAINT one CHECK (n > 0) NOT VALID;",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN n int NOT NULL DEFAULT 0 CHECK (n >= 0);",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN n varchar(9) NOT NULL DEFAULT 'x' CHECK (n IN ('x', 'y') AND n <> 'z');",
    ),
    // What a column brings within itself.
    (
        ALL,
        "ALTER TABLE orders ADD COLUMN low varchar(20) GENERATED ALWAYS AS (lower(email)) STORED UNIQUE;",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN discount int NOT NULL DEFAULT 0 CHECK (discount <= total);",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN kind text CHECK (kind IS NOT NULL);",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD COLUMN code text UNIQUE;",
    ),
    // Foreign keys that do something else. MariaDB keeps one that is dropped as a CONSTRAINT beside ADD FOREIGN KEY.
    (
        &[Postgres, Mysql],
        "ALTER TABLE orders DROP CONSTRAINT fk, ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id);",
    ),
    (
        &[Postgres, Mysql],
        "ALTER TABLE orders DROP CONSTRAINT fk, ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;",
    ),
    (
        &[Postgres, Mysql],
        "ALTER TABLE kept DROP CONSTRAINT kept_fk, ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;",
    ),
    (
        &[Mysql, Mariadb],
        "ALTER TABLE orders DROP FOREIGN KEY fk, ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id);",
    ),
    (
        &[Mysql, Mariadb],
        "ALTER TABLE orders DROP FOREIGN KEY fk, ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;",
    ),
    (
        &[Mysql, Mariadb],
        "ALTER TABLE kept DROP FOREIGN KEY kept_fk, ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;",
    ),
    // CHECKs that come back.
    (
        ALL,
        "ALTER TABLE orders DROP CONSTRAINT known, ADD CONSTRAINT known2 CHECK (status IN ('new'));",
    ),
    (
        ALL,
        "ALTER TABLE orders DROP CONSTRAINT known, ADD CONSTRAINT known2 CHECK (status IN ('old', 'new'));",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD CONSTRAINT wider CHECK (status IN ('old', 'new', 'odd') OR total > 5);",
    ),
    (
        ALL,
        "ALTER TABLE orders ADD CONSTRAINT other CHECK (qty>0);",
    ),
    (
        &[Postgres],
        "ALTER TABLE orders ADD CONSTRAINT other CHECK (status IN ('NEW', 'old')) NOT VALID;",
    ),
    (ALL, "ALTER TABLE orders DROP CONSTRAINT known;"),
    // MODIFY.
    (
        &[Mysql, Mariadb],
        "ALTER TABLE orders MODIFY status varchar(30);",
    ),
    (
        &[Mysql, Mariadb],
        "ALTER TABLE orders MODIFY status varchar(30) DEFAULT 'new';",
    ),
    (&[Mysql, Mariadb], "ALTER TABLE orders MODIFY qty bigint;"),
    (
        &[Mysql, Mariadb],
        "ALTER TABLE orders MODIFY qty bigint CHECK (qty > 0);",
    ),
    (
        &[Mysql, Mariadb],
        "ALTER TABLE orders CHANGE total total bigint, CHANGE qty qty bigint CHECK (qty >= 0);",
    ),
    // Another table in its place.
    (
        ALL,
        "CREATE TABLE next (id int PRIMARY KEY, user_id int, total int, status varchar(20) DEFAULT 'new', email varchar(20), qty int CHECK (qty > 0), \
            CONSTRAINT known2 CHECK (status IN ('new', 'old')), CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
            INSERT INTO next SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next (id int PRIMARY KEY, user_id int, total int, status varchar(20), email varchar(20), qty int CHECK (qty > 0), \
            CONSTRAINT known2 CHECK (status IN ('new', 'old')), CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
            INSERT INTO next SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next (id int PRIMARY KEY, user_id int, total int, status varchar(20) DEFAULT 'new', email varchar(20), qty int CHECK (qty > 0), \
            CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
            INSERT INTO next SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next (id int PRIMARY KEY, user_id int, total int, status varchar(20) DEFAULT 'new', email varchar(20), qty int, CHECK (total > 0), \
            CONSTRAINT known2 CHECK (status IN ('new', 'old')), CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
            INSERT INTO next SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next (id int PRIMARY KEY, user_id int, total int NOT NULL, status varchar(20) DEFAULT 'new', email varchar(20), qty int CHECK (qty > 0), \
            CONSTRAINT known2 CHECK (status IN ('new', 'old')), CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
            INSERT INTO next SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next (id int PRIMARY KEY, user_id int, total int, status varchar(20) DEFAULT 'new' UNIQUE, email varchar(20), qty int CHECK (qty > 0), \
            CONSTRAINT known2 CHECK (status IN ('new', 'old')), CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE);\n\
            INSERT INTO next SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next (id int PRIMARY KEY, user_id int, total int, status varchar(20) DEFAULT 'new', email varchar(20), qty int CHECK (qty > 0), \
            CONSTRAINT known2 CHECK (status IN ('new', 'old')));\n\
            INSERT INTO next SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next AS SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    (
        ALL,
        "CREATE TABLE next AS SELECT * FROM orders;\nALTER TABLE next ADD PRIMARY KEY (id), ALTER status SET DEFAULT 'new', ADD CHECK (qty > 0), \
            ADD CHECK (status IN ('new', 'old')), ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;\nDROP TABLE orders;\nALTER TABLE next RENAME TO orders;",
    ),
    // What asks nobody.
    (
        &[Mysql],
        "ALTER TABLE orders ADD CONSTRAINT lax CHECK (total > 0) NOT ENFORCED;",
    ),
    (
        &[Mysql],
        "ALTER TABLE orders ALTER CHECK known NOT ENFORCED;",
    ),
    (&[Mysql], "ALTER TABLE orders ALTER CHECK known ENFORCED;"),
];

/// PostgreSQL 18 and later.
const OF_18: &[&str] = &[
    "ALTER TABLE orders ADD CONSTRAINT lax CHECK (total > 0) NOT ENFORCED;",
    "ALTER TABLE orders ADD COLUMN n int DEFAULT 0 CHECK (n > total) NOT ENFORCED;",
    "ALTER TABLE orders ADD CONSTRAINT lax FOREIGN KEY (total) REFERENCES users (id) NOT ENFORCED;",
    "ALTER TABLE orders ALTER CONSTRAINT fk NOT ENFORCED;",
    "ALTER TABLE orders ALTER CONSTRAINT fk ENFORCED;",
    "ALTER TABLE orders ADD COLUMN n int, ADD CONSTRAINT one CHECK (n IS NOT NULL) NOT ENFORCED;",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_app_meets_is_what_is_said() {
    let mut wrong = Vec::new();
    for (engine, lab) in [
        (Postgres, greylag_lab::Engine::Postgres),
        (Mysql, greylag_lab::Engine::MySql),
        (Mariadb, greylag_lab::Engine::MariaDb),
    ] {
        for server in servers::of(lab).await {
            let own = CASES
                .iter()
                .filter(|(engines, _)| engines.contains(&engine));
            let new = engine == Postgres && server.installation().major() >= 18;
            let newest = OF_18.iter().filter(|_| new);
            for sql in own.map(|(_, sql)| sql).chain(newest) {
                let (said, is) = (said(engine, sql), met(&server, sql).await);
                if said != is {
                    let version = &server.installation().version;
                    wrong.push(format!(
                        "{engine} {version}: {sql}\n    said {said:?}\n    is   {is:?}"
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// What becomes of what the old app does.
#[derive(Debug, Default, PartialEq)]
struct Meets {
    /// Something is refused that was welcome.
    refused: bool,
    /// Something is let in that was refused.
    let_in: bool,
    /// Something else is found.
    changed: bool,
}

fn said(engine: Engine, sql: &str) -> Meets {
    let none = BTreeMap::new();
    let read = |script: &str, text: &str| Unit::read(engine, script, text.as_bytes(), None, &none);
    let units = [
        read("V1__given.sql", GIVEN).earlier(),
        read("V2__expand.sql", sql),
    ];
    let report = lint(&units, &Settings::default(), None);
    let grave = |rule: &str| {
        let mut findings = report.findings.iter();
        findings.any(|found| found.rule == rule && found.severity != Severity::Note)
    };
    Meets {
        refused: grave("expand-restricts-writes"),
        let_in: grave("expand-lifts-guarantee"),
        changed: grave("expand-drops"),
    }
}

async fn met(server: &Server, sql: &str) -> Meets {
    let (before, found) = runs(server, None).await;
    let (after, finds) = runs(server, Some(sql)).await;
    let pairs = || before.iter().zip(&after);
    Meets {
        refused: pairs().any(|(before, after)| *before && !after),
        let_in: pairs().any(|(before, after)| !before && *after),
        // Where it is refused, it finds nothing.
        changed: before[0] && after[0] && found != finds,
    }
}

/// What the app does and whether that goes well, and what it finds.
async fn runs(server: &Server, sql: Option<&str>) -> (Vec<bool>, Option<String>) {
    let database = server.database("old_app").await.unwrap().name;
    for text in [Some(GIVEN), sql].into_iter().flatten() {
        let done = server.execute(&database, text).await;
        done.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    let (mut went_well, mut found) = (Vec::new(), None);
    for (at, statement) in APP.iter().enumerate() {
        went_well.push(server.execute(&database, statement).await.is_ok());
        if at == 0 {
            found = server.value(&database, FINDS).await.unwrap();
        }
    }
    (went_well, found)
}
