//! How a job changes tables beside running traffic, and what a tool is asked that does it.
//!
//! Knows no process and no command line: whoever starts tools implements [`OnlineTool`].

use crate::secret::Secret;
use async_trait::async_trait;
use greylag_core::{
    online::{Asked, OnlineDdl, ToolRule},
    outcome::FailureClass,
};
use std::{fmt, path::PathBuf, sync::Arc};

/// How far a job's statements may go, and who does what the server can't.
#[derive(Clone, Debug)]
pub struct Online {
    /// What the file asks for.
    pub asked: Asked,
    /// What the project allows on this shard.
    pub ddl: OnlineDdl,
    /// The largest table that is built or rebuilt in place where replicas would repeat it, in bytes; none: any.
    pub inplace_up_to: Option<u64>,
    /// The project names replicas. Where it names none, the server is asked who reads its binary log.
    pub names_replicas: bool,
    /// The largest table that may be copied while writes wait, in bytes.
    pub copy_up_to: u64,
    /// The file allows the copy, with a reason.
    pub may_copy: bool,
    /// The tool that the file asks for.
    pub tool: Option<Arc<dyn OnlineTool>>,
}

impl Default for Online {
    /// As written.
    fn default() -> Self {
        Self {
            asked: Asked::Auto,
            ddl: OnlineDdl::Off,
            inplace_up_to: None,
            names_replicas: false,
            copy_up_to: 0,
            may_copy: false,
            tool: None,
        }
    }
}

/// A program that changes one table of one shard.
#[async_trait]
pub trait OnlineTool: Send + Sync + fmt::Debug {
    fn name(&self) -> &str;

    /// What it makes beside the table, and what becomes of the old rows.
    fn rule(&self) -> &ToolRule;

    /// The old rows are to stay where they are, or to go; none: as it leaves them where it comes to its end.
    fn keeps_old_rows(&self) -> Option<bool>;

    /// Waits until it may begin. False where it may not any more: the run is over.
    async fn may_begin(&self) -> bool {
        true
    }

    /// Runs it to its end. Dropping the future ends it.
    async fn change(&self, change: &TableChange, say: Say<'_>) -> ToolEnd;
}

/// Where a tool's lines go.
pub type Say<'a> = &'a (dyn Fn(String) + Send + Sync);

/// What a tool is to change.
#[derive(Clone, Debug)]
pub struct TableChange {
    pub access: Access,
    pub schema: String,
    pub table: String,
    /// The clauses of an ALTER TABLE, without its head.
    pub alter: String,
    /// Part of the names of what is made for this change alone.
    pub mark: String,
    /// The table that will hold the new rows.
    pub new_table: Option<String>,
    /// How long a statement may wait for a lock, in whole seconds.
    pub lock_timeout_seconds: u64,
    /// Settings of the tool's sessions, without which it would misread this server: `name=value`.
    pub settings: &'static [&'static str],
}

/// How the server is reached, as the working connection reached it.
#[derive(Clone, Debug)]
pub struct Access {
    pub host: String,
    pub port: u16,
    pub socket: Option<String>,
    pub user: String,
    pub password: Option<Secret>,
    pub tls: Option<TlsFiles>,
}

/// How far a server's certificate is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsProof {
    #[default]
    Nothing,
    /// It is of a known authority.
    Authority,
    /// And for the server's host name.
    Identity,
}

/// TLS, and what is believed and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    pub proof: TlsProof,
    pub authorities: Option<PathBuf>,
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// How a tool's run ended, by its own word. What stands, the catalog tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEnd {
    Done,
    /// This run was asked to end.
    Cancelled,
    Failed {
        class: FailureClass,
        why: String,
        hint: Option<String>,
    },
}
