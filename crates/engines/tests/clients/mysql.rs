//! The mariadb client and its dump.

use crate::corpora::{Corpus, assert_same, of, output};
use greylag_core::engine::Engine;
use greylag_lab::{Server, TestDatabase};
use mysql_async::{Conn, Opts, prelude::Queryable};
use std::{fs::File, process::Command};

#[tokio::test]
async fn our_statements_make_the_schema_that_the_mariadb_client_makes() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::MariaDb).await else {
        return;
    };
    for corpus in of(Engine::Mariadb) {
        let theirs = server.database("theirs").await.unwrap();
        for file in &corpus.files {
            let mut client = client(&server, &["mariadb", "mysql"], &theirs);
            let status = client
                .arg(&theirs.name)
                .stdin(File::open(&file.path).unwrap())
                .output()
                .unwrap();
            let errors = String::from_utf8_lossy(&status.stderr);
            assert!(status.status.success(), "{}: {errors}", file.path.display());
        }
        let ours = server.database("ours").await.unwrap();
        run(&corpus, &ours).await;
        assert_same(&corpus.name, &dump(&server, &theirs), &dump(&server, &ours));
    }
}

async fn run(corpus: &Corpus, database: &TestDatabase) {
    for file in &corpus.files {
        let opts = options(database);
        let mut connection = Conn::new(opts).await.unwrap();
        for statement in &file.script.statements {
            let sql = file.script.sql(statement);
            let run = connection.query_drop(sql).await;
            run.unwrap_or_else(|e| {
                panic!("{}:{}: {sql}: {e}", file.path.display(), statement.line)
            });
        }
        connection.disconnect().await.unwrap();
    }
}

fn options(database: &TestDatabase) -> Opts {
    let url = database.admin_url.replacen("mariadb:", "mysql:", 1);
    Opts::from_url(&url).unwrap()
}

fn client(server: &Server, names: &[&str], database: &TestDatabase) -> Command {
    let found = names
        .iter()
        .find_map(|name| server.installation().client(name));
    let mut client = found.unwrap();
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
    let mut dump = client(server, &["mariadb-dump", "mysqldump"], database);
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
