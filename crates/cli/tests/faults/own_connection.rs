//! A migration that takes its own connection down: tried again a few times, then named, never run for ever.

use crate::ground::Ground;
use greylag_lab::Engine;

const BASE: &str = "CREATE TABLE effect (step varchar(10) NOT NULL);\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_ends_its_own_session_stops_the_rollout() {
    for (engine, sql) in [
        (
            Engine::Postgres,
            "INSERT INTO effect VALUES ('2');\nSELECT pg_terminate_backend(pg_backend_pid());\n",
        ),
        (
            Engine::MariaDb,
            "INSERT INTO effect VALUES ('2');\nKILL CONNECTION_ID();\n",
        ),
        (
            Engine::MySql,
            "INSERT INTO effect VALUES ('2');\nDO SLEEP(0);\nKILL CONNECTION_ID();\n",
        ),
    ] {
        let Some(ground) = Ground::on(engine, 1).await else {
            continue;
        };
        ground.project("");
        ground.migration("V1__base.sql", BASE);
        ground.migration("V2__ends.sql", sql);
        ground
            .run(&["apply", "--yes"])
            .await
            .ends(3)
            .says("the connection was lost 3 times while V2 ran")
            .says("rollout retry");
        assert_eq!(ground.versions(0).await, "1", "{engine:?}");
    }
}
