//! What a look at a shard sees, and what it leaves alone.

use crate::{bench::*, child};
use greylag_core::{
    history::HistoryRow,
    survey::{Role, ShardIdentity, Survey},
};
use greylag_engines::{EngineError, HistoryChange, Level, OpenError, Session, Target};
use std::{error::Error, sync::Arc};

async fn open(target: &Target) -> Box<dyn Session> {
    greylag_engines::open(target).await.unwrap()
}

async fn survey(bench: &Bench, name: &str) -> Survey {
    open(&bench.target(name)).await.survey().await.unwrap()
}

/// An error with all that stands behind it, as a person would read it.
async fn refused(target: &Target) -> String {
    let Err(error) = greylag_engines::open(target).await else {
        panic!("it was opened");
    };
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[tokio::test]
async fn an_empty_file_is_empty_and_a_survey_changes_nothing() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let seen = survey(&bench, "a.db").await;
    assert!(seen.empty && !seen.has_history && seen.identity.is_none());
    assert_eq!(seen.role, Role::Primary);
    assert_eq!(bench.path("a.db").metadata().unwrap().len(), 0);
    assert!(!bench.path("a.db.greylag-lock").exists());
}

#[tokio::test]
async fn somebodys_table_makes_a_shard_not_empty_and_ours_do_not() {
    let bench = Bench::new();
    bench.shard(
        "a.db",
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)",
    );
    assert!(!survey(&bench, "a.db").await.empty);
    bench.shard("v.db", "CREATE VIEW v AS SELECT 1");
    assert!(!survey(&bench, "v.db").await.empty);
    bench.shard("f.db", "CREATE TABLE flyway_schema_history (x)");
    assert!(!survey(&bench, "f.db").await.empty);
    bench.shard("b.db", "");
    bench.ready("b.db").await.close().await;
    let seen = survey(&bench, "b.db").await;
    assert!(seen.empty && seen.has_history);
}

#[tokio::test]
async fn the_identity_is_written_once_and_found_by_another_project_too() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let mut other = claim();
    other.identity.uuid = uuid::Uuid::from_u128(8);
    session.prepare(&other).await.unwrap();
    let seen = session.survey().await.unwrap();
    assert_eq!(seen.identity, Some(claim().identity));
    let mut target = bench.target("a.db");
    target.project = "billing".into();
    let seen = open(&target).await.survey().await.unwrap();
    assert_eq!(seen.identity, Some(claim().identity));
}

#[tokio::test]
async fn preparing_twice_writes_once() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let version = bench.count("a.db", "PRAGMA schema_version");
    session.prepare(&claim()).await.unwrap();
    assert_eq!(bench.count("a.db", "PRAGMA schema_version"), version);
}

#[tokio::test]
async fn flyways_own_table_is_flyways_to_the_letter() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut target = bench.target("a.db");
    target.history_table = "flyway_schema_history".into();
    let mut session = open(&target).await;
    session.try_lock().await.unwrap();
    session.prepare(&claim()).await.unwrap();
    let columns = "SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk, ', ') FROM pragma_table_info('flyway_schema_history')";
    let columns: String = bench
        .raw("a.db")
        .query_row(columns, [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        columns,
        "installed_rank INT 1 1, version VARCHAR(50) 0 0, description VARCHAR(200) 1 0, type VARCHAR(20) 1 0, \
         script VARCHAR(1000) 1 0, checksum INT 0 0, installed_by VARCHAR(100) 1 0, installed_on TEXT 1 0, \
         execution_time INT 1 0, success BOOLEAN 1 0"
    );
    assert_eq!(
        bench.count(
            "a.db",
            "SELECT count(*) FROM sqlite_schema WHERE name = 'flyway_schema_history_s_idx'"
        ),
        1
    );
}

#[tokio::test]
async fn two_names_of_one_file_are_one_database() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    std::fs::copy(bench.path("a.db"), bench.path("copy.db")).unwrap();
    std::os::unix::fs::symlink(bench.path("a.db"), bench.path("soft.db")).unwrap();
    let of = async |name: &str| {
        let server = survey(&bench, name).await.server;
        (server.lineage, server.database)
    };
    assert_eq!(of("a.db").await, of("soft.db").await);
    assert_ne!(of("a.db").await, of("copy.db").await);
    std::fs::hard_link(bench.path("a.db"), bench.path("hard.db")).unwrap();
    assert_eq!(of("a.db").await, of("hard.db").await);
    let found = open(&bench.target("a.db")).await.diagnose().await.unwrap();
    assert!(
        found
            .iter()
            .any(|line| line.level == Level::Warning && line.what.contains("2 names"))
    );
}

#[tokio::test]
async fn a_file_opened_read_only_is_no_primary() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let url = format!("sqlite:{}?mode=ro", bench.path("a.db").display());
    let mut session = open(&bench.target_at(&url)).await;
    assert_eq!(session.survey().await.unwrap().role, Role::ReadOnly);
    let found = session.diagnose().await.unwrap();
    assert!(
        found
            .iter()
            .any(|line| line.level == Level::Problem && line.what.contains("mode=ro"))
    );
}

