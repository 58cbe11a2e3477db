//! A change handed to a tool: what stands whatever becomes of the tool, and that nothing of it is left. The tools here are made
//! of the statements that real ones send; the real ones are run by the orchestrator's tests.

use crate::stage::{Stage, hold, job};
use async_trait::async_trait;
use greylag_core::{
    online::{Asked, OnlineDdl, ToolRule, Way},
    outcome::FailureClass,
};
use greylag_engines::{Attempt, Job, Note, Online, OnlineTool, Say, Settled, TableChange, ToolEnd};
use greylag_lab::Server;
use std::sync::{Arc, Mutex};

/// How far the tool comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// It makes nothing.
    Nothing,
    /// New table and trigger.
    Copied,
    /// … and a table of its own that keeps the name of the old rows free, as gh-ost has it before its swap.
    Kept,
    /// The old table is dropped, and the new one has not got its name.
    Dropped,
    /// The tables have changed places; the old rows are still there.
    Swapped,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Succeeds,
    Fails,
    /// With values cut, which it tells.
    Spoils,
    /// Never comes back.
    Hangs,
}

pub struct Tool {
    server: Arc<Server>,
    database: String,
    rule: ToolRule,
    comes: Comes,
    then: Then,
    /// What somebody else does before it begins, and while it is at work.
    pub first: Mutex<Vec<&'static str>>,
    pub meanwhile: Mutex<Vec<&'static str>>,
    pub asked: Mutex<Vec<TableChange>>,
    reached: tokio::sync::Notify,
}

impl Tool {
    async fn others(&self, statements: &Mutex<Vec<&'static str>>) {
        let statements = statements.lock().unwrap().clone();
        for sql in statements {
            self.server.execute(&self.database, sql).await.unwrap();
        }
    }
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tool")
    }
}

#[async_trait]
impl OnlineTool for Tool {
    fn name(&self) -> &str {
        "stand-in"
    }

    fn rule(&self) -> &ToolRule {
        &self.rule
    }

    fn keeps_old_rows(&self) -> Option<bool> {
        self.rule.keep_old_rows
    }

    async fn may_begin(&self) -> bool {
        self.others(&self.first).await;
        true
    }

    async fn change(&self, change: &TableChange, say: Say<'_>) -> ToolEnd {
        self.asked.lock().unwrap().push(change.clone());
        say("at work".to_owned());
        if self.comes != Comes::Nothing {
            self.work(change).await;
        }
        self.others(&self.meanwhile).await;
        self.reached.notify_one();
        match self.then {
            Then::Succeeds => ToolEnd::Done,
            Then::Fails => ToolEnd::Failed {
                class: FailureClass::Other,
                why: "it ended with 3".into(),
                hint: None,
            },
            Then::Spoils => ToolEnd::Failed {
                class: FailureClass::Data,
                why: "values were cut".into(),
                hint: None,
            },
            Then::Hangs => std::future::pending().await,
        }
    }
}

impl Tool {
    async fn work(&self, change: &TableChange) {
        let (table, new) = (&change.table, change.new_table.clone().unwrap());
        let run = async |sql: String| self.server.execute(&change.schema, &sql).await.unwrap();
        run(format!("CREATE TABLE `{new}` LIKE `{table}`")).await;
        run(format!("ALTER TABLE `{new}` {}", change.alter)).await;
        run(format!(
            "CREATE TRIGGER osc_{table}_ins AFTER INSERT ON `{table}` FOR EACH ROW REPLACE INTO `{new}` (id, a) VALUES (NEW.id, NEW.a)"
        ))
        .await;
        run(format!(
            "INSERT IGNORE INTO `{new}` SELECT * FROM `{table}`"
        ))
        .await;
        if self.comes == Comes::Kept {
            let mark = &change.mark;
            run(format!(
                "CREATE TABLE `_{table}_{mark}_old` (id int PRIMARY KEY)"
            ))
            .await;
        }
        if self.comes == Comes::Dropped {
            run(format!("DROP TABLE `{table}`")).await;
        }
        if matches!(self.comes, Comes::Swapped | Comes::Ended) {
            run(format!(
                "RENAME TABLE `{table}` TO `_{table}_old`, `{new}` TO `{table}`"
            ))
            .await;
        }
        if self.comes == Comes::Ended {
            run(format!("DROP TABLE `_{table}_old`")).await;
        }
    }
}

