//! What a server's refusal means, and which words help.

use greylag_core::outcome::{Failure, FailureClass, Left, Place};
use tokio_postgres::error::DbError;

use super::{link::Trouble, quote::ident, session::PgSession};
use crate::{error::EngineError, job::Job};

/// The class of an SQLSTATE.
pub fn class(code: &str) -> FailureClass {
    match code {
        "55P03" | "40P01" | "40001" | "55006" => FailureClass::Lock,
        "57014" => FailureClass::Cancelled,
        "42501" => FailureClass::Permission,
        // As on MySQL: no statement of the file is at fault, nor a privilege.
        "25006" => FailureClass::Refused,
        "42P07" | "42701" | "42710" | "42723" | "42P06" | "42P16" => FailureClass::Conflict,
        _ => match code.get(..2).unwrap_or("") {
            "22" | "23" | "44" => FailureClass::Data,
            "28" => FailureClass::Permission,
            "08" | "57" | "53" => FailureClass::Connection,
            "42" | "2D" | "25" | "0A" => FailureClass::Syntax,
            _ => FailureClass::Other,
        },
    }
}

/// What a person can do about it, as a whole sentence.
pub fn hint(said: &DbError) -> Option<String> {
    let own = match said.code().code() {
        "25001" => Some(
            "PostgreSQL refuses this statement inside a transaction; add `-- greylag:transaction off` at the top of the file, so that it runs statement by statement.",
        ),
        "25006" => Some(
            "The transaction is read-only: by a SET TRANSACTION READ ONLY or default_transaction_read_only of the file, by the same default of the role, the database or the server (ALTER ROLE … RESET default_transaction_read_only), or because this is no primary.",
        ),
        "55P04" => Some(
            "A value added to an enum can't be used in the same transaction; add `-- greylag:transaction off`, or use the value in the next migration.",
        ),
        "2D000" => Some(
            "The procedure or block ends the transaction it runs in; add `-- greylag:transaction off`, so that it runs outside of one.",
        ),
        "55006" => Some(
            "Rows changed earlier in this transaction still have checks or triggers to come; move the ALTER TABLE into a migration of its own, add `-- greylag:transaction off`, or run SET CONSTRAINTS ALL IMMEDIATE before it.",
        ),
        "55P03" => Some(
            "Somebody else holds the lock; it is tried again until the deadline. `-- greylag:lock-timeout 10s` waits longer at each try, and holds up others as long.",
        ),
        "40P01" => Some("Two sessions waited for each other; it is tried again."),
        "42P07" | "42701" | "42710" | "42723" | "42P06" => Some(
            "It is there already: somebody made it by hand, or another tool did. Compare it with the migration; then drop it there, or let the file say IF NOT EXISTS.",
        ),
        "42501" => {
            Some("The role lacks a privilege; `greylag doctor` prints the GRANT that is missing.")
        }
        _ => None,
    };
    match (said.hint(), own) {
        (Some(theirs), Some(own)) => Some(format!("{own} (the server: {theirs})")),
        (Some(theirs), None) => Some(theirs.to_owned()),
        (None, own) => own.map(str::to_owned),
    }
}

/// The server's message with its detail: the row, the constraint, the lock.
pub fn message(said: &DbError) -> String {
    match said.detail() {
        Some(detail) => format!("{} ({})", said.message(), detail.trim_end_matches('.')),
        None => said.message().to_owned(),
    }
}

/// A server's word on a job: the statement's index in its file, and the character within it, where known.
pub fn failure(
    said: &DbError,
    job: &Job,
    statement: Option<usize>,
    at: Option<usize>,
    left: Left,
) -> Failure {
    let name = &job.script_name;
    let place = statement.and_then(|index| match at {
        Some(at) => job.script.place_at(name, index, at),
        None => job.script.place(name, index),
    });
    Failure {
        class: class(said.code().code()),
        code: Some(said.code().code().to_owned()),
        message: message(said),
        migration: Some(job.migration.clone()),
        place,
        hint: hint(said),
        left,
        blockers: Vec::new(),
    }
}

/// A refusal of ours, before anything is touched.
pub fn refusal(job: &Job, message: String, place: Option<Place>, hint: Option<String>) -> Failure {
    Failure {
        class: FailureClass::Refused,
        code: None,
        message,
        migration: Some(job.migration.clone()),
        place,
        hint,
        left: Left::Nothing,
        blockers: Vec::new(),
    }
}

/// What a connection was doing did not work out.
pub fn broken(address: String, doing: &'static str, trouble: Option<Trouble>) -> EngineError {
    match trouble {
        Some(Trouble::Server(said)) => EngineError::Server {
            address,
            doing,
            class: class(said.code().code()),
            code: Some(said.code().code().to_owned()),
            message: message(&said),
            hint: hint(&said),
        },
        Some(Trouble::Lost(error)) => EngineError::Lost {
            address,
            doing,
            source: Box::new(error),
        },
        Some(Trouble::Unsaid(why)) => EngineError::Foreign {
            address,
            what: "an answer".into(),
            why,
        },
        None => EngineError::Foreign {
            address,
            what: "an answer".into(),
            why: "it has no rows".into(),
        },
    }
}

impl PgSession {
    /// A verb of the session that did not work out.
    pub(super) fn broken(&self, doing: &'static str, trouble: Option<Trouble>) -> EngineError {
        let mut broken = broken(self.target.address(), doing, trouble);
        if let EngineError::Server { code, hint, .. } = &mut broken
            && code.as_deref() == Some("42501")
        {
            *hint = Some(self.grant());
        }
        broken
    }

    /// The GRANT that a role lacks for Greylag's own tables.
    fn grant(&self) -> String {
        format!(
            "Let its role keep greylag's tables: {} Where they are there already: {}",
            self.grant_create(),
            self.grant_tables()
        )
    }

    pub(super) fn grant_create(&self) -> String {
        let (schema, role) = self.schema_and_role();
        format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};")
    }

    pub(super) fn grant_tables(&self) -> String {
        let (schema, role) = self.schema_and_role();
        let tables = [
            self.target.history_table.as_ref(),
            "greylag_shard",
            "greylag_step",
        ];
        let tables: Vec<_> = tables
            .iter()
            .map(|name| format!("{schema}.{}", ident(name)))
            .collect();
        format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {role};",
            tables.join(", ")
        )
    }

    fn schema_and_role(&self) -> (String, String) {
        let schema = self.home.as_ref().map_or("public", |home| &home.schema);
        let role = match self.user.as_str() {
            "" => "CURRENT_USER".to_owned(),
            role => ident(role),
        };
        (ident(schema), role)
    }
}