#[tokio::test]
async fn a_user_who_may_not_write_sees_a_read_only_shard_and_is_told_why() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    if bench.path("a.db").metadata().unwrap().uid() != 0 {
        eprintln!("SKIPPED: only root can play another user");
        return;
    }
    let folder = bench.path("a.db").parent().unwrap().to_owned();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(bench.path("a.db"), PermissionsExt::from_mode(0o666)).unwrap();
    let path = bench.path("a.db").display().to_string();
    let nobody = 65534;
    let mut player = child::Player::start_as(LOOKS, &path, Some(nobody));
    assert_eq!(player.hear("role "), "ReadOnly");
    let told = player.hear("lock ");
    assert!(told.contains("must be writable"), "{told}");
    player.wait();
    std::fs::set_permissions(bench.path("a.db"), PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    let mut player = child::Player::start_as(LOOKS, &path, Some(nobody));
    assert_eq!(player.hear("role "), "ReadOnly");
    player.wait();
}

const LOOKS: &str = "surveyed::part_of_a_user_who_looks";

#[tokio::test]
async fn part_of_a_user_who_looks() {
    let Some(path) = child::cue(LOOKS) else {
        return;
    };
    let bench = Bench::new();
    let mut session = open(&bench.target_at(&format!("sqlite:{path}"))).await;
    child::say(&format!("role {:?}", session.survey().await.unwrap().role));
    let told = match session.try_lock().await {
        Ok(attempt) => format!("{attempt:?}"),
        Err(EngineError::Server { message, hint, .. }) => format!("{message} {hint:?}"),
        Err(other) => other.to_string(),
    };
    child::say(&format!("lock {told}"));
}

#[tokio::test]
async fn what_is_no_shard_is_refused_with_its_reason() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("notes.txt"),
        "buy milk, and then some more of it\n".repeat(99),
    )
    .unwrap();
    assert!(
        refused(&bench.target("notes.txt"))
            .await
            .contains("is not a database")
    );
    assert!(
        refused(&bench.target("missing.db"))
            .await
            .contains("mode=rwc")
    );
    assert!(!bench.path("missing.db").exists());
    assert!(
        refused(&bench.target("no/a.db"))
            .await
            .contains("does not exist")
    );
    assert!(refused(&bench.target("")).await.contains("is a folder"));
    assert!(
        refused(&bench.target_at("sqlite::memory:"))
            .await
            .contains("in memory")
    );
    let url = format!("sqlite:{}?mode=rwc", bench.path("no/a.db").display());
    assert!(refused(&bench.target_at(&url)).await.contains("folder"));
    let mut target = bench.target("missing.db");
    target.schema = Some("tenant".into());
    assert!(refused(&target).await.contains("schemas"));
}

#[tokio::test]
async fn a_new_file_is_made_where_the_url_asks_for_it() {
    let bench = Bench::new();
    let url = format!("sqlite:{}?mode=rwc", bench.path("new.db").display());
    let mut session = open(&bench.target_at(&url)).await;
    let seen = session.survey().await.unwrap();
    assert!(seen.empty && seen.role == Role::Primary, "{seen:?}");
    assert!(!bench.path("new.db").exists(), "looking creates nothing");
    session.try_lock().await.unwrap();
    assert!(bench.path("new.db").exists());
    assert_eq!(session.survey().await.unwrap().server, seen.server);
    session.prepare(&claim()).await.unwrap();
    apply_ok(&mut session, &[wrapped("V1", "CREATE TABLE a (x)")]).await;
}

#[tokio::test]
async fn session_sql_runs_on_each_connection_and_its_fault_is_named() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut target = bench.target("a.db");
    target.session_sql = Arc::new(["PRAGMA cache_size = -100".into()]);
    let mut session = open(&target).await;
    assert_eq!(
        session.ask("PRAGMA cache_size").await.unwrap().as_deref(),
        Some("-100")
    );
    target.session_sql = Arc::new(["PRAGMA cache_size = -100".into(), "SET x = 1".into()]);
    let refused = greylag_engines::open(&target).await;
    assert!(
        matches!(&refused, Err(OpenError::SessionSql { statement, .. }) if statement == "SET x = 1")
    );
}

#[tokio::test]
async fn a_question_is_answered_and_changes_nothing() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x); INSERT INTO a VALUES (1)");
    let mut session = bench.ready("a.db").await;
    let mut ask = async |sql: &str| session.ask(sql).await;
    assert_eq!(
        ask("SELECT count(*) = 1 FROM a").await.unwrap().as_deref(),
        Some("1")
    );
    assert_eq!(ask("SELECT NULL").await.unwrap(), None);
    assert_eq!(ask("SELECT x FROM a WHERE x > 5").await.unwrap(), None);
    assert_eq!(ask("SELECT 'text'").await.unwrap().as_deref(), Some("text"));
    let error = ask("DELETE FROM a").await.unwrap_err();
    assert!(error.to_string().contains("only asks"), "{error}");
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM a"), 1);
}

