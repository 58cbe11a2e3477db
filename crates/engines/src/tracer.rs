//! Measuring what statements do, on a server that is there for nothing else.
//!
//! An ability beside `Session`. A tracer runs whatever it is given as an administrator, and makes roles that are missing: it
//! must never be pointed at a shard. Knows of no lint and no plan.

use crate::error::EngineError;
use async_trait::async_trait;
use greylag_core::{
    script::{Script, Statement},
    trace::{Refusal, Traced},
};

/// A connection to a scratch primary, and to what watches it.
#[async_trait]
pub trait Tracer: Send {
    /// Runs a script as a shard has had it before; nothing is measured.
    async fn replay(&mut self, script: &Script, in_transaction: bool) -> Result<(), TraceError>;

    /// Runs a script, and says of each statement what it did. Ends at the first that the server refuses.
    async fn trace(&mut self, script: &Script, in_transaction: bool) -> Result<Traced, TraceError>;

    async fn close(self: Box<Self>);
}

/// A script could not be run.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the server refuses statement {}: {}", .0.statement + 1, .0.message)]
    Refused(Refusal),
}

/// A statement's text; `:batch` is all of the rows, for a scratch server has few.
pub(crate) fn text_of(script: &Script, statement: &Statement) -> String {
    let span = &statement.span;
    let marks = script.batch_marks();
    let mut text = String::with_capacity(span.len());
    let mut at = span.start;
    for mark in marks
        .iter()
        .filter(|m| span.start <= m.start && m.end <= span.end)
    {
        text += &script.text[at..mark.start];
        text += "(1 = 1)";
        at = mark.end;
    }
    text + &script.text[at..span.end]
}

/// The role that is missing, if that is what the server says.
pub(crate) fn missing_role(message: &str) -> Option<&str> {
    let rest = message.split_once("role \"")?.1;
    let (name, rest) = rest.split_once('"')?;
    rest.starts_with(" does not exist").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_core::{engine::Dialect, script::split};

    #[test]
    fn a_batch_is_all_rows_of_a_scratch_server() {
        let sql = "UPDATE t SET a = ':batch' WHERE a IS NULL AND :batch; SELECT 1";
        let script = split(Dialect::Postgres, sql).unwrap();
        let text = text_of(&script, &script.statements[0]);
        assert_eq!(
            text,
            "UPDATE t SET a = ':batch' WHERE a IS NULL AND (1 = 1)"
        );
        assert_eq!(text_of(&script, &script.statements[1]), "SELECT 1");
    }

    #[test]
    fn a_missing_role_is_known_by_what_the_server_says() {
        assert_eq!(missing_role("role \"app\" does not exist"), Some("app"));
        assert_eq!(missing_role("relation \"app\" does not exist"), None);
    }
}
