//! The shared server, and a database of one's own on it, over the URLs that a test is given.

use greylag_lab::Engine;
use mysql_async::prelude::Queryable;

#[tokio::test]
async fn the_ordinary_postgres_account_owns_its_database_and_nothing_else() {
    let Some(server) = greylag_lab::require(Engine::Postgres).await else {
        return;
    };
    let database = server.database("owned").await.unwrap();
    let (client, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    client
        .batch_execute("CREATE TABLE t (id int); CREATE SCHEMA s; INSERT INTO t VALUES (7)")
        .await
        .unwrap();
    let row = client.query_one("SELECT current_user::text, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)", &[]).await.unwrap();
    assert_eq!(
        (row.get::<_, &str>(0), row.get::<_, bool>(1)),
        ("greylag", false)
    );
    assert!(
        client
            .batch_execute("CREATE DATABASE another")
            .await
            .is_err()
    );
    drop(client);
    driver.await.unwrap().unwrap();
    let (admin, connection) = tokio_postgres::connect(&database.admin_url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let sevens = admin
        .query_one("SELECT count(*) FROM t WHERE id = 7", &[])
        .await
        .unwrap();
    assert_eq!(sevens.get::<_, i64>(0), 1);
}

async fn the_ordinary_mysql_account_owns_its_database_and_nothing_else(engine: Engine) {
    let Some(server) = greylag_lab::require(engine).await else {
        return;
    };
    let database = server.database("owned").await.unwrap();
    // The driver knows one scheme for the two engines.
    let url = database.url.replace("mariadb://", "mysql://");
    let mut connection = mysql_async::Conn::from_url(url).await.unwrap();
    connection
        .query_drop("CREATE TABLE t (id int)")
        .await
        .unwrap();
    connection
        .query_drop("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id + 1")
        .await
        .unwrap();
    connection
        .query_drop("INSERT INTO t VALUES (6)")
        .await
        .unwrap();
    assert_eq!(
        connection
            .query_first::<i32, _>("SELECT id FROM t")
            .await
            .unwrap(),
        Some(7)
    );
    assert!(
        connection
            .query_drop("CREATE DATABASE another")
            .await
            .is_err()
    );
    connection.disconnect().await.unwrap();
    let url = database.admin_url.replace("mariadb://", "mysql://");
    let mut connection = mysql_async::Conn::from_url(url).await.unwrap();
    assert_eq!(
        connection
            .query_first::<i32, _>("SELECT id FROM t")
            .await
            .unwrap(),
        Some(7)
    );
    connection.disconnect().await.unwrap();
}

#[tokio::test]
async fn the_ordinary_mariadb_account_owns_its_database() {
    the_ordinary_mysql_account_owns_its_database_and_nothing_else(Engine::MariaDb).await;
}

#[tokio::test]
async fn the_ordinary_mysql_account_owns_its_database() {
    the_ordinary_mysql_account_owns_its_database_and_nothing_else(Engine::MySql).await;
}

#[tokio::test]
async fn all_tests_of_a_process_share_one_server() {
    let Some(first) = greylag_lab::require(Engine::Postgres).await else {
        return;
    };
    let second = greylag_lab::shared(Engine::Postgres).await.unwrap();
    assert_eq!(first.port(), second.port());
    let (one, two) = (
        first.database("a").await.unwrap(),
        second.database("a").await.unwrap(),
    );
    assert_ne!(one.name, two.name);
}
