//! What PostgreSQL's effects are measured on.

use greylag_lab::Server;
use tokio_postgres::NoTls;

const FIXTURE: &str = include_str!("../../effects/postgres.sql");

/// A database with the tables that PostgreSQL's effects are measured on, and the server's second tablespace.
pub async fn database(server: &Server) -> String {
    let database = server.database("effects").await.unwrap().name;
    server.execute(&database, FIXTURE).await.unwrap();
    if server.installation().major() >= 15 {
        let other = "CREATE ACCESS METHOD other_heap TYPE TABLE HANDLER heap_tableam_handler";
        server.execute(&database, other).await.unwrap();
    }
    if server.installation().major() >= 18 {
        let lifted = "ALTER TABLE t ADD CONSTRAINT t_lifted_fk FOREIGN KEY (k) REFERENCES ref (id) NOT ENFORCED";
        server.execute(&database, lifted).await.unwrap();
    }
    let there = "SELECT count(*) FROM pg_tablespace WHERE spcname = 'other_disk'";
    if server.value(&database, there).await.unwrap().as_deref() == Some("0") {
        let url = server.superuser_url(&database);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        // In place: a standby on the same machine gets a folder of its own.
        for sql in [
            "SET allow_in_place_tablespaces = on",
            "CREATE TABLESPACE other_disk LOCATION ''",
        ] {
            client.batch_execute(sql).await.unwrap();
        }
        drop(client);
        connection.await.unwrap().unwrap();
    }
    database
}
