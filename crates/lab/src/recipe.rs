//! What an engine must tell the lab so that it can be run, and the table of those who do.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::Signal;

use crate::engine::Engine;
use crate::error::SqlError;
use crate::installation::Installation;
use crate::node::Node;
use crate::process::ProcessId;
use crate::{mysql, postgres};

/// How one engine is set up, started, stopped and replicated.
#[async_trait]
pub(crate) trait Recipe: Send + Sync {
    /// All that makes one template differ from another, as text.
    fn template_key(&self, installation: &Installation, settings: &[(String, String)]) -> String;

    /// The command that makes an empty data directory.
    fn initialise(&self, installation: &Installation, node: &Node) -> io::Result<Command>;

    /// Writes the configuration into the node's folder. `fresh`: the data directory has just been initialised, and lacks
    /// also what its copies will inherit.
    fn configure(&self, installation: &Installation, node: &Node, fresh: bool) -> io::Result<()>;

    /// The command that runs the server in the foreground.
    fn serve(&self, installation: &Installation, node: &Node) -> Command;

    /// The database that the administrator can always enter.
    fn home(&self) -> &'static str;

    /// Accounts and grants, once, when the template is made: in which database, what.
    fn first_statements(&self) -> Vec<(&'static str, String)>;

    /// Whether a file of the template goes into its copies.
    fn belongs_in_template(&self, path: &Path) -> bool;

    /// The signal for an orderly stop that doesn't wait for clients.
    fn stop_signal(&self) -> Signal;

    /// The name of the signal for an end at once that leaves nothing outside the data directory.
    fn end_signal(&self) -> (&'static str, Signal);

    /// A scheme and a database name for URLs.
    fn scheme(&self) -> &'static str;

    /// Makes a database that belongs to the ordinary account.
    fn create_database(&self, installation: &Installation, name: &str) -> Vec<String>;

    /// Gives a stopped copy of the template an identity of its own, or its primary's where replicas share it.
    fn identify(&self, node: &Node, primary: Option<&Node>) -> io::Result<()>;

    /// Turns a stopped copy of the template into a replica of the server at `port`: what belongs in files.
    fn prepare_replica(&self, node: &Node, port: u16, name: &str) -> io::Result<()>;

    /// … and what is said once `node` runs.
    fn replicate_statements(&self, node: &Node, port: u16) -> Vec<String>;

    /// What makes a running replica reach the server it follows through another port.
    fn reroute_statements(&self, port: u16, name: &str) -> Vec<String>;

    /// Whether `replica` receives and applies what `primary` writes.
    async fn is_streaming(&self, replica: &Node) -> Result<bool, SqlError>;

    /// Whether `replica` has applied all that `primary` had written when asked.
    async fn has_caught_up(&self, replica: &Node, primary: &Node) -> Result<bool, SqlError>;

    /// Lets a primary, which runs as `server`, write nothing any more but what somebody asks it to, and says up to where it has written.
    /// `None` where an engine never does.
    async fn still(&self, _: &Node, _: &ProcessId) -> Result<Option<String>, SqlError> {
        Ok(None)
    }

    /// Whether `replica` has applied all up to a position that [`Recipe::still`] said.
    async fn has_applied(&self, _: &Node, _: &str) -> Result<bool, SqlError> {
        Ok(true)
    }

    /// Stops receiving on a replica; what it has it keeps.
    fn cut_off_statements(&self) -> Vec<String>;

    /// Whether a replica receives nothing.
    async fn is_cut_off(&self, replica: &Node) -> Result<bool, SqlError>;

    /// Stops applying on a replica; receiving goes on.
    async fn pause_replay(&self, replica: &Node) -> Result<(), SqlError>;

    /// Applies again.
    async fn resume_replay(&self, replica: &Node) -> Result<(), SqlError>;

    /// What holds a running replica's replay back by so much on purpose; zero takes it away.
    fn delay_statements(&self, by: Duration) -> Vec<String>;

    /// What makes a running replica a primary.
    fn promote_statements(&self) -> Vec<String>;

    /// Whether it accepts writes.
    async fn is_writable(&self, node: &Node) -> Result<bool, SqlError>;
}

/// The recipe of an engine; SQLite has none, it is no server.
pub(crate) fn recipe(engine: Engine) -> Option<&'static dyn Recipe> {
    match engine {
        Engine::Postgres => Some(&postgres::Postgres),
        Engine::MySql => Some(&mysql::Family { maria: false }),
        Engine::MariaDb => Some(&mysql::Family { maria: true }),
        Engine::Sqlite => None,
    }
}
