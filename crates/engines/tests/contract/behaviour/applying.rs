//! A migration that works: its effect and its row, together.

use crate::{
    fixture::Fixture,
    shard::{Shard, applied, look},
};
use greylag_core::{engine::Ddl, survey::StepState};
use greylag_engines::Note;

pub async fn an_applied_migration_has_one_history_row_in_flyways_columns<F: Fixture>(
    shard: &Shard<F>,
) {
    let mut session = shard.ready().await;
    let mut job = shard.wrapped(
        "V1.2",
        "CREATE TABLE t (id integer); INSERT INTO t VALUES (1)",
    );
    job.installed_by = Some("o'hara".into());
    job.description = "make \"t\"".into();
    let notes = applied(session.as_mut(), std::slice::from_ref(&job)).await;
    assert!(
        notes.iter().any(
            |note| matches!(note, Note::Applied { migration, .. } if *migration == job.migration)
        ),
        "{notes:?}"
    );
    let seen = look(session.as_mut()).await;
    assert_eq!(seen.history.len(), 1);
    let row = &seen.history[0];
    assert_eq!(row.installed_rank, 1);
    assert_eq!(row.version.as_deref(), Some("1.2"));
    assert_eq!(row.description, "make \"t\"");
    assert_eq!(row.kind, "SQL");
    assert_eq!(row.script, "V1.2__test.sql");
    assert_eq!(row.checksum, Some(4711));
    assert_eq!(row.installed_by, "o'hara");
    assert!(row.success && row.execution_time >= 0 && !row.installed_on.is_empty());
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 1);
    match F::ENGINE.facts().ddl {
        Ddl::Transactional => assert_eq!(seen.steps, []),
        // It took two steps, and the row says that both are done.
        Ddl::PerStatement => assert_eq!(seen.steps[0].state, StepState::Applied),
    }
}

pub async fn an_empty_file_is_applied<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let job = shard.wrapped("V1", "-- nothing to do\n");
    applied(session.as_mut(), &[job]).await;
    let job = shard.stepwise("V2", "");
    applied(session.as_mut(), &[job]).await;
    assert_eq!(look(session.as_mut()).await.history.len(), 2);
}

pub async fn ranks_count_up_and_a_repeatable_gets_a_row_at_each_run<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    for checksum in [1, 2] {
        let mut job = shard.wrapped("R__views", "SELECT 1");
        job.checksum = Some(checksum);
        applied(session.as_mut(), &[job]).await;
    }
    let history = look(session.as_mut()).await.history;
    let rows: Vec<_> = history
        .iter()
        .map(|row| (row.installed_rank, row.version.clone(), row.checksum))
        .collect();
    assert_eq!(rows, [(1, None, Some(1)), (2, None, Some(2))]);
}

pub async fn an_undo_has_a_row_of_its_own_kind<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    applied(
        session.as_mut(),
        &[shard.wrapped("V1", "CREATE TABLE t (id integer)")],
    )
    .await;
    applied(session.as_mut(), &[shard.wrapped("U1", "DROP TABLE t")]).await;
    let history = look(session.as_mut()).await.history;
    assert_eq!(history[1].kind, "UNDO_SQL");
    assert_eq!(history[1].version.as_deref(), Some("1"));
}

pub async fn jobs_that_share_a_transaction_each_get_their_row<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let jobs = [
        shard.wrapped("V1", "CREATE TABLE t (id integer)"),
        shard.wrapped("V2", "INSERT INTO t VALUES (1)"),
        shard.wrapped("V3", "INSERT INTO t VALUES (2)"),
    ];
    let notes = applied(session.as_mut(), &jobs).await;
    let told = notes
        .iter()
        .filter(|note| matches!(note, Note::Applied { .. }))
        .count();
    assert_eq!(told, 3);
    let history = look(session.as_mut()).await.history;
    let ranks: Vec<_> = history.iter().map(|row| row.installed_rank).collect();
    assert_eq!(ranks, [1, 2, 3]);
    assert_eq!(shard.count("SELECT count(*) FROM t").await, 2);
}

pub async fn settings_of_one_file_do_not_reach_the_next<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let shown = F::WORDS.shown.trim_start_matches("SELECT ");
    let note = format!("INSERT INTO seen SELECT '{{}}', {shown}");
    let setting = format!(
        "CREATE TABLE seen (who varchar(20), what varchar(100)); {}; {}",
        F::WORDS.set,
        note.replace("{}", "first")
    );
    applied(session.as_mut(), &[shard.wrapped("V1", &setting)]).await;
    let second = shard.wrapped("V2", &note.replace("{}", "second"));
    applied(session.as_mut(), &[second]).await;
    let third = shard.stepwise("V3", &note.replace("{}", "third"));
    applied(session.as_mut(), &[third]).await;
    let what = async |who: &str| {
        let sql = format!("SELECT what FROM seen WHERE who = '{who}'");
        shard.fixture.value(&sql).await.unwrap()
    };
    assert_eq!(what("first").await, F::WORDS.as_set);
    assert_ne!(what("second").await, F::WORDS.as_set);
    assert_ne!(what("third").await, F::WORDS.as_set);
}

pub async fn a_query_is_answered_with_its_first_value<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.session().await;
    assert_eq!(
        session.ask("SELECT 40 + 2").await.unwrap().as_deref(),
        Some("42")
    );
    assert_eq!(session.ask("SELECT NULL").await.unwrap(), None);
    assert!(session.ask("SELECT nonsense FROM nowhere").await.is_err());
    assert_eq!(session.ask("SELECT 1").await.unwrap().as_deref(), Some("1"));
}
