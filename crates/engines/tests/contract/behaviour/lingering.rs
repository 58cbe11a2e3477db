//! What a file leaves in its session, and that none of it reaches the next one.

use crate::{
    fixture::Fixture,
    shard::{Shard, applied},
};
use greylag_engines::{Job, Session};

/// As the orchestrator does where files may share a transaction.
async fn run(session: &mut dyn Session, jobs: &[Job], grouped: bool) {
    for group in jobs.chunk_by(|a, b| grouped && a.may_share() && b.may_share()) {
        applied(session, group).await;
    }
}

pub async fn a_temporary_table_hides_no_table_from_the_next_file<F: Fixture>(shard: &Shard<F>) {
    for (number, grouped) in [(1, false), (2, true)] {
        let mut session = shard.ready().await;
        let table = format!("orders{number}");
        let job = |version: u32, sql: String| shard.wrapped(&format!("V{number}.{version}"), &sql);
        let jobs = [
            job(1, format!("CREATE TABLE {table} (id integer)")),
            job(
                2,
                format!("CREATE  TEMPORARY TABLE {table} AS SELECT 1 AS id"),
            ),
            job(3, format!("ALTER TABLE {table} ADD COLUMN total integer")),
        ];
        run(session.as_mut(), &jobs, grouped).await;
        let insert = format!("INSERT INTO {table} (total) VALUES (1)");
        shard.fixture.execute(&insert).await;
        let stepwise = shard.stepwise(
            &format!("V{number}.4"),
            &format!("CREATE TEMPORARY TABLE {table} AS SELECT 1 AS id"),
        );
        applied(session.as_mut(), &[stepwise]).await;
        let delete = job(5, format!("DELETE FROM {table}"));
        applied(session.as_mut(), &[delete]).await;
        let left = format!("SELECT count(*) FROM {table}");
        assert_eq!(shard.count(&left).await, 0);
        session.close().await;
    }
}

pub async fn nothing_that_a_file_leaves_is_seen_by_the_next_one<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    applied(
        session.as_mut(),
        &[shard.wrapped(
            "V1",
            "CREATE TABLE seen (who varchar(20), what varchar(200))",
        )],
    )
    .await;
    for (number, (leave, look)) in F::WORDS.leaves.iter().enumerate() {
        let look = |who: &str| format!("INSERT INTO seen SELECT '{number} {who}', {look}");
        let version = |part: u32| format!("V2.{number}.{part}");
        let what = async |who: &str| {
            let sql = format!("SELECT what FROM seen WHERE who = '{number} {who}'");
            shard.fixture.value(&sql).await
        };
        applied(session.as_mut(), &[shard.wrapped(&version(1), &look("a"))]).await;
        let first = what("a").await;
        let jobs = [
            shard.wrapped(&version(2), leave),
            shard.wrapped(&version(3), &look("b")),
        ];
        run(session.as_mut(), &jobs, true).await;
        assert_eq!(what("b").await, first, "{leave}");
        let jobs = [
            shard.stepwise(&version(4), leave),
            shard.stepwise(&version(5), &look("c")),
        ];
        run(session.as_mut(), &jobs, false).await;
        assert_eq!(what("c").await, first, "{leave}");
    }
}
