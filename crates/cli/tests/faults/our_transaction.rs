//! A file that ends the transaction it runs in: said, and the history tells the truth.

use crate::ground::Ground;
use greylag_lab::Engine;

const BASE: &str = "CREATE TABLE effect (step varchar(10) NOT NULL);\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_in_a_file_leaves_what_stands_and_no_more() {
    // Without a BEGIN of its own there is nothing to roll back: the file runs by itself, statement by statement.
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let Some(ground) = with(engine, "INSERT INTO effect VALUES ('kept');\nBEGIN;\nINSERT INTO effect VALUES ('gone');\nROLLBACK;\nINSERT INTO effect VALUES ('kept');\n").await else {
            continue;
        };
        ground.run(&["apply", "--yes"]).await.ends(0);
        assert_eq!(ground.versions(0).await, "1 2", "{engine:?}");
        assert_eq!(
            ground
                .count(0, "SELECT count(*) FROM effect WHERE step = 'kept'")
                .await,
            Some(2),
            "{engine:?}"
        );
        assert_eq!(
            ground.count(0, "SELECT count(*) FROM effect").await,
            Some(2),
            "{engine:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_leaves_its_own_transaction_open_is_undone() {
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let Some(ground) = with(engine, "BEGIN;\nINSERT INTO effect VALUES ('2');\n").await else {
            continue;
        };
        ground
            .run(&["apply", "--yes"])
            .await
            .ends(1)
            .says("V2__ends.sql:2")
            .says("the file ends with its own transaction still open, which was rolled back")
            .says("Add the missing COMMIT.");
        assert_eq!(ground.versions(0).await, "1", "{engine:?}");
        assert_eq!(
            ground.count(0, "SELECT count(*) FROM effect").await,
            Some(0),
            "{engine:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_where_statements_may_open_one_by_themselves_it_is_committed_with_its_row() {
    for engine in [Engine::MySql, Engine::MariaDb] {
        let sql = "START TRANSACTION;\nINSERT INTO effect VALUES ('2');\n";
        let Some(ground) = with(engine, sql).await else {
            continue;
        };
        ground.run(&["apply", "--yes"]).await.ends(0).says(
            "the file ended inside its own transaction, which was committed with its history row",
        );
        assert_eq!(ground.versions(0).await, "1 2", "{engine:?}");
        assert_eq!(
            ground.count(0, "SELECT count(*) FROM effect").await,
            Some(1),
            "{engine:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_commit_and_an_error_behind_it_leave_a_truthful_history() {
    for engine in [
        Engine::Postgres,
        Engine::Sqlite,
        Engine::MySql,
        Engine::MariaDb,
    ] {
        let begin = if matches!(engine, Engine::Postgres | Engine::Sqlite) {
            "BEGIN"
        } else {
            "START TRANSACTION"
        };
        let sql = |last: &str| {
            format!(
                "{begin};\nINSERT INTO effect VALUES ('a');\nCOMMIT;\nINSERT INTO {last} VALUES ('b');\n"
            )
        };
        let Some(ground) = with(engine, &sql("nowhere")).await else {
            continue;
        };
        // A part of the file stands: the fleet is split even though no migration is whole.
        let failed = ground.run(&["apply", "--yes"]).await;
        let failed = failed
            .says("V2__ends.sql:4")
            .says("3 of its 4 statements stand");
        assert_eq!(ground.versions(0).await, "1", "{engine:?}: {}", failed.said);
        failed.ends(3);
        assert_eq!(
            ground.count(0, "SELECT count(*) FROM effect").await,
            Some(1),
            "{engine:?}"
        );
        // What is finished is not run again; what follows may be edited.
        ground.migration("V2__ends.sql", &sql("effect"));
        ground.run(&["rollout", "retry"]).await.ends(0);
        ground.run(&["apply", "--yes"]).await.ends(0);
        assert_eq!(ground.versions(0).await, "1 2", "{engine:?}");
        assert_eq!(
            ground
                .count(0, "SELECT count(DISTINCT step) * 10 + count(*) FROM effect")
                .await,
            Some(22),
            "{engine:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_forced_into_our_transaction_is_caught() {
    // The directive says that the file runs in a transaction, and the file ends it.
    for (ending, engine) in [
        ("COMMIT", Engine::Postgres),
        ("ROLLBACK", Engine::Postgres),
        ("COMMIT", Engine::Sqlite),
        ("ROLLBACK", Engine::Sqlite),
    ] {
        let sql = format!(
            "-- greylag:transaction on\nINSERT INTO effect VALUES ('2');\n{ending};\nINSERT INTO effect VALUES ('3');\n"
        );
        let Some(ground) = with(engine, &sql).await else {
            continue;
        };
        let run = ground.run(&["apply", "--yes"]).await;
        assert_ne!(run.code, Some(0), "{engine:?} {ending}: {}", run.said);
        let run = run.says("V2__ends.sql").says("transaction");
        assert_eq!(
            ground.versions(0).await,
            "1",
            "{engine:?} {ending}: {}",
            run.said
        );
        assert_eq!(
            ground.count(0, "SELECT count(*) FROM effect").await,
            Some(0),
            "{engine:?} {ending}: {}",
            run.said
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_that_commits_runs_outside_our_transaction_and_once() {
    let sql = "CREATE PROCEDURE ends() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO effect VALUES ('2'); COMMIT; END $$;\nCALL ends();\n";
    let Some(ground) = with(Engine::Postgres, sql).await else {
        return;
    };
    let run = ground.run(&["apply", "--yes"]).await;
    // PostgreSQL refuses it within our transaction: said, with the directive that helps.
    let run = run
        .ends(1)
        .says("V2__ends.sql:2")
        .says("2D000")
        .says("-- greylag:transaction off");
    assert_eq!(ground.versions(0).await, "1", "{}", run.said);
    assert_eq!(
        ground.count(0, "SELECT count(*) FROM effect").await,
        Some(0)
    );
    ground.migration(
        "V2__ends.sql",
        &format!("-- greylag:transaction off\n{sql}"),
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(0).await, "1 2");
    assert_eq!(
        ground.count(0, "SELECT count(*) FROM effect").await,
        Some(1)
    );
}

async fn with(engine: Engine, sql: &str) -> Option<Ground> {
    let ground = Ground::on(engine, 1).await?;
    // The lint would hold such files: this is about what the servers make of them.
    ground.project(
        "[lint.severity]\nunfinished-transaction = \"off\"\nconcurrently-in-transaction = \"off\"\n",
    );
    ground.migration("V1__effect.sql", BASE);
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration("V2__ends.sql", sql);
    Some(ground)
}
