//! psql and pg_dump.

use crate::corpora::{Corpus, assert_same, of, output};
use greylag_core::engine::Engine;
use greylag_lab::Server;
use std::process::Command;
use tokio_postgres::{NoTls, SimpleQueryMessage};

#[tokio::test]
async fn our_statements_make_the_schema_that_psql_makes() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::Postgres).await else {
        return;
    };
    for corpus in of(Engine::Postgres) {
        let theirs = server.database("theirs").await.unwrap();
        let mut psql = client(&server, "psql");
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &theirs.admin_url,
            "-o",
            "/dev/null",
        ]);
        for file in &corpus.files {
            psql.arg("-f").arg(&file.path).args(["-c", "RESET ALL"]);
        }
        output(&mut psql);
        let ours = server.database("ours").await.unwrap();
        run(&corpus, &ours.admin_url).await;
        assert_same(
            &corpus.name,
            &dump(&server, &theirs.admin_url),
            &dump(&server, &ours.admin_url),
        );
    }
}

fn client(server: &Server, name: &str) -> Command {
    server.installation().client(name).unwrap()
}

async fn run(corpus: &Corpus, url: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    for file in &corpus.files {
        for statement in &file.script.statements {
            let sql = file.script.sql(statement);
            let place = format!("{}:{}: {sql}", file.path.display(), statement.line);
            assert!(statement.copy_data.is_none(), "{place}");
            let messages = client
                .simple_query(sql)
                .await
                .unwrap_or_else(|e| panic!("{place}: {e:?}"));
            let done = messages
                .iter()
                .filter(|m| matches!(m, SimpleQueryMessage::CommandComplete(_)));
            assert_eq!(done.count(), 1, "one statement: {place}");
        }
        client.simple_query("RESET ALL").await.unwrap();
    }
    drop(client);
    connection.await.unwrap().unwrap();
}

fn dump(server: &Server, url: &str) -> String {
    let dump = output(client(server, "pg_dump").args(["--schema-only", "-d", url]));
    let lines = dump.lines().filter(|line| !line.contains("restrict "));
    lines.fold(String::new(), |text, line| text + line + "\n")
}
