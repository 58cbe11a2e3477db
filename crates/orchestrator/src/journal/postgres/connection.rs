//! The way to the state store's server.

use super::super::{JournalError, Location};
use greylag_engines::PasswordSource;
use std::{sync::Arc, time::Duration};
use tokio_postgres::{Client, Config, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

pub struct Door {
    at: String,
    url: url::Url,
    password: Option<Arc<dyn PasswordSource>>,
}

impl Door {
    pub fn new(url: &url::Url, password: Option<Arc<dyn PasswordSource>>) -> Self {
        let location = Location::Postgres {
            url: url.clone(),
            password: None,
        };
        Self {
            at: location.shown(),
            url: url.clone(),
            password,
        }
    }

    pub fn at(&self) -> &str {
        &self.at
    }

    pub async fn connect(&self) -> Result<Client, JournalError> {
        let unreachable =
            |source: Box<dyn std::error::Error + Send + Sync>| JournalError::Unreachable {
                at: self.at.clone(),
                source,
            };
        let mut config: Config = self
            .url
            .as_str()
            .parse()
            .map_err(|why: tokio_postgres::Error| unreachable(why.into()))?;
        if let Some(source) = &self.password {
            let secret = source
                .resolve()
                .await
                .map_err(|why| unreachable(why.into()))?;
            config.password(secret.expose());
        }
        config.application_name("greylag/state");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        let client = if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config
                .connect(NoTls)
                .await
                .map_err(|why| unreachable(why.into()))?;
            tokio::spawn(connection);
            client
        } else {
            let (client, connection) = config
                .connect(tls().map_err(|why| unreachable(why.into()))?)
                .await
                .map_err(|why| unreachable(why.into()))?;
            tokio::spawn(connection);
            client
        };
        client
            .batch_execute("SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET synchronous_commit = on")
            .await
            .map_err(|why| unreachable(why.into()))?;
        Ok(client)
    }
}

fn tls() -> Result<MakeRustlsConnect, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    // A machine without certificates still talks to servers without TLS.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
