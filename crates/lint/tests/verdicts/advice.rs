//! PostgreSQL: what is advised of partitioned tables is what the server takes, and what is advised against it refuses.

use super::servers;
use greylag_lab::{Engine, Server};
use greylag_lint::ServerVersion;

const EVENTS: &str = "CREATE TABLE users (id bigint PRIMARY KEY);\n\
    CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, user_id bigint) PARTITION BY RANGE (at);\n\
    CREATE TABLE y2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n\
    CREATE TABLE y2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n\
    INSERT INTO users VALUES (1);\n\
    INSERT INTO events VALUES (1, '2025-05-05', 1), (2, '2026-06-06', 1);\n\
    CREATE INDEX i ON events (id);\n";

/// Statements one after the other; the last one's error, where the server refuses it.
async fn last(server: &Server, statements: &[&str]) -> Option<String> {
    let database = server.database("advice").await.unwrap().name;
    server.execute(&database, EVENTS).await.unwrap();
    let (last, before) = statements.split_last().unwrap();
    for sql in before {
        let done = server.execute(&database, sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let done = server.execute(&database, last).await;
    done.err().map(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_advised_of_partitioned_tables_is_what_postgres_takes() {
    for server in servers::of(Engine::Postgres).await {
        let version: ServerVersion = server.installation().version.parse().unwrap();
        // `drop-index-blocking`
        let refused = last(&server, &["DROP INDEX CONCURRENTLY i"]).await;
        assert!(refused.unwrap().contains("concurrently"));
        assert_eq!(
            last(&server, &["SET lock_timeout = '2s'; DROP INDEX i"]).await,
            None
        );
        // `add-unique-blocking`, `add-index-blocking`, `concurrently-on-partitioned`
        let whole = "CREATE UNIQUE INDEX CONCURRENTLY u ON events (id, at)";
        assert!(
            last(&server, &[whole])
                .await
                .unwrap()
                .contains("concurrently")
        );
        let parts = [
            "CREATE UNIQUE INDEX u ON ONLY events (id, at)",
            "CREATE UNIQUE INDEX CONCURRENTLY u25 ON y2025 (id, at)",
            "CREATE UNIQUE INDEX CONCURRENTLY u26 ON y2026 (id, at)",
            "ALTER INDEX u ATTACH PARTITION u25",
            "ALTER INDEX u ATTACH PARTITION u26",
        ];
        let valid = "DO $$ BEGIN ASSERT (SELECT indisvalid FROM pg_index WHERE indexrelid = 'u'::regclass); END $$";
        let built = [&parts[..], &[valid]].concat();
        assert_eq!(last(&server, &built).await, None);
        let not_yet = [&parts[..4], &[valid]].concat();
        assert!(
            last(&server, &not_yet).await.is_some(),
            "it tells when not all are there"
        );
        let constraint = "ALTER TABLE events ADD CONSTRAINT c UNIQUE USING INDEX u";
        let made_of_it = [&parts[..], &[constraint]].concat();
        assert!(last(&server, &made_of_it).await.is_some());
        // `add-foreign-key-scan`
        let own = "ADD CONSTRAINT f FOREIGN KEY (user_id) REFERENCES users";
        let not_valid = format!("ALTER TABLE events {own} NOT VALID");
        let refused = last(&server, &[&not_valid]).await;
        assert_eq!(
            refused.is_some(),
            version < ServerVersion::new(18, 0, 0),
            "{refused:?}"
        );
        let on = |table: &str| format!("ALTER TABLE {table} {own} NOT VALID");
        let of_parts = "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'y2025'::regclass) = 1; END $$";
        let steps = [
            &*on("y2025"),
            "ALTER TABLE y2025 VALIDATE CONSTRAINT f",
            &*on("y2026"),
            "ALTER TABLE y2026 VALIDATE CONSTRAINT f",
            &*format!("ALTER TABLE events {own}"),
            of_parts,
        ];
        assert_eq!(
            last(&server, &steps).await,
            None,
            "the partitions' own is taken"
        );
    }
}
