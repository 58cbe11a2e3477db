//! Somebody else at the same table while a tool is at work, or between a crash and its settling: what is theirs is left, and what
//! they did is not taken for the tool's.

use crate::{
    handing::{Comes, Then, column, given, lose, remains},
    stage::{Stage, apply, fail, hold, succeed},
};
use greylag_core::outcome::FailureClass;
use greylag_engines::{Attempt, Job, Settled};

/// A run of the same tool by somebody else.
const THEIRS: [&str; 2] = [
    "CREATE TABLE theirs (id int PRIMARY KEY, a int)",
    "CREATE TRIGGER osc_t_ins AFTER INSERT ON t FOR EACH ROW REPLACE INTO theirs (id, a) VALUES (NEW.id, NEW.a)",
];

/// Their trigger still does what it is there for.
async fn goes_on(stage: &Stage) {
    stage.run("INSERT INTO t VALUES (77, 7)").await;
    assert_eq!(stage.count("theirs").await, "1");
}

async fn is_doubted(stage: &Stage, job: &Job) -> String {
    let mut session = stage.ready().await;
    match apply(session.as_mut(), job).await {
        Attempt::Unknown(doubt) => {
            assert!(doubt.needs_person, "{doubt:?}");
            doubt.why
        }
        other => panic!("{other:?}"),
    }
}

on_both!(triggers_of_somebody_else_are_left_where_a_tool_fails(stage, shared) {
    let (tool, job) = given(&stage, Comes::Nothing, Then::Fails).await;
    tool.meanwhile.lock().unwrap().extend(THEIRS);
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job).await;
    assert!(failure.message.contains("it ended with 3"), "{}", failure.message);
    goes_on(&stage).await;
});

on_both!(triggers_of_somebody_else_are_left_by_who_settles(stage, shared) {
    let (tool, job) = given(&stage, Comes::Nothing, Then::Hangs).await;
    lose(&stage, tool, job.clone()).await;
    for sql in THEIRS {
        stage.run(sql).await;
    }
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    goes_on(&stage).await;
});

on_both!(who_began_while_a_tool_waited_to_begin_is_in_its_way(stage, shared) {
    let (tool, job) = given(&stage, Comes::Ended, Then::Succeeds).await;
    tool.first.lock().unwrap().extend(THEIRS);
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.message.contains("`osc_t_ins`"), "{}", failure.message);
    assert!(tool.asked.lock().unwrap().is_empty());
    goes_on(&stage).await;
});

on_both!(another_table_under_the_name_of_the_old_rows_is_left_and_is_no_swap(stage, shared) {
    let (tool, job) = given(&stage, Comes::Copied, Then::Fails).await;
    tool.meanwhile.lock().unwrap().push("CREATE TABLE _t_old (id int PRIMARY KEY) COMMENT='somebody''s'");
    let mut session = stage.ready().await;
    fail(session.as_mut(), &job).await;
    assert_eq!(column(&stage).await, "int");
    assert_eq!(remains(&stage).await.as_deref(), Some("_t_old"));
});

on_both!(a_hand_that_changed_the_table_is_not_taken_for_the_tool_that_failed(stage, shared) {
    // It still has its new table; it has cleared away by itself.
    for comes in [Comes::Copied, Comes::Nothing] {
        let (tool, job) = given(&stage, comes, Then::Fails).await;
        tool.meanwhile.lock().unwrap().push("ALTER TABLE t ADD INDEX by_hand (a)");
        let why = is_doubted(&stage, &job).await;
        assert!(why.contains("`t`"), "{why}");
        assert_eq!(column(&stage).await, "int");
        stage.run("DROP TABLE t").await;
        stage.run("DELETE FROM greylag_step").await;
    }
});

