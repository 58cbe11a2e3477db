//! A store whose server speaks TLS is reached as a shard would be.

use greylag_lab::{Engine, Options, Server};
use greylag_orchestrator::journal::{self, JournalError, Location};

#[tokio::test]
async fn the_stores_url_takes_sslmode_and_sslrootcert_as_a_shards_does() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let server = Server::start(Engine::Postgres, Options::default().tls())
        .await
        .unwrap();
    let database = server.database("journal").await.unwrap();
    let ca = server.ca_file().display().to_string();
    let open = async |options: &str| {
        let url = format!("{}?{options}", server.url(&database.name));
        let url = url.parse().unwrap();
        let location = Location::Postgres {
            url,
            password: None,
        };
        journal::open(&location).await.map(drop)
    };
    open(&format!("sslmode=verify-full&sslrootcert={ca}"))
        .await
        .unwrap();
    open(&format!("sslmode=verify-ca&sslrootcert={ca}"))
        .await
        .unwrap();
    // It encrypts, and proves nothing.
    open("sslmode=require").await.unwrap();
    let refused = open("sslmode=verify-full").await.unwrap_err();
    assert!(
        matches!(refused, JournalError::Unreachable { .. }),
        "{refused}"
    );
}
