//! Secrets: references resolved at each connection, never shown.

use async_trait::async_trait;
use std::fmt;

/// A password in memory. Has no `Display` and shows nothing in `Debug`.
#[derive(Clone)]
pub struct Secret(String);

/// Where a password comes from: an environment variable, a file, a command.
#[async_trait]
pub trait PasswordSource: Send + Sync {
    async fn resolve(&self) -> Result<Secret, SecretError>;
}

/// Names the reference, never the value.
#[derive(Debug, thiserror::Error)]
#[error("the password from {reference} can't be had: {why}")]
pub struct SecretError {
    pub reference: String,
    pub why: String,
}

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