pub async fn given(stage: &Stage, comes: Comes, then: Then) -> (Arc<Tool>, Job) {
    stage
        .run("CREATE TABLE t (id int PRIMARY KEY, a int)")
        .await;
    stage.run("INSERT INTO t VALUES (1, 1), (2, 2)").await;
    let tool = Arc::new(Tool {
        server: stage.server.clone(),
        database: stage.database.name.clone(),
        rule: ToolRule {
            makes: vec!["_{table}_{mark}".into()],
            keeps: Some(match comes {
                Comes::Kept => "_{table}_{mark}_old".into(),
                _ => "_{table}_old".into(),
            }),
            triggers: vec!["osc_{table}_ins".into()],
            ..ToolRule::default()
        },
        comes,
        then,
        first: Mutex::default(),
        meanwhile: Mutex::default(),
        asked: Mutex::default(),
        reached: tokio::sync::Notify::new(),
    });
    let online = Online {
        asked: Asked::Tool("stand-in".into()),
        ddl: OnlineDdl::Inplace,
        tool: Some(tool.clone()),
        ..Online::default()
    };
    let job = Job {
        online,
        ..job(
            "1",
            &[
                "ALTER TABLE t MODIFY a bigint",
                "INSERT INTO t VALUES (3, 3000000000)",
            ],
        )
    };
    (tool, job)
}

/// Tables and triggers that are not the migration's own.
pub async fn remains(stage: &Stage) -> Option<String> {
    stage
        .value(
            "SELECT GROUP_CONCAT(name) FROM (\
             SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_t\\_%' \
             UNION SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()) found",
        )
        .await
}

pub async fn column(stage: &Stage) -> String {
    stage
        .value("SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't' AND COLUMN_NAME = 'a'")
        .await
        .unwrap()
}

on_both!(a_tool_does_it_and_nothing_of_it_is_left(stage, shared) {
    let (tool, job) = given(&stage, Comes::Ended, Then::Succeeds).await;
    let mut session = stage.ready().await;
    let notes = Mutex::new(Vec::new());
    let progress = |note: Note| notes.lock().unwrap().push(note);
    let attempt = session.apply(std::slice::from_ref(&job), &progress).await;
    assert!(matches!(attempt, Attempt::Applied(_)), "{attempt:?}");
    assert_eq!(column(&stage).await, "bigint");
    assert_eq!(stage.count("t").await, "3");
    assert_eq!(remains(&stage).await, None);
    let asked = tool.asked.lock().unwrap();
    assert_eq!(asked[0].alter, "MODIFY a bigint");
    assert_eq!(asked[0].access.password.as_ref().unwrap().expose(), "greylag");
    let notes = notes.lock().unwrap();
    assert!(notes.iter().any(|n| matches!(n, Note::Online { way: Way::Tool(name), .. } if name == "stand-in")), "{notes:?}");
    assert!(notes.iter().any(|n| matches!(n, Note::Tool { line, .. } if line == "at work")), "{notes:?}");
});

on_both!(a_tool_that_fails_leaves_nothing_and_the_next_try_begins_anew(stage, shared) {
    let (_, job) = given(&stage, Comes::Copied, Then::Fails).await;
    let mut session = stage.ready().await;
    let failure = crate::stage::fail(session.as_mut(), &job).await;
    assert!(failure.message.contains("stand-in: it ended with 3"), "{}", failure.message);
    assert_eq!(failure.place.unwrap().statement, 1);
    assert_eq!(column(&stage).await, "int");
    assert_eq!(remains(&stage).await, None);
    // Writes to the table go on: no trigger points into the void.
    stage.run("INSERT INTO t VALUES (9, 9)").await;
});

