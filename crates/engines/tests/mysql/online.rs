//! Which way a change takes, and what is refused: the server's own answers, by statement.

use crate::stage::{Stage, fail, hold, job, succeed};
use greylag_core::{
    engine::Engine,
    online::{Asked, OnlineDdl, Way},
    outcome::{Failure, FailureClass, Left},
};
use greylag_engines::{Attempt, Job, Note, Online, Session};
use std::sync::Mutex;

/// What the project allows by itself.
fn usual() -> Online {
    Online {
        ddl: OnlineDdl::Inplace,
        ..Online::default()
    }
}

fn with(online: &Online, version: &str, statements: &[&str]) -> Job {
    Job {
        online: online.clone(),
        ..job(version, statements)
    }
}

/// Applies a job, and tells the ways its statements took.
async fn ways(session: &mut dyn Session, job: &Job) -> Result<Vec<(Way, Vec<String>)>, Failure> {
    let told = Mutex::new(Vec::new());
    let progress = |note: Note| {
        if let Note::Online { way, not, .. } = note {
            told.lock().unwrap().push((way, not));
        }
    };
    match session.apply(std::slice::from_ref(job), &progress).await {
        Attempt::Applied(_) => Ok(told.into_inner().unwrap()),
        Attempt::Failed(failure) => Err(failure),
        Attempt::Unknown(doubt) => panic!("{doubt:?}"),
    }
}

async fn rows(stage: &Stage, table: &str) {
    stage
        .run(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY AUTO_INCREMENT, a int, b varchar(20)) ENGINE=InnoDB"
        ))
        .await;
    stage
        .run(&format!(
            "INSERT INTO {table} (a, b) VALUES (1, 'x'), (2, 'y'), (3, 'z')"
        ))
        .await;
}

on_both!(each_change_takes_the_lightest_way_that_the_server_has(stage, shared) {
    rows(&stage, "t").await;
    rows(&stage, "p").await;
    stage.run("ALTER TABLE p PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200))").await;
    let in_place = match stage.engine {
        Engine::Mysql => Way::Inplace,
        _ => Way::Nocopy,
    };
    let metadata = match stage.engine {
        Engine::Mysql => Way::Inplace,
        _ => Way::Instant,
    };
    let mut session = stage.ready().await;
    let cases = [
        ("ALTER TABLE t ADD COLUMN c int", Way::Instant),
        ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 7, RENAME COLUMN b TO d", Way::Instant),
        ("ALTER TABLE t ADD INDEX by_a (a)", in_place.clone()),
        ("CREATE UNIQUE INDEX by_c_id ON t (c, id) -- a comment behind it", in_place.clone()),
        ("DROP INDEX by_a ON t", in_place.clone()),
        ("ALTER TABLE t ENGINE=InnoDB", Way::Inplace),
        ("ALTER TABLE t RENAME TO u", Way::Instant),
        ("ALTER TABLE u COMMENT 'renamed'", metadata),
        ("ALTER TABLE u ADD COLUMN e int, ALGORITHM=COPY", Way::Written),
        ("ALTER TABLE p ADD PARTITION (PARTITION p2 VALUES LESS THAN (300))", Way::Written),
        ("ALTER TABLE p DROP PARTITION p2", Way::Written),
    ];
    for (number, (sql, way)) in cases.into_iter().enumerate() {
        let job = with(&usual(), &(number + 1).to_string(), &[sql]);
        let took = ways(session.as_mut(), &job).await.unwrap_or_else(|f| panic!("{sql}: {f:?}"));
        assert_eq!(took.len(), 1, "{sql}: {took:?}");
        assert_eq!(took[0].0, way, "{sql}: {took:?}");
    }
});

