//! Servers that speak TLS, as the drivers' own library sees them.

use std::path::Path;
use std::sync::Arc;

use greylag_lab::{Engine, Options, Server};
use mysql_async::prelude::Queryable;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

fn trusting(authority: &Path) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[tokio::test]
async fn postgres_proves_itself_to_those_who_trust_its_authority_only() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let server = Server::start(Engine::Postgres, Options::default().tls())
        .await
        .unwrap();
    let other = Server::start(Engine::Postgres, Options::default().tls())
        .await
        .unwrap();
    let url = format!("{}?sslmode=require", server.superuser_url("postgres"));
    let connect = async |authority: &Path| {
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(trusting(authority));
        let (client, connection) = tokio_postgres::connect(&url, tls).await?;
        tokio::spawn(connection);
        client
            .query_one(
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                &[],
            )
            .await
    };
    assert!(connect(&server.ca_file()).await.unwrap().get::<_, bool>(0));
    assert!(connect(&other.ca_file()).await.is_err());
}

async fn proves_itself_to_those_who_trust_its_authority_only(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let server = Server::start(engine, Options::default().tls())
        .await
        .unwrap();
    let other = Server::start(engine, Options::default().tls())
        .await
        .unwrap();
    let connect = async |authority: &Path| {
        let url = server
            .superuser_url("mysql")
            .replace("mariadb://", "mysql://");
        let roots = vec![authority.to_owned().into()];
        let options =
            mysql_async::OptsBuilder::from_opts(mysql_async::Opts::from_url(&url).unwrap())
                .prefer_socket(false)
                .ssl_opts(
                    mysql_async::SslOpts::default()
                        .with_root_certs(roots)
                        .with_disable_built_in_roots(true),
                );
        let mut connection = mysql_async::Conn::new(options).await?;
        let cipher: Option<(String, String)> = connection
            .query_first("SHOW STATUS LIKE 'Ssl_cipher'")
            .await?;
        connection.disconnect().await?;
        Ok::<_, mysql_async::Error>(cipher.unwrap().1)
    };
    assert_ne!(connect(&server.ca_file()).await.unwrap(), "");
    assert!(connect(&other.ca_file()).await.is_err());
}

#[tokio::test]
async fn mariadb_proves_itself_to_those_who_trust_its_authority_only() {
    proves_itself_to_those_who_trust_its_authority_only(Engine::MariaDb).await;
}

#[tokio::test]
async fn mysql_proves_itself_to_those_who_trust_its_authority_only() {
    proves_itself_to_those_who_trust_its_authority_only(Engine::MySql).await;
}