on_both!(a_tool_that_fails_behind_its_swap_has_changed_the_table(stage, shared) {
    let (_, job) = given(&stage, Comes::Swapped, Then::Fails).await;
    let mut session = stage.ready().await;
    let applied = crate::stage::succeed(session.as_mut(), &job).await;
    assert!(applied.warnings.iter().any(|text| text.contains("it ended with 3")), "{:?}", applied.warnings);
    assert_eq!(column(&stage).await, "bigint");
    assert_eq!(stage.count("t").await, "3");
    assert_eq!(remains(&stage).await, None);
});

on_both!(what_stands_in_a_tool_s_way_is_named_and_left(stage, shared) {
    let (tool, job) = given(&stage, Comes::Ended, Then::Succeeds).await;
    stage.run("CREATE TABLE _t_old (a int)").await;
    let mut session = stage.ready().await;
    let failure = crate::stage::fail(session.as_mut(), &job).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.message.contains("`_t_old`"), "{}", failure.message);
    assert!(tool.asked.lock().unwrap().is_empty());
    assert_eq!(remains(&stage).await.as_deref(), Some("_t_old"));
});

/// The session that ran the tool is gone, and its word with it.
pub async fn lose(stage: &Stage, tool: Arc<Tool>, job: Job) {
    let mut session = stage.ready().await;
    let lost = tokio::spawn(async move {
        let progress = |_: Note| {};
        session.apply(std::slice::from_ref(&job), &progress).await
    });
    tool.reached.notified().await;
    lost.abort();
    assert!(lost.await.unwrap_err().is_cancelled());
}

on_both!(a_run_that_died_during_the_copy_is_cleared_away_and_begins_anew(stage, shared) {
    let (tool, job) = given(&stage, Comes::Copied, Then::Hangs).await;
    lose(&stage, tool, job.clone()).await;
    assert!(remains(&stage).await.is_some());
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    let notes = session.take_notes();
    assert!(notes.len() == 1 && notes[0].contains("had not changed the table") && notes[0].contains("dropped the trigger"), "{notes:?}");
    assert_eq!(remains(&stage).await, None);
    assert_eq!(column(&stage).await, "int");
});

on_both!(a_run_that_died_behind_the_swap_is_done_with_its_statement(stage, shared) {
    let (tool, job) = given(&stage, Comes::Swapped, Then::Hangs).await;
    lose(&stage, tool.clone(), job.clone()).await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    let notes = session.take_notes();
    assert!(notes[0].contains("had changed the table") && notes[0].contains("dropped the table `_t_old`"), "{notes:?}");
    assert_eq!(remains(&stage).await, None);
    // What is left of the file is run, and the tool is not asked again.
    crate::stage::succeed(session.as_mut(), &job).await;
    assert_eq!(tool.asked.lock().unwrap().len(), 1);
    assert_eq!(stage.count("t").await, "3");
});

