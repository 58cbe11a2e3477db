//! Greylag is killed, and what it asked for may still run on the server.

use crate::{
    ground::Ground,
    run::{Running, eventually},
};
use greylag_lab::Engine;
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_ends_the_statement_of_a_dead_greylag_by_itself() {
    let Some(ground) = one_shard(Engine::Postgres).await else {
        return;
    };
    let holder = block(&ground).await;
    let run = ground.start(&["apply", "--yes"]);
    eventually("V2 waits", async || orphans(&ground).await == 1).await;
    // By default PostgreSQL would let it wait for as long as the lock is held.
    run.kill().await;
    eventually("the orphan is gone", async || orphans(&ground).await == 0).await;
    free(&ground, holder).await;
    ground.run(&["apply", "--yes"]).await.ends(0);
    home(&ground).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_on_postgres_behind_a_dead_network_is_named_and_waited_out() {
    named_and_waited_out(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_on_mysql_behind_a_dead_network_is_named_and_waited_out() {
    named_and_waited_out(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_on_mariadb_behind_a_dead_network_is_named_and_waited_out() {
    named_and_waited_out(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn take_over_ends_an_orphan_on_postgres() {
    taken_over(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn take_over_ends_an_orphan_on_mysql() {
    taken_over(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn take_over_ends_an_orphan_on_mariadb() {
    taken_over(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn take_over_leaves_anothers_statement_alone_on_postgres() {
    left_alone(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn take_over_leaves_anothers_statement_alone_on_mysql() {
    left_alone(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn take_over_leaves_anothers_statement_alone_on_mariadb() {
    left_alone(Engine::MariaDb).await;
}

/// A live run is at a statement on a shard that another project, with a state store of its own, goes to as well.
async fn left_alone(engine: Engine) {
    let Some(mut ground) = one_shard(engine).await else {
        return;
    };
    ground.add_shard().await;
    let head = Ground::head("history-table = \"billing_history\"")
        .replace("\"faults\"", "\"billing\"")
        .replace("\"migrations\"", "\"billing\"");
    let shared = ground.shard(0, "");
    let anchor = ground.shard(1, "").replace("s01", "a01");
    let state = "[state]\nurl = \"sqlite:billing.db\"\n[lock]\ndeadline = \"2s\"\n";
    ground.write_project("billing.toml", &format!("{head}{state}{shared}{anchor}"));
    let billing = ground.file("billing");
    std::fs::create_dir(&billing).expect("a folder");
    let write = |file: &str, sql: &str| std::fs::write(billing.join(file), sql).expect("a file");
    write("V1__first.sql", "CREATE TABLE billing (id int);\n");
    let apply = async |more: &[&str]| {
        let args = [&["apply", "--yes"], more].concat();
        ground.start_on("billing.toml", &args).end().await
    };
    apply(&["--claim", "1"]).await.ends(0);
    write("V2__more.sql", "ALTER TABLE billing ADD COLUMN more int;\n");
    let holder = block(&ground).await;
    let run = ground.start(&["apply", "--yes"]);
    eventually("V2 waits", async || orphans(&ground).await == 1).await;
    apply(&["--only", "s00", "--take-over"])
        .await
        .ends(1)
        .says("`--take-over` leaves session ")
        .says("is not in this state store")
        .says("the shard's lock is held by session ")
        .never_says("took over");
    assert_eq!(orphans(&ground).await, 1, "{}", run.said());
    free(&ground, holder).await;
    run.end().await.ends(0);
    home(&ground).await;
}

async fn named_and_waited_out(engine: Engine) {
    let Some(ground) = one_shard(engine).await else {
        return;
    };
    let holder = block(&ground).await;
    orphan(&ground).await;
    let mut next = ground.start_on("direct.toml", &["apply", "--yes"]);
    next.until_it_says("is waited out; `--take-over` ends it")
        .await;
    assert!(next.said().contains("holds the lock"), "{}", next.said());
    assert!(next.said().contains("(greylag/"), "{}", next.said());
    // The orphan gets its lock, and does its work; nobody does it again.
    free(&ground, holder).await;
    eventually("the orphan has done its work", async || {
        orphans(&ground).await == 0
    })
    .await;
    // Where its session outlives its work, as behind a dead network, somebody must let it know.
    ground.proxy().cut().await;
    next.end().await.ends(0);
    home(&ground).await;
}

async fn taken_over(engine: Engine) {
    let Some(ground) = one_shard(engine).await else {
        return;
    };
    let holder = block(&ground).await;
    orphan(&ground).await;
    let mut next = ground.start_on("direct.toml", &["apply", "--yes", "--take-over"]);
    next.until_it_says("took over: ended the session").await;
    assert!(next.said().contains("(greylag/"), "{}", next.said());
    free(&ground, holder).await;
    next.end().await.ends(0);
    home(&ground).await;
}

/// Greylag is killed behind a network that has gone silent: its server can't notice.
async fn orphan(ground: &Ground) {
    let run: Running = ground.start(&["apply", "--yes"]);
    eventually("V2 waits", async || orphans(ground).await == 1).await;
    ground.proxy().stall(true);
    run.kill().await;
    assert_eq!(orphans(ground).await, 1, "the orphan lives on");
}

/// One shard through the proxy; `direct.toml` goes around it.
async fn one_shard(engine: Engine) -> Option<Ground> {
    let ground = Ground::on(engine, 1).await?;
    ground.project("");
    let around = format!(
        "{}\n[[shard]]\nname = \"s00\"\nprimary = \"{}\"\n",
        Ground::head(""),
        ground.server().url(&ground.databases[0])
    );
    ground.write_project("direct.toml", &around);
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL);\nINSERT INTO effect VALUES ('1');\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration(
        "V2__column.sql",
        "-- greylag:lock-timeout 10m\nALTER TABLE effect ADD COLUMN more int;\n",
    );
    ground.migration("V3__row.sql", "INSERT INTO effect (step) VALUES ('3');\n");
    Some(ground)
}

async fn block(ground: &Ground) -> JoinHandle<()> {
    let sql = match ground.engine {
        Engine::Postgres => "BEGIN; LOCK TABLE effect IN ACCESS SHARE MODE; SELECT pg_sleep(3600)",
        _ => "SELECT step, SLEEP(3600) FROM effect",
    };
    let holder = ground.somebody(0, sql);
    eventually("somebody holds the lock", async || {
        ground.value(0, &who(ground.engine)).await.is_some()
    })
    .await;
    holder
}

async fn free(ground: &Ground, holder: JoinHandle<()>) {
    let pid = ground
        .value(0, &who(ground.engine))
        .await
        .expect("somebody holds the lock");
    let sql = match ground.engine {
        Engine::Postgres => format!("SELECT pg_terminate_backend({pid})"),
        _ => format!("KILL {pid}"),
    };
    ground.execute(0, &sql).await;
    holder.abort();
}

/// Who keeps V2's ALTER waiting.
fn who(engine: Engine) -> String {
    match engine {
        Engine::Postgres => "SELECT pid FROM pg_locks WHERE relation = 'effect'::regclass AND granted AND mode = 'AccessShareLock'",
        _ => "SELECT id FROM information_schema.processlist WHERE db = database() AND info LIKE 'SELECT step, SLEEP%'",
    }
    .to_owned()
}

/// Statements of V2 on the server.
async fn orphans(ground: &Ground) -> i64 {
    let sql = match ground.engine {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'greylag/%' AND query LIKE '%ADD COLUMN more%' AND state = 'active'"
        }
        _ => {
            "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id() AND info LIKE '%ALTER TABLE effect%'"
        }
    };
    ground.count(0, sql).await.expect("a count")
}

async fn home(ground: &Ground) {
    assert_eq!(ground.versions(0).await, "1 2 3");
    assert_eq!(
        ground.count(0, "SELECT count(*) FROM effect").await,
        Some(2)
    );
    assert_eq!(
        ground.count(0, "SELECT count(more) FROM effect").await,
        Some(0)
    );
}
