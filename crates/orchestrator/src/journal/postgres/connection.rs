//! The way to the state store's server.

use super::super::{JournalError, Location};
use greylag_engines::{PasswordSource, dial_postgres};
use std::{sync::Arc, time::Duration};
use tokio_postgres::Client;

/// How long one try to connect may take.
const WITHIN: Duration = Duration::from_secs(10);

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
        let password = self.password.as_deref();
        let client = dial_postgres(&self.url, password, "greylag/state", WITHIN)
            .await
            .map_err(|why| unreachable(why.into()))?;
        client
            .batch_execute("SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET synchronous_commit = on")
            .await
            .map_err(|why| unreachable(why.into()))?;
        Ok(client)
    }
}