on_both!(a_tool_that_says_done_and_did_nothing_is_not_believed(stage, shared) {
    let (_, job) = given(&stage, Comes::Nothing, Then::Succeeds).await;
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job).await;
    assert!(failure.message.contains("as it was"), "{}", failure.message);
    assert_eq!(column(&stage).await, "int");
    assert_eq!(stage.count("t").await, "2");
});

/// Tables are dated to the second.
async fn is_a_second_old(stage: &Stage) {
    let sql = "SELECT NOW() > CREATE_TIME + INTERVAL 1 SECOND FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't'";
    stage.until(sql, "1").await;
}

on_both!(a_rebuild_is_seen_by_the_table_s_age(stage, shared) {
    let (_, job) = given(&stage, Comes::Ended, Then::Succeeds).await;
    let rebuild = |job: Job| Job { online: job.online, ..crate::stage::job("1", &["ALTER TABLE t FORCE"]) };
    is_a_second_old(&stage).await;
    let mut session = stage.ready().await;
    succeed(session.as_mut(), &rebuild(job)).await;
    drop(session);

    stage.run("DROP TABLE t").await;
    let (_, job) = given(&stage, Comes::Nothing, Then::Succeeds).await;
    is_a_second_old(&stage).await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    let job = Job { migration: "V2".parse().unwrap(), ..rebuild(job) };
    let failure = fail(session.as_mut(), &job).await;
    assert!(failure.message.contains("as it was"), "{}", failure.message);
});

on_both!(rows_that_a_tool_spoilt_are_a_person_s_to_judge_and_the_old_ones_stay(stage, shared) {
    let (_, job) = given(&stage, Comes::Swapped, Then::Spoils).await;
    let why = is_doubted(&stage, &job).await;
    assert!(why.contains("values were cut"), "{why}");
    let left = remains(&stage).await.unwrap();
    assert!(left.contains("_t_old"), "{left}");
});

on_both!(old_rows_that_a_tool_left_by_itself_stay_and_are_told(stage, shared) {
    let (_, job) = given(&stage, Comes::Swapped, Then::Succeeds).await;
    let mut session = stage.ready().await;
    let applied = succeed(session.as_mut(), &job).await;
    let told = |text: &str| applied.warnings.iter().any(|w| w.contains(text));
    assert!(told("`_t_old`"), "{:?}", applied.warnings);
    assert_eq!(column(&stage).await, "bigint");
    assert_eq!(remains(&stage).await.as_deref(), Some("_t_old"));
});

on_both!(statements_of_others_go_on_while_a_tool_s_are_ended(stage, shared) {
    let (tool, job) = given(&stage, Comes::Copied, Then::Hangs).await;
    lose(&stage, tool, job.clone()).await;
    let Some(sister) = Stage::shared(stage.engine).await else { return };
    sister.run("CREATE TABLE _t_old (a int)").await;
    sister.run("INSERT INTO _t_old VALUES (1)").await;
    let here = [
        "SELECT SLEEP(600) AS archive_t_old",
        "SELECT SLEEP(600), '{\"keeps\":\"_t_old\"}'",
        "SELECT SLEEP(600), CONCAT('DROP TABLE ', '`_t_old`')",
    ];
    let mut running = Vec::new();
    for (at, sql) in here.into_iter().chain(["SELECT SLEEP(600), a FROM _t_old"]).enumerate() {
        let mut other = if at < here.len() { stage.open_plain().await } else { sister.open_plain().await };
        let id = other.id();
        let task = tokio::spawn(async move { other.try_run(sql).await });
        stage.until(&format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {id} AND INFO LIKE 'SELECT SLEEP%'"), "1").await;
        running.push((id, task, sql));
    }
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    for (id, task, sql) in running {
        assert!(!task.is_finished(), "{sql} was ended");
        let there = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {id}");
        assert_eq!(stage.value(&there).await.as_deref(), Some("1"), "{sql} was ended");
        stage.run(&format!("KILL {id}")).await;
        task.await.unwrap().unwrap_err();
    }
});
