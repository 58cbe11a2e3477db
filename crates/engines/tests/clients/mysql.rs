//! The clients of MariaDB and MySQL, and their dumps.

use crate::corpora::{Fate, File, assert_alike, assert_same, fate, of, output};
use greylag_core::engine::Engine;
use greylag_lab::{Server, TestDatabase};
use mysql_async::{Conn, Opts, prelude::Queryable};
use std::{fs, process::Command, slice};

#[tokio::test]
async fn our_statements_make_the_schema_that_the_mariadb_client_makes() {
    compare(greylag_lab::Engine::MariaDb, Engine::Mariadb).await;
}

#[tokio::test]
async fn our_statements_make_the_schema_that_the_mysql_client_makes() {
    compare(greylag_lab::Engine::MySql, Engine::Mysql).await;
}

async fn compare(kind: greylag_lab::Engine, engine: Engine) {
    let Some(server) = greylag_lab::require(kind).await else {
        return;
    };
    for corpus in of(engine) {
        let theirs = server.database("theirs").await.unwrap();
        let ours = server.database("ours").await.unwrap();
        for file in &corpus.files {
            let mut client = client(&server, ["mariadb", "mysql"], &theirs);
            let input = fs::File::open(&file.path).unwrap();
            let told = fate(client.arg(&theirs.name).stdin(input));
            assert_alike(slice::from_ref(file), &told, &run(file, &ours).await);
        }
        assert_same(&corpus.name, &dump(&server, &theirs), &dump(&server, &ours));
    }
}

async fn run(file: &File, database: &TestDatabase) -> Fate {
    let opts = options(database);
    let mut connection = Conn::new(opts).await.unwrap();
    // As the client is told and as Greylag's sessions begin: what a routine keeps of its session is in the dump.
    connection.query_drop("SET NAMES utf8mb4").await.unwrap();
    for statement in &file.script.statements {
        let sql = file.script.sql(statement);
        let run = connection.query_drop(sql).await;
        run.map_err(|e| format!("{}:{}: {sql}: {e}", file.path.display(), statement.line))?;
    }
    connection.disconnect().await.unwrap();
    Ok(())
}

fn options(database: &TestDatabase) -> Opts {
    let url = database.admin_url.replacen("mariadb:", "mysql:", 1);
    Opts::from_url(&url).unwrap()
}

/// The engine's own, of MariaDB's name and MySQL's.
fn client(server: &Server, [mariadb, mysql]: [&str; 2], database: &TestDatabase) -> Command {
    let own = match server.engine() {
        greylag_lab::Engine::MariaDb => mariadb,
        _ => mysql,
    };
    let mut client = server.installation().client(own).unwrap();
    let opts = options(database);
    client.arg("--no-defaults");
    client.arg(format!("--host={}", opts.ip_or_hostname()));
    client.arg(format!("--port={}", opts.tcp_port()));
    client.arg(format!("--user={}", opts.user().unwrap()));
    client.args(["--protocol=tcp", "--default-character-set=utf8mb4"]);
    if let Some(password) = opts.pass() {
        client.env("MYSQL_PWD", password);
    }
    client
}

fn dump(server: &Server, database: &TestDatabase) -> String {
    let mut dump = client(server, ["mariadb-dump", "mysqldump"], database);
    dump.args([
        "--no-data",
        "--routines",
        "--triggers",
        "--events",
        "--skip-comments",
        &database.name,
    ]);
    output(&mut dump).replace(&database.name, "database")
}