on_both!(a_copy_that_nobody_allowed_is_refused_with_ways_on(stage, shared) {
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let sql = "ALTER TABLE t\n  MODIFY a varchar(9)";
    let refused = with(&usual(), "1", &["CREATE TABLE before_it (a int)", sql]);
    let failure = ways(session.as_mut(), &refused).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
    let place = failure.place.as_ref().unwrap();
    assert_eq!((place.statement, place.line), (2, 3), "{place:?}");
    for word in ["`t`", "ALGORITHM=INSTANT", "ALGORITHM=INPLACE", "writes wait"] {
        assert!(failure.message.contains(word), "{word}: {}", failure.message);
    }
    let hint = failure.hint.clone().unwrap();
    assert!(hint.contains("-- greylag:online pt-online-schema-change"), "{hint}");
    let kept = stage.value("SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't' AND COLUMN_NAME = 'a'").await;
    assert_eq!(kept.as_deref(), Some("int"));

    // A person allows it: the same file, resumed behind what stands.
    let allowed = Online { may_copy: true, ..usual() };
    let mut again = refused.clone();
    again.online = allowed;
    let took = ways(session.as_mut(), &again).await.unwrap();
    assert_eq!(took.last().unwrap().0, Way::Copy, "{took:?}");
    assert_eq!(took.last().unwrap().1.len(), if stage.engine == Engine::Mysql { 3 } else { 4 });
});

on_both!(a_table_without_rows_or_small_enough_may_be_copied(stage, shared) {
    stage.run("CREATE TABLE bare (id int PRIMARY KEY, a int)").await;
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let job = with(&usual(), "1", &["ALTER TABLE bare MODIFY a varchar(9)"]);
    assert_eq!(ways(session.as_mut(), &job).await.unwrap()[0].0, Way::Copy);
    let small = Online { copy_up_to: 1 << 20, ..usual() };
    let job = with(&small, "2", &["ALTER TABLE t MODIFY a varchar(9)"]);
    assert_eq!(ways(session.as_mut(), &job).await.unwrap()[0].0, Way::Copy);
});

on_both!(what_replicas_would_repeat_goes_in_place_up_to_a_size_alone(stage, shared) {
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let limited = Online { inplace_up_to: Some(1), names_replicas: true, ..usual() };
    let sql = "ALTER TABLE t ADD INDEX by_a (a)";
    let failure = ways(session.as_mut(), &with(&limited, "1", &[sql])).await.unwrap_err();
    assert!(failure.message.contains("inplace-up-to"), "{}", failure.message);
    let told = Online { asked: Asked::Inplace, ..limited.clone() };
    ways(session.as_mut(), &with(&told, "1", &[sql])).await.unwrap();
    // What touches metadata alone costs replicas nothing, whatever the server calls it.
    ways(session.as_mut(), &with(&limited, "2", &["ALTER TABLE t DROP INDEX by_a"])).await.unwrap();
});

on_both!(a_limit_for_replicas_holds_where_the_project_names_none_and_the_server_has_some(stage, private) {
    rows(&stage, "t").await;
    let limited = Online { inplace_up_to: Some(1), ..usual() };
    let mut session = stage.ready().await;
    // Nobody reads the binary log.
    ways(session.as_mut(), &with(&limited, "1", &["ALTER TABLE t ADD INDEX by_a (a)"])).await.unwrap();
    let replica = stage.server.replica("follower", greylag_lab::Options::default()).await.unwrap();
    stage.until("SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'", "1").await;
    let sql = "ALTER TABLE t ADD INDEX by_b (b)";
    let failure = ways(session.as_mut(), &with(&limited, "2", &[sql])).await.unwrap_err();
    assert!(failure.message.contains("1 reader of its binary log, which the project does not name"), "{}", failure.message);
    drop((replica, session));
    // Who may not see takes it for followed.
    stage.run("REVOKE PROCESS ON *.* FROM greylag@'%'").await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    let failure = ways(session.as_mut(), &with(&limited, "2", &[sql])).await.unwrap_err();
    assert!(failure.message.contains("GRANT PROCESS"), "{}", failure.message);
});

on_both!(where_instant_alone_is_allowed_no_index_is_built(stage, shared) {
    rows(&stage, "t").await;
    stage.run("CREATE INDEX by_b ON t (b)").await;
    let mut session = stage.ready().await;
    let instant = Online { ddl: OnlineDdl::Instant, ..usual() };
    ways(session.as_mut(), &with(&instant, "1", &["ALTER TABLE t ADD COLUMN c int"])).await.unwrap();
    ways(session.as_mut(), &with(&instant, "2", &["DROP INDEX by_b ON t"])).await.unwrap();
    let failure = ways(session.as_mut(), &with(&instant, "3", &["CREATE INDEX i ON t (a)"])).await.unwrap_err();
    assert!(failure.message.contains("[online] ddl"), "{}", failure.message);
});

