//! Which statements lock readers out: what the text tells, held against what a real server does.

use crate::{
    bench::Bench,
    nodes::{Nodes, Watch},
};
use greylag_core::{engine::Dialect, node::ReplayState, script::split};
use greylag_lab::Options;
use std::collections::BTreeSet;

const TABLES: &str = "CREATE TABLE parent (id int PRIMARY KEY); \
     CREATE TABLE child (id int PRIMARY KEY, parent int CONSTRAINT fk REFERENCES parent, a int, b text); \
     CREATE INDEX child_a ON child (a); CREATE VIEW v AS SELECT id FROM child; \
     CREATE MATERIALIZED VIEW m AS SELECT id FROM parent; CREATE UNIQUE INDEX m_id ON m (id); \
     CREATE TABLE list (id int) PARTITION BY LIST (id); CREATE TABLE one PARTITION OF list FOR VALUES IN (1); \
     CREATE TABLE loose (id int); CREATE SEQUENCE s; \
     CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; \
     CREATE TRIGGER x BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION f();";

/// Each is told exactly: what the server locks against readers is what the text was said to lock.
const EXACT: [&str; 33] = [
    "ALTER TABLE child ADD c int",
    "ALTER TABLE child ADD COLUMN c int REFERENCES parent",
    "ALTER TABLE child ALTER b SET NOT NULL",
    "ALTER TABLE child ALTER a TYPE bigint",
    "ALTER TABLE child ALTER a SET DEFAULT 1",
    "ALTER TABLE child ALTER a SET STATISTICS 10",
    "ALTER TABLE child ALTER a SET (n_distinct = 5)",
    "ALTER TABLE child SET (fillfactor = 70, autovacuum_enabled = off)",
    "ALTER TABLE child ADD CONSTRAINT pos CHECK (a > 0) NOT VALID",
    "ALTER TABLE child ADD CONSTRAINT again FOREIGN KEY (parent) REFERENCES parent NOT VALID",
    "ALTER TABLE child VALIDATE CONSTRAINT fk",
    "ALTER TABLE child DROP CONSTRAINT fk",
    "ALTER TABLE child RENAME a TO c",
    "ALTER TABLE child RENAME TO kid",
    "ALTER TABLE child DISABLE TRIGGER x",
    "ALTER TABLE child OWNER TO postgres",
    "ALTER TABLE child CLUSTER ON child_pkey",
    "ALTER TABLE list ATTACH PARTITION loose FOR VALUES IN (2)",
    "ALTER TABLE list DETACH PARTITION one",
    "ALTER INDEX child_a RENAME TO child_z",
    "CREATE INDEX child_b ON child (b)",
    "CREATE TRIGGER y BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TABLE new (id int PRIMARY KEY, parent int REFERENCES parent)",
    "CREATE VIEW w AS SELECT * FROM child",
    "CREATE POLICY p ON child USING (true)",
    "CREATE OR REPLACE VIEW v AS SELECT id FROM child",
    "COMMENT ON TABLE child IS 'x'",
    "DROP TABLE loose",
    "DROP TRIGGER x ON child",
    "TRUNCATE child",
    "LOCK TABLE child IN SHARE MODE",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
    "UPDATE child SET a = 1",
];

/// Of these the text says no less than the server does.
const AT_LEAST: [&str; 10] = [
    "ALTER TABLE child DROP COLUMN a",
    "DROP TABLE child CASCADE",
    "DROP INDEX child_a",
    "REINDEX TABLE child",
    "REFRESH MATERIALIZED VIEW m",
    "CREATE TABLE two PARTITION OF list FOR VALUES IN (2)",
    "ALTER SEQUENCE s RENAME TO q",
    "ALTER TABLE child SET (user_catalog_table = off)",
    "CLUSTER child USING child_pkey",
    "DO $$ BEGIN EXECUTE 'DROP VIEW v'; END $$",
];

