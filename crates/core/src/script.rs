//! The statements of a file, with exact byte spans, per dialect.
//!
//! Knows how each dialect's text is cut and which statements can't share a transaction; knows no server.

mod classify;
mod error;
mod lexer;
mod locks;
mod memo;
mod mode;
mod mysql;
mod postgres;
mod prepare;
mod refusal;
mod session;
mod split;
mod sqlite;
mod statement;
mod token;
mod traces;
mod words;

pub use error::{ScriptError, ScriptFault};
pub use locks::{Exclusive, Untold};
pub use mode::{ModeError, RunMode};
pub use prepare::{Prepared, prepare};
pub use refusal::Refusal;
pub use session::{SessionFault, session_statements};
pub use split::split;
pub use statement::{LARGE, Script, Statement, Tx, TxControl};
pub use token::{SqlToken, TokenKind, has_executable_comment, tokens, without_executable_comments};

#[cfg(test)]
mod tests;