on_both!(a_statement_that_outlived_its_tool_is_ended_before_anything_is_judged(stage, shared) {
    let (tool, job) = given(&stage, Comes::Copied, Then::Hangs).await;
    lose(&stage, tool.clone(), job.clone()).await;
    let new = tool.asked.lock().unwrap()[0].new_table.clone().unwrap();
    // A reader keeps the swap of a tool that died from taking place.
    let mut reader = stage.open_plain().await;
    reader.begin_reading("t").await;
    let mut orphan = stage.open_plain().await;
    let id = orphan.id();
    let swap = tokio::spawn(async move {
        let sql = format!("RENAME TABLE t TO _t_old, `{new}` TO t");
        orphan.try_run(&sql).await
    });
    stage.until(&format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {id} AND INFO LIKE 'RENAME%'"), "1").await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    // The trigger can't be dropped while somebody reads: that is a lock to wait for, and nothing is judged on half a look.
    let settled = session.settle(&job).await;
    reader.end().await;
    let settled = match settled {
        Ok(settled) => settled,
        Err(_) => session.settle(&job).await.unwrap(),
    };
    assert_eq!(settled, Settled::Absent);
    assert!(swap.await.unwrap().is_err(), "the orphan's swap took place");
    assert_eq!(column(&stage).await, "int");
    assert_eq!(remains(&stage).await, None);
});

on_both!(a_table_that_keeps_a_name_free_is_not_taken_for_the_old_rows(stage, shared) {
    let (tool, job) = given(&stage, Comes::Kept, Then::Fails).await;
    let mut session = stage.ready().await;
    let failure = crate::stage::fail(session.as_mut(), &job).await;
    assert!(failure.message.contains("stand-in: it ended with 3"), "{}", failure.message);
    assert_eq!(column(&stage).await, "int");
    assert_eq!(remains(&stage).await, None);
    drop((session, tool));

    // Nor by a run that finds what another one left.
    stage.run("DROP TABLE t").await;
    stage.run("DELETE FROM greylag_step").await;
    let (tool, job) = given(&stage, Comes::Kept, Then::Hangs).await;
    lose(&stage, tool, job.clone()).await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    assert!(session.take_notes()[0].contains("had not changed the table"));
    assert_eq!(column(&stage).await, "int");
    assert_eq!(remains(&stage).await, None);
});

on_both!(a_tool_s_word_that_it_is_done_is_held_against_the_table(stage, shared) {
    let (_, job) = given(&stage, Comes::Copied, Then::Succeeds).await;
    let mut session = stage.ready().await;
    let failure = crate::stage::fail(session.as_mut(), &job).await;
    assert!(failure.message.contains("stand-in says that it is done, and `t` is as it was"), "{}", failure.message);
    assert_eq!(remains(&stage).await, None);
});

on_both!(a_run_that_died_between_drop_and_rename_is_left_to_a_person_with_what_to_run(stage, shared) {
    let (tool, job) = given(&stage, Comes::Dropped, Then::Hangs).await;
    lose(&stage, tool.clone(), job.clone()).await;
    let new = tool.asked.lock().unwrap()[0].new_table.clone().unwrap();
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    for _ in 0..2 {
        let Settled::Unknown(doubt) = session.settle(&job).await.unwrap() else {
            panic!("it is no doubt");
        };
        assert!(doubt.needs_person);
        let sql = format!("RENAME TABLE `{0}`.`{new}` TO `{0}`.`t`;", stage.database.name);
        assert!(doubt.why.contains(&sql), "{}", doubt.why);
    }
    assert_eq!(remains(&stage).await.as_deref(), Some(new.as_str()));
    stage.run(&format!("RENAME TABLE `{new}` TO t")).await;
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Absent);
    let notes = session.take_notes();
    assert!(notes.last().unwrap().contains("had changed the table"), "{notes:?}");
    crate::stage::succeed(session.as_mut(), &job).await;
    assert_eq!(tool.asked.lock().unwrap().len(), 1);
    assert_eq!(stage.count("t").await, "3");
});

on_both!(a_working_connection_that_gives_no_answer_is_given_up_though_a_tool_is_at_work(stage, shared) {
    let (tool, job) = given(&stage, Comes::Copied, Then::Hangs).await;
    drop(stage.ready().await);
    let proxy = greylag_lab::Proxy::start(stage.server.port()).await.unwrap();
    let url = stage.server.url_through(proxy.port(), "greylag", &stage.database.name);
    let mut session = greylag_engines::open(&stage.target_at(&url)).await.unwrap();
    hold(session.as_mut()).await;
    let running = tokio::spawn(async move { crate::stage::apply(session.as_mut(), &job).await });
    tool.reached.notified().await;
    proxy.stall(true);
    let attempt = tokio::time::timeout(greylag_lab::patience(), running).await.expect("it waits for ever").unwrap();
    let Attempt::Unknown(doubt) = attempt else { panic!("{attempt:?}") };
    assert!(!doubt.needs_person && doubt.why.contains("no answer"), "{doubt:?}");
});
