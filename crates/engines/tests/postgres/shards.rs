//! A shard that is one schema of a database.

use crate::bench::{Bench, applied, claim, lock, open, ready, wrapped};
use greylag_engines::{EngineError, OpenError, Target};
use std::sync::Arc;

fn schema(bench: &Bench, name: &str) -> Target {
    Target {
        schema: Some(name.to_owned()),
        ..bench.target()
    }
}

#[tokio::test]
async fn schemas_of_one_database_keep_their_own_tables_and_history() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench
        .owner("CREATE SCHEMA \"tenant 17\"; CREATE SCHEMA b; CREATE TABLE public.t (id int)")
        .await;
    for name in ["tenant 17", "b"] {
        let target = schema(&bench, name);
        assert!(open(&target).await.survey().await.unwrap().empty);
        let mut session = ready(&target).await;
        applied(
            session.as_mut(),
            &wrapped("V1", "CREATE TABLE t (id int); SET search_path = public"),
        )
        .await;
        applied(session.as_mut(), &wrapped("V2", "INSERT INTO t VALUES (1)")).await;
        let seen = session.survey().await.unwrap();
        assert_eq!(seen.history.len(), 2);
        assert!(seen.server.database.ends_with(name), "{:?}", seen.server);
    }
    let counts = "SELECT (SELECT count(*) FROM public.t), (SELECT count(*) FROM b.t), \
         (SELECT count(*) FROM \"tenant 17\".greylag_schema_history)";
    let row = bench
        .value(&format!("SELECT x::text FROM ({counts}) x"))
        .await;
    assert_eq!(row, "(0,1,2)");
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_named_with_what_makes_it() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = open(&schema(&bench, "nowhere")).await;
    for refused in [
        session.survey().await.unwrap_err(),
        session.try_lock().await.unwrap_err(),
    ] {
        let EngineError::Server { message, hint, .. } = &refused else {
            panic!("{refused:?}");
        };
        assert!(message.contains("\"nowhere\""));
        assert!(
            hint.as_deref()
                .unwrap()
                .contains("CREATE SCHEMA \"nowhere\"")
        );
    }
}

#[tokio::test]
async fn a_session_search_path_that_leads_out_of_the_schema_is_refused() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.owner("CREATE SCHEMA a").await;
    let target = Target {
        session_sql: Arc::from(["SET search_path = public".to_owned()]),
        ..schema(&bench, "a")
    };
    let mut session = open(&target).await;
    let refused = session.try_lock().await.unwrap_err();
    assert!(refused.to_string().contains("search_path"), "{refused}");
}

#[tokio::test]
async fn a_history_table_further_down_the_search_path_is_not_taken_for_ours() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    applied(session.as_mut(), &wrapped("V1", "CREATE SCHEMA app")).await;
    let target = Target {
        session_sql: Arc::from(["SET search_path = app, public".to_owned()]),
        ..bench.target()
    };
    let mut session = open(&target).await;
    let seen = session.survey().await.unwrap();
    assert!(!seen.has_history && seen.identity.is_none(), "{seen:?}");
    lock(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    assert_eq!(
        bench.value("SELECT count(*) FROM app.greylag_shard").await,
        "1"
    );
}

#[tokio::test]
async fn session_sql_that_fails_is_named() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let target = Target {
        session_sql: Arc::from([
            "SET TIME ZONE 'UTC'".to_owned(),
            "SET nonsense = 1".to_owned(),
        ]),
        ..bench.target()
    };
    let Err(OpenError::SessionSql { statement, .. }) = greylag_engines::open(&target).await else {
        panic!("it can't open");
    };
    assert_eq!(statement, "SET nonsense = 1");
}
