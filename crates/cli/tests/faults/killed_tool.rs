//! greylag is killed by SIGKILL while a tool copies a table: the tool ends with it, and the next apply says so, clears away what it
//! left, and does the change once.

use crate::{ground::Ground, run::eventually};
use greylag_lab::Engine;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const PT_OSC: &str = "pt-online-schema-change";
const GH_OST: &str = "gh-ost";

async fn play(engine: Engine, tool: &str) {
    let Some(program) = greylag_lab::tool(tool) else {
        return;
    };
    let Some(ground) = Ground::on(engine, 1).await else {
        return;
    };
    ground
        .execute(
            0,
            "CREATE TABLE big (id int PRIMARY KEY AUTO_INCREMENT, a int NOT NULL)",
        )
        .await;
    ground
        .execute(0, "INSERT INTO big (a) VALUES (1), (2), (3), (4)")
        .await;
    // gh-ost waits for as many times as long as a chunk took: on a busy machine that is long.
    let rows = if tool == GH_OST { 200 } else { 500 };
    while ground.count(0, "SELECT COUNT(*) FROM big").await < Some(rows) {
        ground
            .execute(0, "INSERT INTO big (a) SELECT a FROM big")
            .await;
    }
    ground.execute(0, "ANALYZE TABLE big").await;
    if tool == GH_OST {
        let database = ground.value(0, "SELECT DATABASE()").await.unwrap();
        for sql in [
            format!("GRANT ALL PRIVILEGES ON `{database}`.* TO greylag@'%'"),
            "GRANT REPLICATION SLAVE ON *.* TO greylag@'%'".to_owned(),
        ] {
            ground.execute(0, &sql).await;
        }
    }
    let slowly = match tool {
        GH_OST => "--chunk-size=10 --nice-ratio=100",
        _ => "--chunk-size=10 --chunk-time=0 --sleep=5",
    };
    // The first time it is slow enough to be met half-way; a plan keeps the arguments that it began with.
    let (script, slow) = (ground.file("tool"), ground.file("slow"));
    let text = format!(
        "#!/bin/sh\n[ -e {0} ] && exec {1} {slowly} \"$@\"\nexec {1} \"$@\"\n",
        slow.display(),
        program.display()
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a script");
    fs::write(&slow, "").expect("a file");
    ground.project(&format!(
        "[online.tool.{tool}]\nprogram = \"{}\"\n",
        script.display()
    ));
    let file = format!("-- greylag:online {tool}\nALTER TABLE big MODIFY a bigint NOT NULL;\n");
    ground.migration("V1__widen.sql", &file);

    let mut first = ground.start(&["apply", "--yes", "--claim", "1"]);
    // (What it says at work, what stands before its folder, what stands behind, and how its login is named to it.)
    let (at_work, before, behind, login) = match tool {
        GH_OST => (
            "State: migrating",
            "Serving on unix socket: ",
            "/gh-ost.sock",
            "--conf={}/gh-ost.cnf",
        ),
        _ => (
            "Copying approximately",
            "Created plugin from ",
            "/hold.pm",
            "F={}/pt.cnf",
        ),
    };
    first.until_it_says(at_work).await;
    let said = first.said();
    let folder = said
        .split(before)
        .nth(1)
        .and_then(|rest| rest.split(behind).next())
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned();
    assert!(Path::new(&folder).join("login.cnf").exists());
    let argument = login.replace("{}", &folder);
    assert!(runs_with(&argument), "the tool is not found");
    first.kill().await;

    eventually("the tool ends with greylag", async || !runs_with(&argument)).await;
    eventually("its login goes with it", async || {
        !Path::new(&folder).exists()
    })
    .await;
    let left = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()";
    let tables = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_big%'";
    let (triggers, made, dropped, ended) = match tool {
        GH_OST => (0, 2, "dropped the table `_big_gl", "Done migrating"),
        _ => (3, 1, "dropped the trigger", "Successfully altered"),
    };
    assert_eq!(ground.count(0, left).await, Some(triggers));
    assert_eq!(ground.count(0, tables).await, Some(made));

    fs::remove_file(&slow).expect("the file");
    let stood =
        "was under way on `big` when its run ended: it had not changed the table, and begins again";
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says(&format!("{tool} {stood}"))
        .says(dropped)
        .says(ended);
    assert_eq!(ground.versions(0).await, "1");
    let column = "SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'big' AND COLUMN_NAME = 'a'";
    assert_eq!(ground.value(0, column).await.as_deref(), Some("bigint"));
    assert_eq!(ground.count(0, left).await, Some(0));
    assert_eq!(ground.count(0, tables).await, Some(0));
}

/// Whether some process of this machine has an argument that begins so, or holds it.
fn runs_with(argument: &str) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    processes.flatten().any(|process| {
        let file = process.path().join("cmdline");
        fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(argument))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_whose_greylag_is_killed_ends_and_is_cleared_away_on_mysql() {
    play(Engine::MySql, PT_OSC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_whose_greylag_is_killed_ends_and_is_cleared_away_on_mariadb() {
    play(Engine::MariaDb, PT_OSC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gh_ost_whose_greylag_is_killed_ends_and_is_cleared_away() {
    play(Engine::MySql, GH_OST).await;
}