on_both!(the_author_s_own_lock_is_kept_and_never_doubled(stage, shared) {
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let job = with(&usual(), "1", &["ALTER TABLE t ADD INDEX i (a), LOCK=SHARED"]);
    ways(session.as_mut(), &job).await.unwrap();
    let job = with(&usual(), "2", &["ALTER TABLE t MODIFY a varchar(9), LOCK=SHARED"]);
    ways(session.as_mut(), &job).await.unwrap_err();
});

on_both!(temporary_tables_and_executable_comments_are_left_alone(stage, shared) {
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let job = with(&usual(), "1", &[
        "CREATE TEMPORARY TABLE t (id int PRIMARY KEY, a int)",
        "INSERT INTO t VALUES (1, 1)",
        "ALTER TABLE t MODIFY a varchar(9)",
        "DROP TEMPORARY TABLE t",
    ]);
    ways(session.as_mut(), &job).await.unwrap();
    // As a dump has it: whoever executes it changes no row.
    let job = with(&usual(), "2", &[
        "/*!40000 ALTER TABLE t DISABLE KEYS */",
        "/*!40000 ALTER TABLE t ENABLE KEYS */",
    ]);
    ways(session.as_mut(), &job).await.unwrap();
});

on_both!(what_can_t_be_told_a_way_is_never_left_to_the_server_by_itself(stage, shared) {
    rows(&stage, "t").await;
    stage.run("CREATE TABLE bare (a int)").await;
    let mut session = stage.ready().await;
    let sql = |table: &str| format!("ALTER TABLE {table} MODIFY a /*!40000 varchar(9) */");
    let (hidden, of_empty) = (sql("t"), sql("bare"));
    let by_copy = "ALTER TABLE t MODIFY a varchar(9) /*!40000 , ALGORITHM=COPY */";
    let whole = "/*!40000 ALTER TABLE t MODIFY a varchar(9) */";
    let nameless = "ALTER TABLE /*!40000 t MODIFY a varchar(9), */ bare FORCE";
    let mut refused = vec![hidden.as_str(), by_copy, whole, nameless];
    if stage.engine == Engine::Mariadb {
        refused.push("SET STATEMENT lock_wait_timeout=5 FOR ALTER TABLE t MODIFY a varchar(9)");
        refused.push("CREATE INDEX i WAIT 5 ON t (a)");
    }
    for (number, sql) in refused.into_iter().enumerate() {
        let job = with(&usual(), &format!("{}", number + 1), &[sql]);
        let told = ways(session.as_mut(), &job).await;
        let failure = told.expect_err(sql);
        assert_eq!(failure.class, FailureClass::Refused, "{sql}: {failure:?}");
        let hint = failure.hint.unwrap_or_default();
        assert!(hint.contains("ALGORITHM") && hint.contains("greylag:online off"), "{hint}");
    }
    let kind = "SELECT DATA_TYPE FROM information_schema.columns \
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't' AND COLUMN_NAME = 'a'";
    assert_eq!(stage.value(kind).await.as_deref(), Some("int"));
    // An empty table, a small one, a reason, an algorithm, and `off` let it through.
    let small = Online { copy_up_to: 1 << 30, ..usual() };
    let allowed = Online { may_copy: true, ..usual() };
    let off = Online { asked: Asked::Off, ..usual() };
    let own = "ALTER TABLE t MODIFY a /*!40000 varchar(9) */, ALGORITHM=COPY";
    stage.run("ANALYZE TABLE t").await;
    for (version, online, sql) in [
        ("11", &usual(), of_empty.as_str()),
        ("12", &small, hidden.as_str()),
        ("13", &allowed, hidden.as_str()),
        ("14", &off, hidden.as_str()),
        ("15", &usual(), own),
    ] {
        let told = ways(session.as_mut(), &with(online, version, &[sql])).await;
        assert!(told.is_ok(), "{version} {sql}: {told:?}");
    }
});