#[tokio::test]
async fn a_text_tells_what_the_server_locks_against_readers() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.admin(TABLES).await;
    let mut watch = Watch::on(&bench.database.url).await;
    let mut wrong = Vec::new();
    for sql in EXACT.into_iter().chain(AT_LEAST) {
        let told = split(Dialect::Postgres, sql).unwrap().exclusive();
        let locked = locked_by(&bench, sql).await;
        let mut names = BTreeSet::new();
        for name in &told.tables {
            names.extend(table_of(&bench, name).await);
        }
        names.extend(watch.0.partners(&told.unlinked).await.unwrap());
        let exact = EXACT.contains(&sql) && told.untold.is_none();
        let covered = told.untold.is_some() || names.is_superset(&locked);
        if !covered || exact && names != locked {
            wrong.push(format!("{sql}: told {told:?}, locked {locked:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An index stands for its table.
async fn table_of(bench: &Bench, name: &str) -> Option<String> {
    let sql = format!(
        "SELECT coalesce(i.indrelid, c.oid)::regclass FROM pg_class c \
         LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.oid = to_regclass('{name}')"
    );
    let value = bench.server.value(&bench.database.name, &sql).await;
    value.unwrap()
}

/// The tables and views, there before, that a statement locks against readers; an index stands for its table.
async fn locked_by(bench: &Bench, sql: &str) -> BTreeSet<String> {
    let script = format!(
        "BEGIN; CREATE TEMP TABLE before ON COMMIT DROP AS SELECT c.oid, \
           coalesce(i.indrelid, c.oid)::regclass::text AS name FROM pg_class c \
           LEFT JOIN pg_index i ON i.indexrelid = c.oid \
           WHERE c.relnamespace = 'public'::regnamespace; {sql}; \
         SELECT string_agg(DISTINCT b.name, ' ') FROM pg_locks l JOIN before b ON b.oid = l.relation \
         WHERE l.pid = pg_backend_pid() AND l.mode = 'AccessExclusiveLock'; ROLLBACK"
    );
    let rows = bench.server.rows(&bench.database.name, &script).await;
    let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let names = rows.last().and_then(|row| row[0].1.clone());
    names
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// What runs in no transaction: whether it holds up a standby that somebody reads on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_built_past_readers_of_a_standby_and_dropped_only_behind_them() {
    let options = Options::default().set("max_standby_streaming_delay", "-1");
    let Some(nodes) = Nodes::start(1, options).await else {
        return;
    };
    nodes
        .write("CREATE TABLE t (id int, a int); GRANT SELECT ON t TO greylag")
        .await;
    let mut standby = nodes.watch_standby(0).await;
    for (sql, blocks) in [
        ("CREATE INDEX CONCURRENTLY t_a ON t (a)", false),
        ("REINDEX INDEX CONCURRENTLY t_a", true),
        ("DROP INDEX CONCURRENTLY t_a", true),
    ] {
        nodes.cluster.wait_replayed().await.unwrap();
        let (reader, pid) = nodes.reader(nodes.cluster.replica(0)).await;
        reader
            .batch_execute("BEGIN; SELECT * FROM t WHERE a = 1")
            .await
            .unwrap();
        let told = split(Dialect::Postgres, sql).unwrap().exclusive();
        let way = standby.0.in_the_way(&told.tables, Default::default()).await;
        assert_eq!(told.is_nothing(), !blocks, "{sql}");
        if blocks {
            assert_eq!(way.unwrap()[0].pid, pid);
        }
        nodes.write(sql).await;
        match blocks {
            false => nodes.cluster.wait_replayed().await.unwrap(),
            true => {
                standby
                    .until("it is blocked", |seen| {
                        matches!(&seen.replay.as_ref().unwrap().state,
                            ReplayState::Blocked { by } if by.iter().any(|who| who.pid == pid))
                    })
                    .await;
            }
        }
        drop(reader);
    }
}
