//! Real histories of real projects: the same schema and rows as the server's own client makes, the same history as Flyway wrote.

use crate::stage::{Stage, job, succeed};
use greylag_core::{
    engine::Dialect,
    migration::{Migration, Set},
    script::prepare,
};
use greylag_engines::Job;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

on_both!(a_real_history_makes_what_the_client_makes_and_records_what_flyway_records(stage, shared) {
    let Some(corpora) = corpora() else {
        eprintln!("\n##### SKIPPED: no corpora beside the repository; set GREYLAG_CORPORA\n");
        return;
    };
    for name in ["openfga", "temporal", "conductor", "uaa"] {
        let corpus = format!("{name}_mysql");
        let ours = Stage::holding(stage.server.clone(), stage.engine).await;
        let jobs = jobs(&corpora.join(&corpus), &stage);
        let mut session = ours.ready().await;
        for job in &jobs {
            succeed(session.as_mut(), job).await;
        }
        let history: Vec<[String; 5]> = session.survey().await.unwrap().history.into_iter().map(|row| {
            [row.version.unwrap_or_default(), row.description, row.kind, row.script, row.checksum.unwrap_or_default().to_string()]
        }).collect();
        let flyway = corpora.join(format!("_flyway/history/{corpus}.history.tsv"));
        assert_eq!(history, flyways(&flyway), "{corpus}");
        let theirs = Stage::holding(stage.server.clone(), stage.engine).await;
        if client(&theirs, &corpora.join(&corpus), &jobs) {
            let (made, expected) = (contents(&ours).await, contents(&theirs).await);
            assert!(!expected.is_empty(), "{corpus}");
            assert_eq!(made, expected, "{corpus}");
        }
    }
});

fn corpora() -> Option<PathBuf> {
    let folder = env::var_os("GREYLAG_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    folder.is_dir().then_some(folder)
}

fn jobs(folder: &Path, stage: &Stage) -> Vec<Job> {
    let mut migrations = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".sql") {
            let bytes = fs::read(folder.join(&name)).unwrap();
            migrations.push(Migration::read(&name, &bytes, None).unwrap());
        }
    }
    let set = Set::new(migrations).unwrap().into_vec();
    let ready = |migration: &Migration| {
        let prepared = prepare(migration, Dialect::Mysql, &BTreeMap::new()).unwrap();
        let mode = prepared
            .script
            .run_mode(migration, stage.engine.facts())
            .unwrap();
        Job {
            migration: migration.id.clone(),
            description: migration.description.clone(),
            script_name: migration.script.clone(),
            checksum: Some(prepared.checksum),
            script: prepared.script.into(),
            mode,
            ..job("1", &[])
        }
    };
    set.iter().map(ready).collect()
}

/// Runs the files through a client of the servers' own, if the machine has one that gets in.
fn client(stage: &Stage, folder: &Path, jobs: &[Job]) -> bool {
    let program = match stage.engine {
        greylag_core::engine::Engine::Mysql => "mysql",
        _ => "mariadb",
    };
    let port = stage.server.port().to_string();
    let run = |input: Stdio| {
        Command::new(program)
            .args([
                "--no-defaults",
                "--protocol=tcp",
                "-h127.0.0.1",
                "-ugreylag",
                "-pgreylag",
                "--default-character-set=utf8mb4",
                "-P",
                &port,
            ])
            .arg(&stage.database.name)
            .stdin(input)
            .output()
    };
    let gets_in = run(Stdio::null()).is_ok_and(|output| output.status.success());
    if !gets_in {
        eprintln!("\n##### SKIPPED: no `{program}` that gets in, to compare with\n");
        return false;
    }
    for job in jobs {
        let file = fs::File::open(folder.join(&job.script_name)).unwrap();
        let output = run(file.into()).unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", job.script_name);
    }
    true
}

/// Each table's definition and number of rows, and the names of what else there is.
async fn contents(stage: &Stage) -> Vec<String> {
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                  AND table_name NOT LIKE 'greylag%' ORDER BY table_name";
    let mut contents = Vec::new();
    for row in stage
        .server
        .rows(&stage.database.name, tables)
        .await
        .unwrap()
    {
        let table = row.into_iter().next().unwrap().1.unwrap();
        let shown = stage
            .server
            .rows(
                &stage.database.name,
                &format!("SHOW CREATE TABLE `{table}`"),
            )
            .await
            .unwrap();
        contents.extend(shown.into_iter().flatten().filter_map(|(_, value)| value));
        contents.push(stage.count(&format!("`{table}`")).await);
    }
    for sql in [
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY 1",
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1",
    ] {
        let rows = stage.server.rows(&stage.database.name, sql).await.unwrap();
        contents.extend(rows.into_iter().flatten().filter_map(|(_, value)| value));
    }
    contents
}

/// Version, description, type, script and checksum of each row that Flyway wrote.
fn flyways(file: &Path) -> Vec<[String; 5]> {
    let text = fs::read_to_string(file).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        std::array::from_fn(|at| columns[at + 1].to_owned())
    });
    rows.collect()
}
