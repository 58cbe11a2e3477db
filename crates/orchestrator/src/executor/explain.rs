//! What errors of engines mean for a shard's outcome.

use super::errand::untouched;
use greylag_core::outcome::{Failure, FailureClass};
use greylag_engines::{EngineError, OpenError};

/// An error and its causes as one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Transparent errors and drivers repeat their cause's words.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// Whether another try may find the server there.
pub fn is_passing(error: &OpenError) -> bool {
    matches!(error, OpenError::Unreachable { .. })
}

/// No connection: nothing was touched.
pub fn failure_of(error: &OpenError) -> Failure {
    let class = match error {
        OpenError::Unreachable { .. } => FailureClass::Connection,
        OpenError::Login { .. } => FailureClass::Permission,
        OpenError::Pooler { .. } | OpenError::Version { .. } => FailureClass::Refused,
        _ => FailureClass::Other,
    };
    untouched(class, chain(error), hint_of(error))
}

/// What helps when a shard can't be connected to.
pub fn hint_of(error: &OpenError) -> Option<String> {
    let hint = match error {
        OpenError::Login {
            mend: Some(mend), ..
        } => mend,
        OpenError::Unreachable { .. } => {
            "Is the server up, and may this machine reach it? `--skip-unreachable` leaves such shards out on purpose."
        }
        OpenError::Login { .. } => {
            "Check the user in the shard's URL and where its password comes from."
        }
        OpenError::Tls { .. } => "Check `sslmode` and `sslrootcert` in the shard's URL.",
        OpenError::Secret(_) => "The password is looked up at each connection; mend the reference.",
        OpenError::Url { .. } => {
            "Write it as drivers know it: postgres://, mysql://, mariadb:// or sqlite:."
        }
        OpenError::Pooler { .. } => {
            "Connect to the server itself, or through a pooler in session mode."
        }
        OpenError::SessionSql { .. } => {
            "Mend `[session]` of the project or the shard's own session SQL."
        }
        OpenError::Version { .. } => return None,
    };
    Some(hint.to_owned())
}

/// A verb that changes nothing failed with the server's own word.
pub fn failure_of_verb(error: &EngineError) -> Failure {
    match error {
        EngineError::Server {
            class,
            code,
            message,
            hint,
            doing,
            ..
        } => Failure {
            code: code.clone(),
            ..untouched(*class, format!("{doing}: {message}"), hint.clone())
        },
        EngineError::Lost { .. } => untouched(FailureClass::Connection, chain(error), None),
        EngineError::Foreign { .. } | EngineError::Unable { .. } => {
            untouched(FailureClass::Refused, chain(error), None)
        }
    }
}

pub fn is_lost(error: &EngineError) -> bool {
    matches!(error, EngineError::Lost { .. })
}
