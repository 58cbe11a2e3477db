//! What a session forgets between two files, so that nothing which one of them left reaches the next.
//!
//! Everything that DISCARD ALL would take, but the shard's lock.

use greylag_core::outcome::FailureClass;
use tokio_postgres::error::DbError;

use super::{
    failure,
    link::{Trouble, position},
    message::{Message, What},
    session::PgSession,
};
use crate::error::EngineError;

/// Back to the settings that the session was opened with.
pub const RESETS: [&str; 3] = ["RESET ALL", "RESET SESSION AUTHORIZATION", "RESET ROLE"];

/// Ends the transaction that a message's statements share until its first COMMIT. It has taken no snapshot.
pub const ANEW: [&str; 2] = ["BEGIN", "COMMIT"];

/// What else outlives a transaction: cursors WITH HOLD, prepared statements, channels, temporary tables, what sequences gave last.
/// Each costs a server a microsecond where there is nothing to take.
const FORGETS: [&str; 5] = [
    "CLOSE ALL",
    "DEALLOCATE ALL",
    "UNLISTEN *",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
];

const DOING: &str = "resetting the session";

impl PgSession {
    /// Behind a COMMIT: the session as the next message wants it. The position is asked for as soon as no setting of the file
    /// can keep it waiting: a deferrable transaction's snapshot waits for writers.
    pub(super) fn renew(&self, message: &mut Message, position: Option<&str>) {
        for sql in RESETS.iter().chain(&ANEW) {
            message.push(What::Renewal, sql);
        }
        if let Some(position) = position {
            message.push(What::After, position);
        }
        for sql in FORGETS {
            message.push(What::Renewal, sql);
        }
        self.own_settings(message, false);
    }

    /// Between two files that share a transaction.
    pub(super) fn clear_between(&self, message: &mut Message, before: usize) {
        for sql in RESETS.iter().chain(&FORGETS) {
            message.push(What::Clearing { job: before }, sql);
        }
        self.own_settings(message, true);
    }

    /// Resets a session that carried somebody else's SQL and was not reset behind it: a search path of a file would have us look
    /// into another schema, a read-only default take the shard for a replica. A message of its own, for what stands in it is
    /// counted by nobody.
    pub(super) async fn refresh(&mut self) -> Result<(), EngineError> {
        if !self.worn {
            return Ok(());
        }
        let mut message = Message::default();
        // A transaction has its isolation, and whether it may write, from the defaults at its start: the one that the resets
        // begin has them from the file, and only the next one has those of the session.
        for sql in RESETS.iter().chain(&ANEW) {
            message.push(What::Head, sql);
        }
        if self.half_way.is_none() {
            for sql in FORGETS {
                message.push(What::Head, sql);
            }
        }
        self.own_settings(&mut message, false);
        let answer = self.link.run(message.text(), usize::MAX).await;
        self.link.hush();
        let Some(trouble) = answer.trouble else {
            self.worn = false;
            return Ok(());
        };
        let broken = match &trouble {
            Trouble::Server(said) => {
                let spot = message.spot(answer.completed, position(said));
                self.of_session_sql(spot.what, said)
            }
            Trouble::Lost(_) | Trouble::Unsaid(_) => None,
        };
        let broken = broken.unwrap_or_else(|| self.broken(DOING, Some(trouble)));
        self.link.run("ROLLBACK", usize::MAX).await;
        self.link.hush();
        Err(broken)
    }

    /// The server's word on session SQL, as an error of its own.
    pub(super) fn of_session_sql(&self, what: What, said: &DbError) -> Option<EngineError> {
        Some(EngineError::Server {
            address: self.target.address(),
            doing: DOING,
            class: match failure::class(said.code().code()) {
                class if class.is_transient() => class,
                _ => FailureClass::Refused,
            },
            code: Some(said.code().code().to_owned()),
            message: self.session_sql_failed(what, said)?,
            hint: Some(
                "Mend `[session]` of greylag.toml, or the shard's own `session`, or what it needs there."
                    .into(),
            ),
        })
    }

    pub(super) fn session_sql_failed(&self, what: What, said: &DbError) -> Option<String> {
        let What::Session { statement } = what else {
            return None;
        };
        let sql = self.session_sql.get(statement)?;
        Some(format!(
            "the session SQL `{sql}` failed: {}",
            failure::message(said)
        ))
    }

    fn own_settings(&self, message: &mut Message, open: bool) {
        if self.session_sql.is_empty() {
            return;
        }
        // A SELECT of the project's would take the snapshot of the transaction it is in; a file's SET TRANSACTION
        // needs one that has none yet.
        if !open {
            message.push(What::Renewal, "BEGIN");
        }
        for (statement, sql) in self.session_sql.iter().enumerate() {
            message.push(What::Session { statement }, sql);
        }
        if !open {
            message.push(What::Renewal, "COMMIT");
        }
    }
}
