//! A migration is applied and its file is gone: what is pending is held, until the file is back or a person takes it back.

use crate::ground::Ground;
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_repaired_on_postgres() {
    repaired(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_repaired_on_mysql() {
    repaired(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_repaired_on_mariadb() {
    repaired(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_repaired_on_sqlite() {
    repaired(Engine::Sqlite).await;
}

const V2: &str = "INSERT INTO effect VALUES ('2');\n";

async fn repaired(engine: Engine) {
    let Some(ground) = Ground::on(engine, 2).await else {
        return;
    };
    ground.project("");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL);\n",
    );
    ground.migration("V2__row.sql", V2);
    ground.migration("V3__row.sql", "INSERT INTO effect VALUES ('3');\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    let gone = ground.file("migrations").join("V2__row.sql");
    std::fs::remove_file(&gone).expect("the file");
    ground.migration("V4__row.sql", "INSERT INTO effect VALUES ('4');\n");
    let held = ground
        .run(&["apply", "--yes"])
        .await
        .ends(5)
        .says("V2 is applied there, and its file is gone");
    assert_eq!(ground.versions(0).await, "1 2 3");
    // Only by its name: the checkout might merely be old.
    ground
        .run(&["repair", "--yes", "--reason", "all of it"])
        .await
        .ends(0)
        .says("or name it (`greylag repair V2 --reason …`)");
    assert_eq!(ground.versions(0).await, "1 2 3");
    let command = held.command("greylag repair");
    assert_eq!(command, "greylag repair V2 --reason …");
    ground
        .shell(&format!(
            "{} --yes",
            command.replace('…', "'it was an experiment'")
        ))
        .await
        .ends(0)
        .says("V2: its file is gone, and it counts as never applied (DELETE)");
    for shard in 0..2 {
        // As Flyway writes it: what the row it takes back says, with the next rank.
        let twins = "SELECT count(*) FROM greylag_schema_history a JOIN greylag_schema_history b \
                     ON a.version = b.version AND a.script = b.script AND a.checksum = b.checksum AND a.description = b.description \
                     WHERE a.type = 'SQL' AND b.type = 'DELETE' AND b.version = '2' AND b.installed_rank = 4";
        assert_eq!(ground.count(shard, twins).await, Some(1), "{engine:?}");
        let steps = "SELECT count(*) FROM greylag_step WHERE migration = 'V2'";
        // PostgreSQL makes the table when it needs it.
        let left = ground.count(shard, steps).await;
        assert_eq!(left.unwrap_or(0), 0, "{engine:?}");
    }
    ground
        .run(&["status"])
        .await
        .ends(0)
        .never_says("V2")
        .says("2 pending");
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2 3 2 4", "{engine:?}");
    }
    let acts = ground.run(&["status", "--output", "json"]).await;
    assert!(acts.said.contains("it was an experiment"), "{}", acts.said);
    // The file is back: it counts as never applied, and says so rather than run below what is there.
    ground.migration("V2__row.sql", V2);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(5)
        .says("V2: it is below V4");
    ground.project("[rollout]\nout-of-order = true\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    let twos = "SELECT count(*) FROM effect WHERE step = '2'";
    assert_eq!(ground.count(0, twos).await, Some(2), "{engine:?}");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("nothing to do");
}
