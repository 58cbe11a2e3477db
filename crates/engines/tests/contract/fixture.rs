//! What an engine brings to the contract: shards to try things on, and its own words for a few things.

use async_trait::async_trait;
use greylag_core::engine::Engine;
use greylag_engines::Target;
use greylag_lab::Proxy;

/// One fresh shard of an engine.
#[async_trait]
pub trait Fixture: Send + Sync + Sized {
    const ENGINE: Engine;
    const WORDS: Words;

    /// A fresh, empty shard; `None`, said loudly, on a machine without the engine.
    async fn start() -> Option<Self>;

    /// The shard, as an ordinary account.
    fn target(&self) -> Target;

    /// The shard through a proxy that can be cut; `None` where there is no network.
    async fn proxied(&self) -> Option<(Target, Proxy)>;

    /// One value, by a connection that is not Greylag's.
    async fn value(&self, sql: &str) -> Option<String>;

    /// Whether a session on the shard is at [`Words::sleep`] now.
    async fn sleeps(&self) -> bool;

    /// SQL, by a connection that is not Greylag's, as an account whose tables the target's account may change.
    async fn execute(&self, sql: &str);
}

/// The same thing said in each engine's words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// A statement that runs for half a minute unless it is cancelled.
    pub sleep: &'static str,
    /// A statement that the file of a transaction can't have; harmless and repeatable.
    pub alone: &'static str,
    /// One statement that sets something of the session, and a query that shows its value.
    pub set: &'static str,
    pub shown: &'static str,
    /// What the query says after the `SET`.
    pub as_set: &'static str,
    /// What a file may leave behind, and an expression that would show it.
    pub leaves: &'static [(&'static str, &'static str)],
    /// A statement that the server can't parse, and the column (from 1) where it says so; 0 where it gives only the line.
    pub nonsense: &'static str,
    pub column: u32,
}
