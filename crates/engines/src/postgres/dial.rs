//! A client of a PostgreSQL server that is no shard: the URL, its TLS options among them, is read as a shard's is.

use std::time::Duration;

use tokio_postgres::Client;
use url::Url;

use super::{address, connect::give_way, tls};
use crate::secret::{PasswordSource, SecretError};

/// Why there is no client. Shows no part of the URL.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("the URL can't be used: {0}")]
    Url(String),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("TLS can't be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the server can't be connected to")]
    Server(#[source] tokio_postgres::Error),
    #[error("no answer within {0:?}")]
    Late(Duration),
}

/// Connects, and lets the connection run beside.
pub async fn dial(
    url: &Url,
    password: Option<&dyn PasswordSource>,
    application: &str,
    within: Duration,
) -> Result<Client, DialError> {
    let mut address = address::read(url).map_err(DialError::Url)?;
    if let Some(source) = password {
        address.config.password(source.resolve().await?.expose());
    }
    address.config.application_name(application);
    if !address.options.is_empty() {
        address.config.options(address.options.trim());
    }
    let tls = tls::connector(&address.security).map_err(DialError::Tls)?;
    let mut config = address.config;
    let mut gave_way = false;
    loop {
        let connecting = tokio::time::timeout(within, config.connect(tls.clone()));
        let refused = match connecting.await {
            Ok(Ok((client, connection))) => {
                tokio::spawn(connection);
                return Ok(client);
            }
            Ok(Err(refused)) => refused,
            Err(_) => return Err(DialError::Late(within)),
        };
        match give_way(address.security.mode, &refused) {
            Some(mode) if !gave_way => config.ssl_mode(mode),
            _ => return Err(DialError::Server(refused)),
        };
        gave_way = true;
    }
}
