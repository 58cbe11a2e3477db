//! Two `apply` at once on one fleet: one works, the other says who holds what, and ends with 6.

use crate::{
    door::{Door, THROUGH},
    ground::Ground,
};
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_apply_on_the_same_state_says_who_is_at_it() {
    let Some(ground) = slow_ground().await else {
        return;
    };
    let door = Door::shut(&ground, 0).await;
    let first = ground.start(&["apply", "--yes"]);
    door.until_it_waits().await;
    let second = ground.run(&["apply", "--yes"]).await;
    second
        .ends(6)
        .says("another greylag works on this fleet: `greylag apply` of oncall@")
        .says("follow it with `greylag status --watch`");
    door.open().await;
    first.end().await.ends(0);
    each_effect_once(&ground).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_second_apply_with_a_state_of_its_own_is_stopped_at_the_anchor() {
    stopped_at_the_anchor(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql_a_second_apply_with_a_state_of_its_own_is_stopped_at_the_anchor() {
    stopped_at_the_anchor(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mariadb_a_second_apply_with_a_state_of_its_own_is_stopped_at_the_anchor() {
    stopped_at_the_anchor(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_second_apply_with_a_state_of_its_own_is_stopped_at_the_anchor() {
    stopped_at_the_anchor(Engine::Sqlite).await;
}

/// The first has done its canary and soaks: nothing of it runs on any shard, and still it holds the fleet.
async fn stopped_at_the_anchor(engine: Engine) {
    let Some(ground) = Ground::on(engine, 2).await else {
        return;
    };
    let soaking = "[[rollout.wave]]\nname = \"canary\"\ncount = 1\nsoak = \"1h\"\n\n[[rollout.wave]]\nname = \"fleet\"\n";
    ground.project(soaking);
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL);\n",
    );
    let shards: String = (0..2).map(|at| ground.shard(at, "")).collect();
    let state = "[state]\nurl = \"sqlite:elsewhere.db\"\n";
    ground.write_project(
        "other.toml",
        &format!("{}{state}{shards}", Ground::head("")),
    );
    let mut first = ground.start(&["apply", "--yes"]);
    first.until_it_says("soaking until").await;
    let second = ground
        .start_on("other.toml", &["apply", "--yes"])
        .end()
        .await;
    second
        .ends(6)
        .says("holds the lock of its anchor, shard `s00`");
    assert_eq!(ground.versions(1).await, "", "{}", first.said());
    // Asked to take over, it still leaves a run alone that may be alive.
    let before = sessions(&ground).await;
    let left = ground
        .start_on("other.toml", &["apply", "--yes", "--take-over"])
        .end()
        .await
        .ends(6)
        .says("`--take-over` leaves session ")
        .says("end it yourself: ")
        .never_says("took over");
    // Others may be there still that end by themselves; the one that holds the lock is there still.
    if let (Some(before), Some(after)) = (before, sessions(&ground).await) {
        let told = left.command("leaves session ");
        let holder = told.split(' ').nth(2).expect("its number").to_owned();
        assert!(before.contains(&holder), "{told}: {before:?}");
        assert!(
            after.contains(&holder),
            "{told}: {after:?}: {}",
            first.said()
        );
    }
    first.interrupt().await;
    first.end().await.ends(4).says("soaking until");
    // Let go: now the other may, and it looks at the shards rather than at the first one's journal.
    ground
        .start_on("other.toml", &["apply", "--yes"])
        .end()
        .await
        .ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1");
    }
}

/// Greylag's sessions on the anchor; SQLite has none.
async fn sessions(ground: &Ground) -> Option<Vec<String>> {
    let sql = match ground.engine {
        Engine::Sqlite => return None,
        Engine::Postgres => {
            "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'greylag/%'"
        }
        _ => {
            "SELECT group_concat(id SEPARATOR ' ') FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
        }
    };
    let found = ground.value(0, sql).await.expect("the anchor is held");
    Some(found.split(' ').map(str::to_owned).collect())
}

async fn slow_ground() -> Option<Ground> {
    let ground = Ground::on(Engine::Postgres, 2).await?;
    ground.project("");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    ground.migration("V2__slow.sql", THROUGH);
    Some(ground)
}

async fn each_effect_once(ground: &Ground) {
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2");
        assert_eq!(
            ground.count(shard, "SELECT count(*) FROM effect").await,
            Some(1)
        );
    }
}
