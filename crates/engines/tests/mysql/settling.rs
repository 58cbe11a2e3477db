//! What the catalog tells of each kind of statement when its answer was lost: forwarded and executed, or never sent.

use crate::stage::{Stage, apply, hold, job, succeed};
use greylag_core::script::Tx;
use greylag_engines::{Attempt, Settled};
use greylag_lab::Proxy;

/// What settling should say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Applied,
    Absent,
    Unknown,
}

/// A statement; what settling says if it was executed, and if it was not.
const CASES: [(&str, Says, Says); 17] = [
    ("CREATE TABLE n (a int)", Says::Applied, Says::Absent),
    ("DROP TABLE gone", Says::Applied, Says::Absent),
    (
        "DROP TABLE IF EXISTS gone2, never",
        Says::Applied,
        Says::Absent,
    ),
    ("RENAME TABLE t1 TO t1b", Says::Applied, Says::Absent),
    ("ALTER TABLE t2 RENAME TO t2b", Says::Applied, Says::Absent),
    (
        "ALTER TABLE t3 ADD COLUMN z int, DROP COLUMN a",
        Says::Applied,
        Says::Absent,
    ),
    ("CREATE INDEX i ON t4 (a)", Says::Applied, Says::Absent),
    ("TRUNCATE TABLE t5", Says::Applied, Says::Absent),
    (
        "CREATE VIEW v AS SELECT 1 AS one",
        Says::Applied,
        Says::Absent,
    ),
    (
        "CREATE OR REPLACE VIEW w AS SELECT 2 AS two",
        Says::Applied,
        Says::Absent,
    ),
    (
        "CREATE TRIGGER g BEFORE INSERT ON t4 FOR EACH ROW SET @g = 1",
        Says::Applied,
        Says::Absent,
    ),
    ("CREATE PROCEDURE p() SELECT 1", Says::Applied, Says::Absent),
    (
        "CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1",
        Says::Applied,
        Says::Absent,
    ),
    (
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SET @e = 1",
        Says::Applied,
        Says::Absent,
    ),
    // It changes nothing that shows, and may run again.
    ("ALTER TABLE t4 ENGINE = InnoDB", Says::Absent, Says::Absent),
    // Tables of one shape that change places look the same.
    (
        "RENAME TABLE t6 TO tmp, t7 TO t6, tmp TO t7",
        Says::Unknown,
        Says::Unknown,
    ),
    (
        "ALTER TABLE parted EXCHANGE PARTITION p0 WITH TABLE t8",
        Says::Unknown,
        Says::Unknown,
    ),
];

async fn set_the_table(stage: &Stage) {
    for table in ["gone", "gone2", "t1", "t2", "t4", "t5", "t6", "t7", "t8"] {
        stage
            .run(&format!("CREATE TABLE {table} (a int, c int)"))
            .await;
    }
    stage
        .run("CREATE TABLE t3 (a int, id int PRIMARY KEY AUTO_INCREMENT)")
        .await;
    stage.run("CREATE TABLE parted (a int, c int) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (9))").await;
    stage.run("CREATE VIEW w AS SELECT 1 AS one").await;
    stage.run("INSERT INTO t5 VALUES (1, 1)").await;
}

/// Runs a file of one statement through a proxy that loses the answer, or the statement.
async fn lose(stage: &Stage, version: &str, sql: &str, forwarded: bool) -> Says {
    let proxy = Proxy::start(stage.server.port()).await.unwrap();
    let url = stage
        .server
        .url_through(proxy.port(), "greylag", &stage.database.name);
    let target = stage.target_at(&format!("{url}?ssl-mode=DISABLED"));
    let mut session = greylag_engines::open(&target).await.unwrap();
    hold(session.as_mut()).await;
    let file = job(version, &[sql]);
    match forwarded {
        true => proxy.cut_when_client_sends(sql.as_bytes()),
        false => proxy.cut_before_client_sends(sql.as_bytes()),
    };
    let attempt = apply(session.as_mut(), &file).await;
    assert!(matches!(attempt, Attempt::Unknown(_)), "{sql}: {attempt:?}");
    let mut heir = stage.open().await;
    hold(heir.as_mut()).await;
    match heir.settle(&file).await.unwrap() {
        Settled::Applied => Says::Applied,
        Settled::Absent => Says::Absent,
        Settled::Unknown(doubt) if doubt.needs_person => Says::Unknown,
        other => panic!("{sql}: {other:?}"),
    }
}

on_both!(each_kind_of_statement_is_settled_by_the_catalog(stage, shared) {
    drop(stage.ready().await);
    set_the_table(&stage).await;
    for (number, (sql, executed, not)) in CASES.into_iter().enumerate() {
        let version = (number + 1).to_string();
        let says = lose(&stage, &version, sql, false).await;
        assert_eq!(says, not, "not executed: {sql}");
        if says == Says::Absent {
            let says = lose(&stage, &version, sql, true).await;
            assert_eq!(says, executed, "executed: {sql}");
        }
    }
    assert_eq!(stage.count("t5").await, "0");
});

on_both!(a_table_made_of_a_query_is_settled_where_the_server_promises_its_rows(stage, shared) {
    drop(stage.ready().await);
    stage.run("CREATE TABLE t (a int)").await;
    stage.run("INSERT INTO t VALUES (1)").await;
    let says = lose(&stage, "1", "CREATE TABLE made AS SELECT * FROM t", true).await;
    let expected = match stage.engine {
        greylag_core::engine::Engine::Mysql => Says::Applied,
        _ => Says::Unknown,
    };
    assert_eq!(says, expected);
});

on_both!(rows_that_come_in_between_do_not_pass_for_a_changed_table(stage, shared) {
    drop(stage.ready().await);
    stage.run("CREATE TABLE t (a int PRIMARY KEY AUTO_INCREMENT)").await;
    stage.run("INSERT INTO t VALUES (5)").await;
    let file = "ALTER TABLE t ADD COLUMN b int";
    assert_eq!(lose(&stage, "1", file, false).await, Says::Absent);
    stage.run("INSERT INTO t VALUES (500)").await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    assert_eq!(session.settle(&job("1", &[file])).await.unwrap(), Settled::Absent);
    succeed(session.as_mut(), &job("1", &[file])).await;
    assert!(stage.has_column("t", "b").await);
});

#[test]
fn every_case_commits_by_itself() {
    for (sql, _, _) in CASES {
        let file = job("1", &[sql]);
        assert!(
            matches!(file.script.statements[0].tx, Tx::Commits(_)),
            "{sql}"
        );
    }
}