on_both!(a_rebuild_behind_a_comment_of_the_table_is_no_metadata(stage, shared) {
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let limited = Online { inplace_up_to: Some(1), names_replicas: true, ..usual() };
    let instant = Online { ddl: OnlineDdl::Instant, ..usual() };
    for (version, online) in [("1", &limited), ("2", &instant)] {
        let job = with(online, version, &["ALTER TABLE t COMMENT='x' ENGINE=InnoDB"]);
        let failure = ways(session.as_mut(), &job).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
    }
    ways(session.as_mut(), &with(&limited, "3", &["ALTER TABLE t COMMENT='x'"])).await.unwrap();
});

on_both!(partitions_by_hash_are_not_added_as_if_no_row_moved(stage, shared) {
    rows(&stage, "t").await;
    stage.run("ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 2").await;
    let mut session = stage.ready().await;
    let limited = Online { inplace_up_to: Some(1), names_replicas: true, ..usual() };
    let sql = "ALTER TABLE t ADD PARTITION (PARTITION px)";
    let failure = ways(session.as_mut(), &with(&limited, "1", &[sql])).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
});

on_both!(what_can_t_be_read_is_told_or_refused_where_the_file_asks_for_a_way(stage, shared) {
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let sql = "ALTER TABLE t MODIFY a /*!40000 varchar(9) */";
    for (version, asked) in [("1", Asked::Instant), ("2", Asked::Inplace), ("3", Asked::Tool("shift".into()))] {
        let online = Online { asked, ..usual() };
        let failure = ways(session.as_mut(), &with(&online, version, &[sql])).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
        assert!(failure.message.contains("/*!"), "{}", failure.message);
    }
    let allowed = Online { may_copy: true, ..usual() };
    let took = ways(session.as_mut(), &with(&allowed, "4", &[sql])).await.unwrap();
    assert_eq!(took, [(Way::Written, Vec::new())]);
    // What is no change of a table has nothing to be told of, and is not refused.
    let online = Online { asked: Asked::Instant, ..usual() };
    let sql = "CREATE TABLE made (a int) /*!50100 PARTITION BY HASH (a) PARTITIONS 2 */";
    let took = ways(session.as_mut(), &with(&online, "5", &[sql])).await.unwrap();
    assert!(took.is_empty(), "{took:?}");
});

on_both!(a_table_that_is_not_there_fails_as_ever(stage, shared) {
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &with(&usual(), "1", &["ALTER TABLE nope ADD c int"])).await;
    assert_eq!(failure.code.as_deref(), Some("1146"), "{failure:?}");
});

/// MySQL counts instant changes of columns; when it has counted enough, the next one goes another way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_changed_instantly_too_often_goes_in_place() {
    let Some(stage) = Stage::shared(Engine::Mysql).await else {
        return;
    };
    rows(&stage, "t").await;
    let mut full = false;
    for number in 0..300 {
        let sql = format!("ALTER TABLE t ADD COLUMN c{number} tinyint, ALGORITHM=INSTANT");
        if let Err(error) = stage.server.execute(&stage.database.name, &sql).await {
            let said = format!("{error:?}");
            assert!(said.contains("4092"), "{said}");
            full = true;
            break;
        }
    }
    assert!(full, "no limit was met");
    let mut session = stage.ready().await;
    let job = with(&usual(), "1", &["ALTER TABLE t ADD COLUMN last_one int"]);
    let took = ways(session.as_mut(), &job).await.unwrap();
    assert_eq!(took[0].0, Way::Inplace, "{took:?}");
    assert!(took[0].1[0].contains("ALGORITHM=INSTANT"), "{took:?}");
}

on_both!(what_runs_is_remembered_as_the_author_wrote_it(stage, shared) {
    rows(&stage, "t").await;
    let mut session = stage.ready().await;
    let job = with(&usual(), "1", &["ALTER TABLE t ADD COLUMN c int", "INSERT INTO t (a) VALUES (9)"]);
    succeed(session.as_mut(), &job).await;
    let hashes = stage.value("SELECT hashes FROM greylag_step WHERE migration = 'V1'").await.unwrap();
    for hash in greylag_engines::step::hash_all(&job.script) {
        assert!(hashes.contains(&hash), "{hashes}");
    }
    drop(session);
    hold(stage.open().await.as_mut()).await;
});
