//! What a node says of itself.

use greylag_core::position::{Position, PositionError};

/// What a node said when it was asked with its engine's `LOOK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it is.
    pub role: Role,
    /// A primary: what it has written. A replica: what it has replayed. None where it can't tell.
    pub position: Option<Position>,
}

/// What a node says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It doesn't.
    Replica,
}

/// Why a row is no answer to `LOOK`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The first column.
    #[error("`{0}` is no role: `primary` or `replica` is expected in the first column")]
    Role(String),
    /// The second column.
    #[error("the second column holds no position")]
    Position(#[source] PositionError),
}

impl Answer {
    /// The row that `LOOK` returned: both columns as text, the second possibly NULL.
    pub fn read(role: &str, position: Option<&str>) -> Result<Answer, AnswerError> {
        Ok(Answer {
            role: match role {
                "primary" => Role::Primary,
                "replica" => Role::Replica,
                other => return Err(AnswerError::Role(other.to_owned())),
            },
            position: position
                .map(str::parse)
                .transpose()
                .map_err(AnswerError::Position)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_or_said_to_be_none() {
        let answer = Answer::read("replica", None).unwrap();
        assert_eq!((answer.role, answer.position), (Role::Replica, None));
        assert_eq!(
            Answer::read("standby", None).unwrap_err().to_string(),
            "`standby` is no role: `primary` or `replica` is expected in the first column"
        );
        assert!(matches!(
            Answer::read("primary", Some("0/16B3748")),
            Err(AnswerError::Position(_))
        ));
    }
}
