//! One message of many statements, and which of them a server's answer is about.
//!
//! A server names the place of a syntax error by characters of the whole message, and of most others not at all: then
//! the number of statements that completed tells. That is for messages to people: whether a COMMIT happened is told by `verdict`.

use std::ops::Range;

/// A message under construction.
#[derive(Default)]
pub struct Message {
    text: String,
    chars: usize,
    pieces: Vec<Piece>,
}

/// One statement of a message, as the server counts them.
struct Piece {
    what: What,
    /// Its characters within the message.
    span: Range<usize>,
}

/// Whose statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Ours, before a file.
    Head,
    /// Of the transaction that makes our tables, before the files'.
    Tables,
    /// A statement of a job's file.
    File {
        job: usize,
        statement: usize,
    },
    /// Ours, between a job's file and its history row.
    Tail {
        job: usize,
    },
    /// A job's history row, which carries the guard.
    History {
        job: usize,
    },
    /// Ours, between a job's file and the next one's in the same transaction.
    Clearing {
        job: usize,
    },
    /// A statement of the project's session SQL.
    Session {
        statement: usize,
    },
    Commit,
    /// Ours, after the commit: that it was, and where the primary is.
    After,
    /// Ours, at the very end: the session as the next message wants it.
    Renewal,
}

impl What {
    /// The job that it is of.
    pub fn job(self) -> Option<usize> {
        match self {
            What::File { job, .. }
            | What::Tail { job }
            | What::History { job }
            | What::Clearing { job } => Some(job),
            _ => None,
        }
    }
}

/// Where a server's complaint points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub what: What,
    /// The character within the statement, from 0.
    pub at: Option<usize>,
}

impl Message {
    /// With room for so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            pieces: Vec::with_capacity(32),
            ..Self::default()
        }
    }

    /// Adds one statement.
    pub fn push(&mut self, what: What, sql: &str) {
        let start = self.chars;
        let length = sql.chars().count();
        self.text.push_str(sql);
        self.text.push_str(";\n");
        self.chars += length + 2;
        self.pieces.push(Piece {
            what,
            span: start..start + length,
        });
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The index of the first statement that is `what`.
    pub fn index(&self, what: What) -> Option<usize> {
        self.pieces.iter().position(|piece| piece.what == what)
    }

    /// The index of the last statement that is `what`.
    pub fn last(&self, what: What) -> Option<usize> {
        self.pieces.iter().rposition(|piece| piece.what == what)
    }

    pub fn what(&self, index: usize) -> Option<What> {
        self.pieces.get(index).map(|piece| piece.what)
    }

    /// What an error is about, given the statements that completed before it and its position, from 1.
    pub fn spot(&self, completed: usize, position: Option<u32>) -> Spot {
        let pointed = position.and_then(|position| {
            let at = position as usize - 1;
            let piece = self
                .pieces
                .iter()
                .find(|piece| piece.span.start <= at && at <= piece.span.end + 1)?;
            Some(Spot {
                what: piece.what,
                at: Some(at.min(piece.span.end) - piece.span.start),
            })
        });
        pointed.unwrap_or_else(|| Spot {
            what: self.what(completed).unwrap_or(What::After),
            at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        message.push(
            What::File {
                job: 0,
                statement: 0,
            },
            "SELECT 'ü', x",
        );
        message.push(
            What::File {
                job: 0,
                statement: 1,
            },
            "SELECT y",
        );
        message.push(What::Commit, "COMMIT");
        message
    }

    #[test]
    fn a_position_counts_characters_not_bytes() {
        let message = message();
        let at = message.text().chars().position(|c| c == 'x').unwrap();
        let spot = message.spot(0, Some(at as u32 + 1));
        assert_eq!(
            spot.what,
            What::File {
                job: 0,
                statement: 0
            }
        );
        assert_eq!(spot.at, Some(12));
    }

    #[test]
    fn without_a_position_the_completed_statements_tell() {
        let spot = message().spot(2, None);
        assert_eq!(
            spot.what,
            What::File {
                job: 0,
                statement: 1
            }
        );
        assert_eq!(spot.at, None);
    }

    #[test]
    fn a_complaint_at_the_end_of_a_statement_is_that_statements() {
        let message = message();
        let semicolon = message.text().chars().position(|c| c == 'y').unwrap() + 1;
        let spot = message.spot(0, Some(semicolon as u32 + 1));
        assert_eq!(
            spot.what,
            What::File {
                job: 0,
                statement: 1
            }
        );
    }
}
