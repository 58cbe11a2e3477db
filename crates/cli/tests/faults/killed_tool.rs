//! greylag is killed by SIGKILL while a tool copies a table: the tool ends with it, and the next apply says so, clears away what it
//! left, and does the change once.

use crate::{ground::Ground, run::eventually};
use greylag_lab::Engine;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const TOOL: &str = "pt-online-schema-change";

async fn play(engine: Engine) {
    let Some(program) = greylag_lab::tool(TOOL) else {
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
    while ground.count(0, "SELECT COUNT(*) FROM big").await < Some(500) {
        ground
            .execute(0, "INSERT INTO big (a) SELECT a FROM big")
            .await;
    }
    ground.execute(0, "ANALYZE TABLE big").await;
    // The first time it is slow enough to be met half-way, for minutes; a plan keeps the arguments that it began with.
    let (script, slow) = (ground.file("tool"), ground.file("slow"));
    let text = format!(
        "#!/bin/sh\n[ -e {0} ] && exec {1} --chunk-size=10 --chunk-time=0 --sleep=5 \"$@\"\nexec {1} \"$@\"\n",
        slow.display(),
        program.display()
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a script");
    fs::write(&slow, "").expect("a file");
    ground.project(&format!(
        "[online.tool.{TOOL}]\nprogram = \"{}\"\n",
        script.display()
    ));
    ground.migration(
        "V1__widen.sql",
        "-- greylag:online pt-online-schema-change\nALTER TABLE big MODIFY a bigint NOT NULL;\n",
    );

    let mut first = ground.start(&["apply", "--yes", "--claim", "1"]);
    first.until_it_says("Copying approximately").await;
    let said = first.said();
    let folder = said
        .split("Created plugin from ")
        .nth(1)
        .and_then(|rest| rest.split("/hold.pm").next())
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned();
    assert!(Path::new(&folder).join("login.cnf").exists());
    let argument = format!("F={folder}/login.cnf");
    assert!(runs_with(&argument), "the tool is not found");
    first.kill().await;

    eventually("the tool ends with greylag", async || !runs_with(&argument)).await;
    eventually("its login goes with it", async || {
        !Path::new(&folder).exists()
    })
    .await;
    let left = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()";
    assert_eq!(ground.count(0, left).await, Some(3));

    fs::remove_file(&slow).expect("the file");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("pt-online-schema-change was under way on `big` when its run ended: it had not changed the table, and begins again")
        .says("dropped the trigger")
        .says("Successfully altered");
    assert_eq!(ground.versions(0).await, "1");
    let column = "SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'big' AND COLUMN_NAME = 'a'";
    assert_eq!(ground.value(0, column).await.as_deref(), Some("bigint"));
    assert_eq!(ground.count(0, left).await, Some(0));
    let tables = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_big%'";
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
    play(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_whose_greylag_is_killed_ends_and_is_cleared_away_on_mariadb() {
    play(Engine::MariaDb).await;
}
