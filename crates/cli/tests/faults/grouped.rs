//! Migrations that share a transaction: what one of them says of the transaction is its own.

use crate::ground::Ground;
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn an_isolation_level_holds_for_its_own_file_and_not_for_its_neighbours() {
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    ground.project("[rollout]\ngroup = \"always\"\n");
    ground.migration(
        "V1__first.sql",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE seen (file text, level text);\nINSERT INTO seen VALUES ('1', current_setting('transaction_isolation'));\n",
    );
    for file in 2..=3 {
        ground.migration(
            &format!("V{file}__more.sql"),
            &format!(
                "INSERT INTO seen VALUES ('{file}', current_setting('transaction_isolation'));\n"
            ),
        );
    }
    ground.run(&["apply", "--yes"]).await.ends(0);
    let seen = "SELECT string_agg(file || ' ' || level, ', ' ORDER BY file) FROM seen";
    assert_eq!(
        ground.value(0, seen).await.as_deref(),
        Some("1 serializable, 2 read committed, 3 read committed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_repair_locks_nothing_and_makes_nothing() {
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    ground.project("");
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration("V1__a.sql", "CREATE TABLE a (id int); -- edited\n");
    ground.migration(
        "V2__slow.sql",
        "-- greylag:lock-timeout 10m\nALTER TABLE a ADD COLUMN b int;\n",
    );
    ground
        .run(&["repair", "V1", "--yes", "--reason", "a comment"])
        .await
        .ends(0);
    // While a rollout has the shard's lock.
    let holder = ground.somebody(0, "BEGIN; LOCK TABLE a; SELECT pg_sleep(3600)");
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass AND granted";
    crate::run::eventually("a is locked", async || {
        ground.count(0, held).await == Some(1)
    })
    .await;
    let run = ground.start(&["apply", "--yes"]);
    let waits = "SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass AND NOT granted";
    crate::run::eventually("V2 waits", async || ground.count(0, waits).await >= Some(1)).await;
    ground
        .run(&["repair", "--dry-run"])
        .await
        .ends(0)
        .says("nothing is amiss");
    let free =
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'a'::regclass AND granted";
    ground.execute(0, free).await;
    holder.abort();
    run.end().await.ends(0);

    let ground = Ground::on(Engine::Sqlite, 0)
        .await
        .expect("SQLite is always there");
    let shard = "\n[[shard]]\nname = \"s\"\nprimary = \"sqlite:not-there.db?mode=rwc\"\n";
    ground.write_project("greylag.toml", &format!("{}{shard}", Ground::head("")));
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["repair", "--dry-run"]).await;
    for file in ["not-there.db", "not-there.db.greylag-lock", ".greylag"] {
        assert!(!ground.file(file).exists(), "{file} was made");
    }
}
