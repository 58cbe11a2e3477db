//! The administrator's line to a server: over its unix socket, which lies in our own folder, so that it can't be another's.
//! Statements and text only.

use std::path::Path;

use mysql_async::prelude::Queryable;
use tokio_postgres::SimpleQueryMessage;

use crate::engine::Engine;
use crate::error::SqlError;
use crate::node::Node;

/// One row: column names and values as text.
pub type Row = Vec<(String, Option<String>)>;

/// Runs `sql` and returns the rows of its result.
pub(crate) async fn rows(node: &Node, database: &str, sql: &str) -> Result<Vec<Row>, SqlError> {
    let answer = match node.engine {
        Engine::Postgres => postgres(node, database, sql).await,
        _ => mysql(&node.socket(), database, sql).await,
    };
    answer.map_err(|message| SqlError {
        message,
        statement: sql.to_owned(),
    })
}

async fn postgres(node: &Node, database: &str, sql: &str) -> Result<Vec<Row>, String> {
    let (client, connection) = tokio_postgres::Config::new()
        .host_path(&node.dir)
        .port(node.port.number)
        .user(Engine::Postgres.superuser())
        .dbname(database)
        .application_name("greylag-lab")
        .connect(tokio_postgres::NoTls)
        .await
        .map_err(|error| postgres_message(&error))?;
    let driver = tokio::spawn(connection);
    let answer = client.simple_query(sql).await;
    drop(client);
    // Waited for, so that the session is gone when we return: it would block DROP DATABASE, and count as a reader.
    let _ = driver.await;
    let messages = answer.map_err(|error| postgres_message(&error))?;
    Ok(messages
        .into_iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                row.columns()
                    .iter()
                    .enumerate()
                    .map(|(at, column)| (column.name().to_owned(), row.get(at).map(str::to_owned)))
                    .collect(),
            ),
            _ => None,
        })
        .collect())
}

fn postgres_message(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

async fn mysql(socket: &Path, database: &str, sql: &str) -> Result<Vec<Row>, String> {
    let options = mysql_async::OptsBuilder::default()
        .socket(socket.to_str())
        .user(Some(Engine::MySql.superuser()))
        .db_name((!database.is_empty()).then_some(database));
    let work = async {
        let mut connection = mysql_async::Conn::new(options).await?;
        let rows: Vec<mysql_async::Row> = connection.query(sql).await?;
        connection.disconnect().await?;
        Ok::<_, mysql_async::Error>(rows)
    };
    let rows = work.await.map_err(|error| error.to_string())?;
    Ok(rows.into_iter().map(mysql_row).collect())
}

fn mysql_row(row: mysql_async::Row) -> Row {
    let names: Vec<String> = row
        .columns_ref()
        .iter()
        .map(|column| column.name_str().into_owned())
        .collect();
    names
        .into_iter()
        .zip(row.unwrap().into_iter().map(mysql_text))
        .collect()
}

fn mysql_text(value: mysql_async::Value) -> Option<String> {
    match value {
        mysql_async::Value::NULL => None,
        mysql_async::Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}
