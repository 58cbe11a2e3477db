//! Files as editors and tools leave them, carried all the way on each engine.

use crate::ground::Ground;
use greylag_lab::Engine;

const ENGINES: [Engine; 4] = [
    Engine::Postgres,
    Engine::MySql,
    Engine::MariaDb,
    Engine::Sqlite,
];

#[tokio::test(flavor = "multi_thread")]
async fn marks_windows_lines_comments_and_nothing_at_all_are_migrations_on_each_engine() {
    for engine in ENGINES {
        let Some(ground) = Ground::on(engine, 2).await else {
            continue;
        };
        ground.project("");
        ground.migration(
            "V1__mark.sql",
            "\u{feff}CREATE TABLE a (id int, t varchar(20));\n",
        );
        ground.migration(
            "V2__windows.sql",
            "-- first\r\nINSERT INTO a VALUES (1, 'x');\r\n/* second\r\n */\r\nINSERT INTO a VALUES (2, 'y');\r\n",
        );
        ground.migration("V3__empty.sql", "");
        ground.migration("V4__comment.sql", "-- nothing yet\n/* nor here */\n");
        ground.migration("V5__blank_off.sql", "-- greylag:transaction off\n\n;\n");
        ground.migration("R__empty.sql", "\n");
        ground
            .run(&["apply", "--yes"])
            .await
            .ends(0)
            .says("2 shards changed");
        for shard in 0..2 {
            assert_eq!(ground.versions(shard).await, "1 2 3 4 5", "{engine:?}");
            assert_eq!(
                ground.count(shard, "SELECT count(*) FROM a").await,
                Some(2),
                "{engine:?}"
            );
        }
        ground
            .run(&["apply", "--yes"])
            .await
            .ends(0)
            .says("nothing to do");
        // An editor that turns the lines round changes nothing.
        ground.migration(
            "V1__mark.sql",
            "CREATE TABLE a (id int, t varchar(20));\r\n",
        );
        ground
            .run(&["apply", "--yes"])
            .await
            .ends(0)
            .says("nothing to do");
    }
}

/// Fifty megabytes; a tenth of that in an ordinary run, which is many of a driver's buffers as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_file_is_one_migration_on_each_engine() {
    let megabytes = match std::env::var_os("GREYLAG_FULL") {
        Some(_) => 50,
        None => 5,
    };
    let row = format!("INSERT INTO a VALUES ('{}');\n", "x".repeat(1000));
    let rows = megabytes * 1024;
    let file = format!("CREATE TABLE a (t varchar(2000));\n{}", row.repeat(rows));
    for engine in ENGINES {
        let Some(ground) = Ground::on(engine, 1).await else {
            continue;
        };
        ground.project("");
        ground.migration("V1__huge.sql", &file);
        ground.run(&["apply", "--yes"]).await.ends(0);
        assert_eq!(ground.versions(0).await, "1", "{engine:?}");
        assert_eq!(
            ground.count(0, "SELECT count(*) FROM a").await,
            Some(rows as i64),
            "{engine:?}"
        );
    }
}
