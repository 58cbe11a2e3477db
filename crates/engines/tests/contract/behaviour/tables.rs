//! The tables on a shard, and what a look at it sees.

use crate::{
    fixture::Fixture,
    shard::{Shard, applied, claim, look},
};
use greylag_core::{history::HistoryRow, survey::Role};
use greylag_engines::HistoryChange;

pub async fn preparing_twice_changes_nothing<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let job = shard.wrapped("V1", "CREATE TABLE t (id integer)");
    applied(session.as_mut(), &[job]).await;
    let before = look(session.as_mut()).await;
    let mut other = claim();
    other.identity.uuid = uuid::Uuid::from_u128(43);
    session.prepare(&other).await.unwrap();
    let mut after = look(session.as_mut()).await;
    after.at = before.at;
    assert_eq!(after, before);
}

pub async fn a_look_creates_nothing<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.session().await;
    let seen = look(session.as_mut()).await;
    assert!(seen.empty && !seen.has_history, "{seen:?}");
    assert_eq!((seen.identity, seen.history.len()), (None, 0));
    assert_eq!(seen.role, Role::Primary);
    assert!(!seen.server.lineage.is_empty() && !seen.server.version.is_empty());
    assert!(look(session.as_mut()).await.empty);
}

pub async fn a_look_sees_what_is_there_whatever_was_expected<F: Fixture>(shard: &Shard<F>) {
    for expected in [true, false] {
        let mut session = shard.session().await;
        session.expect_tables(expected);
        let seen = look(session.as_mut()).await;
        assert!(seen.empty && !seen.has_history, "{expected}: {seen:?}");
    }
    let mut ready = shard.ready().await;
    let job = shard.wrapped("V1", "CREATE TABLE t (id integer)");
    applied(ready.as_mut(), &[job]).await;
    for expected in [true, false] {
        let mut session = shard.session().await;
        session.expect_tables(expected);
        let seen = look(session.as_mut()).await;
        assert_eq!(seen.history.len(), 1, "{expected}: {seen:?}");
        assert_eq!(seen.identity, Some(claim().identity));
        assert!(!seen.empty);
    }
}

pub async fn an_empty_shard_is_seen_as_empty_and_one_with_a_table_is_not<F: Fixture>(
    shard: &Shard<F>,
) {
    let mut session = shard.session().await;
    assert!(look(session.as_mut()).await.empty);
    shard
        .fixture
        .execute("CREATE TABLE theirs (id integer)")
        .await;
    assert!(!look(session.as_mut()).await.empty);
}

pub async fn the_identity_is_read_back_as_it_was_claimed<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let seen = look(session.as_mut()).await;
    assert_eq!(seen.identity, Some(claim().identity));
    assert!(seen.has_history && seen.history.is_empty());
}

pub async fn mended_history_reads_as_it_was_mended<F: Fixture>(shard: &Shard<F>) {
    let mut session = shard.ready().await;
    let row = HistoryRow {
        installed_rank: 0,
        version: Some("7".into()),
        description: "<< Flyway Baseline >>".into(),
        kind: "BASELINE".into(),
        script: "<< Flyway Baseline >>".into(),
        checksum: None,
        installed_by: "it's me".into(),
        installed_on: String::new(),
        execution_time: 0,
        success: true,
    };
    let failed = HistoryRow {
        version: Some("8".into()),
        kind: "SQL".into(),
        success: false,
        ..row.clone()
    };
    let changes = [HistoryChange::Insert(row), HistoryChange::Insert(failed)];
    session.change_history(&changes).await.unwrap();
    let seen = look(session.as_mut()).await.history;
    assert_eq!(
        seen.iter()
            .map(|row| row.installed_rank)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(seen[0].installed_by, "it's me");
    assert!(!seen[0].installed_on.is_empty());
    let mut other = claim().identity;
    other.environment = "staging".into();
    let changes = [
        HistoryChange::Remove { installed_rank: 2 },
        HistoryChange::Realign {
            installed_rank: 1,
            checksum: Some(-5),
            description: "start".into(),
            kind: "SQL".into(),
        },
        HistoryChange::Rebrand(other.clone()),
    ];
    session.change_history(&changes).await.unwrap();
    let seen = look(session.as_mut()).await;
    assert_eq!(seen.history.len(), 1);
    assert_eq!(seen.history[0].checksum, Some(-5));
    assert_eq!(seen.history[0].description, "start");
    assert_eq!(seen.identity, Some(other));
}
