//! What projects share without meaning to: a database, a journal, a folder that they are not run in.

use crate::{ground::Ground, run::eventually};
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn two_projects_on_one_shard_keep_to_themselves_on_postgres() {
    one_shard(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projects_on_one_shard_keep_to_themselves_on_mysql() {
    one_shard(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projects_on_one_shard_keep_to_themselves_on_sqlite() {
    one_shard(Engine::Sqlite).await;
}

async fn one_shard(engine: Engine) {
    let Some(ground) = Ground::on(engine, 1).await else {
        return;
    };
    projects(&ground, &[(0, "orders"), (0, "billing")], "");
    let run = async |project: &str, args: &[&str]| {
        let running = ground.start_on(&format!("{project}.toml"), args);
        running.end().await
    };
    run("orders", &["apply", "--yes"]).await.ends(0);
    // Its tables are somebody's: said once, not guessed.
    run("billing", &["apply", "--yes"])
        .await
        .ends(6)
        .says("--claim N");
    run("billing", &["apply", "--yes", "--claim", "1"])
        .await
        .ends(0);
    for project in ["orders", "billing"] {
        let rows = format!("SELECT count(*) FROM {project}_history");
        assert_eq!(ground.count(0, &rows).await, Some(1), "{project}");
        let table = format!("SELECT count(*) FROM {project}");
        assert_eq!(ground.count(0, &table).await, Some(0), "{project}");
        run(project, &["apply", "--yes"])
            .await
            .ends(0)
            .says("nothing to do");
        run(project, &["status"]).await.ends(0).says("1 up to date");
    }
    let identities = "SELECT count(*) FROM greylag_shard";
    assert_eq!(ground.count(0, identities).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projects_on_one_shard_wait_for_each_other() {
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    projects(&ground, &[(0, "orders"), (0, "billing")], "");
    let start = |project: &str, args: &[&str]| ground.start_on(&format!("{project}.toml"), args);
    start("orders", &["apply", "--yes"]).end().await.ends(0);
    start("billing", &["apply", "--yes", "--claim", "1"])
        .end()
        .await
        .ends(0);
    std::fs::write(
        ground.file("orders").join("V2__slow.sql"),
        "-- greylag:lock-timeout 10m\nALTER TABLE orders ADD COLUMN more int;\n",
    )
    .expect("a migration");
    std::fs::write(
        ground.file("billing").join("V2__quick.sql"),
        "ALTER TABLE billing ADD COLUMN more int;\n",
    )
    .expect("a migration");
    let holder = ground.somebody(0, "BEGIN; LOCK TABLE orders; SELECT pg_sleep(3600)");
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND granted = ";
    eventually("it is locked", async || {
        ground.count(0, &format!("{locks} true")).await >= Some(1)
    })
    .await;
    let slow = start("orders", &["apply", "--yes"]);
    eventually("the first waits", async || {
        ground.count(0, &format!("{locks} false")).await >= Some(1)
    })
    .await;
    // The anchor of the one is the shard of the other.
    start("billing", &["apply", "--yes"])
        .end()
        .await
        .ends(6)
        .says("greylag/");
    // They share a state store, which tells who is at work.
    start("billing", &["apply", "--yes", "--take-over"])
        .end()
        .await
        .ends(6)
        .says("`--take-over` leaves session ")
        .says("is carried out by `greylag apply` of oncall@")
        .says("end it yourself: SELECT pg_terminate_backend(");
    let free = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'orders'::regclass AND granted";
    ground.execute(0, free).await;
    holder.abort();
    slow.end().await.ends(0);
    start("billing", &["apply", "--yes"]).end().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projects_in_one_journal_see_their_own_rollouts_and_may_run_at_once() {
    let Some(state) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    let url = state.server().url(&state.databases[0]);
    for store in ["sqlite:shared/state.db", &url] {
        let ground = Ground::on(Engine::Sqlite, 2)
            .await
            .expect("SQLite is always there");
        projects(
            &ground,
            &[(0, "orders"), (1, "billing")],
            &format!("[state]\nurl = \"{store}\"\n"),
        );
        let asks = "\n[[rollout.wave]]\nname = \"all\"\napproval = true\n";
        let file = ground.file("orders.toml");
        let text = std::fs::read_to_string(&file).expect("the project");
        std::fs::write(&file, text + asks).expect("the project");
        let start =
            |project: &str, args: &[&str]| ground.start_on(&format!("{project}.toml"), args);
        start("orders", &["apply", "--yes"]).end().await.ends(4);
        start("billing", &["apply", "--yes"]).end().await.ends(0);
        let listed = start("billing", &["rollout", "list"]).end().await.ends(0);
        assert_eq!(listed.said.matches("done").count(), 1, "{}", listed.said);
        listed.never_says("unfinished");
        start("orders", &["rollout", "list"])
            .end()
            .await
            .ends(0)
            .says("unfinished");
        start("orders", &["rollout", "approve"]).end().await.ends(0);
        let at_once = [
            start("orders", &["apply", "--yes"]),
            start("billing", &["apply", "--yes"]),
        ];
        for run in at_once {
            run.end().await.ends(0);
        }
        assert_eq!(
            ground.count(0, "SELECT count(*) FROM orders").await,
            Some(0)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relative_paths_are_the_projects_wherever_it_is_run_from() {
    let ground = Ground::on(Engine::Sqlite, 0)
        .await
        .expect("SQLite is always there");
    let there = ground.file("deep/project");
    std::fs::create_dir_all(there.join("migrations")).expect("a folder");
    std::fs::create_dir_all(there.join("data")).expect("a folder");
    std::fs::write(there.join("migrations/V1__a.sql"), "CREATE TABLE a (x);\n").expect("a file");
    let shards = "\n[[shard]]\nname = \"one\"\nprimary = \"sqlite:data/one.db?mode=rwc\"\n\
        \n[[discover]]\nkind = \"glob\"\npattern = \"data/more-*.db\"\n";
    for name in ["more-1", "more-2"] {
        rusqlite::Connection::open(there.join(format!("data/{name}.db")))
            .and_then(|file| file.execute_batch("PRAGMA user_version = 1"))
            .expect("a file");
    }
    std::fs::write(
        there.join("greylag.toml"),
        format!("{}{shards}", Ground::head("")),
    )
    .expect("the project");
    ground
        .start_on("deep/project/greylag.toml", &["apply", "--yes"])
        .end()
        .await
        .ends(0)
        .says("3 shards changed");
    for name in ["one", "more-1", "more-2"] {
        let file = rusqlite::Connection::open(there.join(format!("data/{name}.db"))).expect("it");
        file.execute_batch("SELECT x FROM a").expect("the table");
    }
    assert!(there.join(".greylag/state.db").exists());
    for stray in ["data", ".greylag", "migrations/V1__a.sql"] {
        assert!(!ground.file(stray).exists(), "{stray} strayed");
    }
    // From within, and by another name of the folder: the same shards, not copies.
    std::os::unix::fs::symlink(&there, ground.file("link")).expect("a link");
    ground
        .start_on("link/greylag.toml", &["apply", "--yes"])
        .end()
        .await
        .ends(0)
        .says("nothing to do");
}

/// Projects on shards of the ground, each with a folder, a history table and a first migration of its name.
fn projects(ground: &Ground, on: &[(usize, &str)], more: &str) {
    for (shard, name) in on {
        let head = Ground::head(&format!("history-table = \"{name}_history\""))
            .replace("\"faults\"", &format!("\"{name}\""))
            .replace("\"migrations\"", &format!("\"{name}\""));
        let text = format!("{head}{more}{}", ground.shard(*shard, ""));
        ground.write_project(&format!("{name}.toml"), &text);
        let folder = ground.file(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(
            folder.join("V1__first.sql"),
            format!("CREATE TABLE {name} (id int);\n"),
        )
        .expect("a migration");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_a_project_run_beside_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    let ops = ground.file("ops");
    std::fs::create_dir_all(ops.join("migrations")).expect("a folder");
    std::fs::write(
        ops.join("migrations/V1__a.sql"),
        "CREATE TABLE a (x int);\n",
    )
    .expect("a file");
    for (name, text) in [
        ("secret.sh", "cat password"),
        ("ready.sh", "test -e greylag.toml && pwd > asked"),
    ] {
        let file = ops.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a script");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("a script");
    }
    std::fs::write(ops.join("password"), "greylag\n").expect("a file");
    let named = ground.shard(0, "password = { command = [\"./secret.sh\"] }\n");
    assert!(named.contains("greylag:greylag@"), "{named}");
    let shard = named.replace("greylag:greylag@", "greylag@");
    let check = "[[check]]\nname = \"ready\"\ncommand = [\"./ready.sh\"]\n";
    ground.write_project(
        "ops/greylag.toml",
        &format!("{}{check}{shard}", Ground::head("")),
    );
    ground
        .start_on("ops/greylag.toml", &["apply", "--yes", "--wait", "1s"])
        .end()
        .await
        .ends(0);
    assert_eq!(ground.versions(0).await, "1");
    let asked = std::fs::read_to_string(ops.join("asked")).expect("it was asked there");
    let there = ops.canonicalize().expect("a folder");
    assert_eq!(asked.trim(), there.display().to_string());
}
