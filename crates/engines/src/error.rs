//! What can go wrong between Greylag and a server, outside a migration's own statements.

use crate::secret::SecretError;
use greylag_core::outcome::FailureClass;

/// A connection could not be had. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{address} can't be reached")]
    Unreachable {
        address: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{address} refuses the login of `{user}`: {message}")]
    Login {
        address: String,
        user: String,
        message: String,
        /// What would let it in, where that is known: a statement for an administrator.
        mend: Option<String>,
    },
    #[error("the TLS connection to {address} failed")]
    Tls {
        address: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the URL of shard `{shard}` is not understood: {why}")]
    Url { shard: String, why: String },
    #[error("{address} is behind a pooler that breaks session locks: {why}")]
    Pooler { address: String, why: String },
    #[error("the session SQL `{statement}` failed on {address}: {message}")]
    SessionSql {
        address: String,
        statement: String,
        message: String,
    },
    #[error("{address} runs {version}, which is not supported: {why}")]
    Version {
        address: String,
        version: String,
        why: String,
    },
}

/// A verb of a session failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The connection is gone; whether the last statement took effect is not known.
    #[error("the connection to {address} was lost while {doing}")]
    Lost {
        address: String,
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server said no.
    #[error("{address} refused {doing}: {message}")]
    Server {
        address: String,
        doing: &'static str,
        class: FailureClass,
        code: Option<String>,
        message: String,
        hint: Option<String>,
    },
    /// A row of ours does not read as this version of Greylag writes it.
    #[error("{address} holds {what} that this version of greylag can't read: {why}")]
    Foreign {
        address: String,
        what: String,
        why: String,
    },
    /// The engine has no such ability.
    #[error("{engine} can't {what}")]
    Unable {
        engine: &'static str,
        what: &'static str,
    },
}
