//! psql and pg_dump.

use crate::corpora::{Fate, File, assert_alike, assert_same, fate, of, output};
use greylag_core::engine::Engine;
use greylag_lab::Server;
use std::process::Command;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

#[tokio::test]
async fn our_statements_make_the_schema_that_psql_makes() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::Postgres).await else {
        return;
    };
    for corpus in of(Engine::Postgres) {
        let theirs = server.database("theirs").await.unwrap();
        let ours = server.database("ours").await.unwrap();
        for files in corpus.sessions() {
            let told = psql(&server, files, &theirs.admin_url);
            assert_alike(files, &told, &run(files, &ours.admin_url).await);
        }
        assert_same(
            &corpus.name,
            &dump(&server, &theirs.admin_url),
            &dump(&server, &ours.admin_url),
        );
    }
}

fn psql(server: &Server, files: &[File], url: &str) -> Fate {
    let mut psql = client(server, "psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]);
    psql.args(["-o", "/dev/null"]);
    for file in files {
        psql.arg("-f").arg(&file.path).args(["-c", "RESET ALL"]);
    }
    fate(&mut psql)
}

fn client(server: &Server, name: &str) -> Command {
    server.installation().client(name).unwrap()
}

async fn run(files: &[File], url: &str) -> Fate {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let fate = statements(&client, files).await;
    drop(client);
    connection.await.unwrap().unwrap();
    fate
}

async fn statements(client: &Client, files: &[File]) -> Fate {
    for file in files {
        for statement in &file.script.statements {
            let sql = file.script.sql(statement);
            let place = format!("{}:{}: {sql}", file.path.display(), statement.line);
            assert!(statement.copy_data.is_none(), "{place}");
            let messages = client.simple_query(sql).await;
            let messages = messages.map_err(|e| format!("{place}: {e:?}"))?;
            let done = messages
                .iter()
                .filter(|m| matches!(m, SimpleQueryMessage::CommandComplete(_)));
            assert_eq!(done.count(), 1, "one statement: {place}");
        }
        client.simple_query("RESET ALL").await.unwrap();
    }
    Ok(())
}

fn dump(server: &Server, url: &str) -> String {
    let dump = output(client(server, "pg_dump").args(["--schema-only", "-d", url]));
    let lines = dump.lines().filter(|line| !line.contains("restrict "));
    lines.fold(String::new(), |text, line| text + line + "\n")
}