#[tokio::test]
async fn changes_of_the_history_come_all_or_none() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let baseline = HistoryRow {
        installed_rank: 0,
        version: Some("3".into()),
        description: "<< Flyway Baseline >>".into(),
        kind: "BASELINE".into(),
        script: "<< Flyway Baseline >>".into(),
        checksum: None,
        installed_by: "tester".into(),
        installed_on: String::new(),
        execution_time: 0,
        success: true,
    };
    session
        .change_history(&[HistoryChange::Insert(baseline.clone())])
        .await
        .unwrap();
    let seen = session.survey().await.unwrap();
    assert_eq!(seen.history[0].installed_rank, 1);
    assert_eq!(seen.history[0].installed_on.len(), 23);
    assert_eq!(
        session.settle(&wrapped("V3", "SELECT 1")).await.unwrap(),
        greylag_engines::Settled::Applied
    );

    let realign = HistoryChange::Realign {
        installed_rank: 1,
        checksum: Some(9),
        description: "start".into(),
        kind: "SQL".into(),
    };
    let nowhere = HistoryChange::Remove { installed_rank: 99 };
    let failed = session.change_history(&[realign.clone(), nowhere]).await;
    assert!(failed.is_err());
    assert_eq!(session.survey().await.unwrap().history, seen.history);

    let rebranded = ShardIdentity {
        uuid: uuid::Uuid::from_u128(99),
        ..claim().identity
    };
    session
        .change_history(&[realign, HistoryChange::Rebrand(rebranded.clone())])
        .await
        .unwrap();
    let seen = session.survey().await.unwrap();
    assert_eq!(seen.history[0].checksum, Some(9));
    assert_eq!(seen.identity, Some(rebranded));
    session
        .change_history(&[HistoryChange::Remove { installed_rank: 1 }])
        .await
        .unwrap();
    assert!(session.survey().await.unwrap().history.is_empty());
}

#[tokio::test]
async fn undo_and_apply_again_is_settled_by_the_newest_row() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    use greylag_engines::Settled::{Absent, Applied};
    let (up, down) = (
        wrapped("V1.0", "CREATE TABLE a (x)"),
        wrapped("U1", "DROP TABLE a"),
    );
    apply_ok(&mut session, std::slice::from_ref(&up)).await;
    assert_eq!(session.settle(&down).await.unwrap(), Absent);
    apply_ok(&mut session, std::slice::from_ref(&down)).await;
    assert_eq!(session.settle(&up).await.unwrap(), Absent);
    assert_eq!(session.settle(&down).await.unwrap(), Applied);
    apply_ok(&mut session, std::slice::from_ref(&up)).await;
    assert_eq!(session.settle(&up).await.unwrap(), Applied);
}

#[tokio::test]
async fn a_foreign_row_of_ours_is_named() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    bench
        .raw("a.db")
        .execute_batch(
            "INSERT INTO greylag_step (project, migration, state, rollout, epoch, statements_done, statements_total, hashes)
             VALUES ('shop', 'V1', 'dreaming', 'r', 1, 0, 1, '[]')",
        )
        .unwrap();
    let error = session.survey().await.unwrap_err();
    assert!(matches!(error, EngineError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("dreaming"), "{error}");
}

#[tokio::test]
async fn a_thousand_files_are_surveyed_and_migrated() {
    let bench = Bench::new();
    let mut work = tokio::task::JoinSet::new();
    let targets: Vec<Target> = (0..1000)
        .map(|i| {
            let path = bench.path(&format!("{i}.db"));
            let mut target = bench.target_at(&format!("sqlite:{}?mode=rwc", path.display()));
            // The disk's patience is not what is tried here.
            target.session_sql = Arc::new(["PRAGMA synchronous = OFF".into()]);
            target
        })
        .collect();
    let jobs: Arc<Vec<_>> = Arc::new(
        (1..=3)
            .map(|v| wrapped(&format!("V{v}"), &format!("CREATE TABLE t{v} (x)")))
            .collect(),
    );
    let slots = Arc::new(tokio::sync::Semaphore::new(8));
    for target in targets {
        let (jobs, slots) = (jobs.clone(), slots.clone());
        work.spawn(async move {
            let _slot = slots.acquire().await.unwrap();
            let mut session = open(&target).await;
            session.try_lock().await.unwrap();
            session.prepare(&claim()).await.unwrap();
            apply_ok(&mut session, &jobs).await;
            let seen = session.survey().await.unwrap().history.len();
            session.close().await;
            seen
        });
    }
    assert_eq!(work.join_all().await, vec![3; 1000]);
}
