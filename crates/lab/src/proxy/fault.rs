//! What is wrong with the network at the moment, and what that means for a piece of a stream. No sockets here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Conditions that hold until changed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) latency: Duration,
    pub(crate) stalled: bool,
    /// Bytes a second, each way of each connection.
    pub(crate) rate: Option<u64>,
}

/// A cut that waits for its moment. It happens once.
#[derive(Debug)]
pub(crate) enum Trap {
    /// Forward so many more bytes one way, then cut.
    AfterBytes(u64, Direction),
    /// Let what holds the pattern through to the server, and cut instead of the answer.
    InsteadOfAnswer(Vec<u8>),
    /// Cut instead of letting the pattern through.
    InsteadOfRequest(Vec<u8>),
}

/// What to do with a piece of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Forward,
    /// Forward the first bytes of it, then cut the connection.
    CutAfter(usize),
}

/// The trap that is set, if any: shared by all connections, the first to step into it takes it away.
#[derive(Debug, Default)]
pub(crate) struct Traps(Mutex<Option<Trap>>);

/// What one connection remembers between pieces.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// The end of what went to the server, for a pattern that lies across two pieces.
    tail: Vec<u8>,
    /// The pattern has gone to the server: whatever comes back is the answer to lose.
    lose_answer: bool,
    /// Who spoke last.
    last: Option<Direction>,
}

impl Memory {
    /// Whether the client speaks where it had not spoken yet, or where the server had spoken since: a message, in however many
    /// pieces.
    pub(crate) fn begins_message(&self, direction: Direction) -> bool {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = memory.last.replace(direction);
        direction == Direction::ToServer && before != Some(Direction::ToServer)
    }
}

impl Traps {
    pub(crate) fn set(&self, trap: Trap) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trap);
    }

    /// Judges the next piece of a connection.
    pub(crate) fn judge(&self, direction: Direction, memory: &Memory, piece: &[u8]) -> Verdict {
        let mut memory = memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        if direction == Direction::ToClient && memory.lose_answer {
            return Verdict::CutAfter(0);
        }
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = match slot.as_mut() {
            Some(Trap::AfterBytes(left, way)) if *way == direction => {
                let length = piece.len() as u64;
                if length < *left {
                    *left -= length;
                    Verdict::Forward
                } else {
                    let last = usize::try_from(*left).unwrap_or(piece.len());
                    *slot = None;
                    Verdict::CutAfter(last)
                }
            }
            Some(Trap::InsteadOfAnswer(pattern))
                if direction == Direction::ToServer && memory.meets(pattern, piece) =>
            {
                memory.lose_answer = true;
                *slot = None;
                Verdict::Forward
            }
            Some(Trap::InsteadOfRequest(pattern))
                if direction == Direction::ToServer && memory.meets(pattern, piece) =>
            {
                *slot = None;
                Verdict::CutAfter(0)
            }
            _ => Verdict::Forward,
        };
        if direction == Direction::ToServer {
            memory.remember(piece);
        }
        verdict
    }
}

/// As much of the past as a pattern may need.
const TAIL: usize = 1_024;

impl Remembered {
    fn meets(&self, pattern: &[u8], piece: &[u8]) -> bool {
        if pattern.is_empty() {
            return true;
        }
        let before = self.tail.len().saturating_sub(pattern.len() - 1);
        let seen = [&self.tail[before..], piece].concat();
        seen.windows(pattern.len()).any(|window| window == pattern)
    }

    fn remember(&mut self, piece: &[u8]) {
        self.tail.extend_from_slice(piece);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_across_two_pieces_is_met() {
        let (traps, memory) = (Traps::default(), Memory::default());
        traps.set(Trap::InsteadOfAnswer(b"COMMIT".to_vec()));
        assert_eq!(
            traps.judge(Direction::ToServer, &memory, b"...COM"),
            Verdict::Forward
        );
        assert_eq!(
            traps.judge(Direction::ToClient, &memory, b"hello"),
            Verdict::Forward
        );
        assert_eq!(
            traps.judge(Direction::ToServer, &memory, b"MIT;"),
            Verdict::Forward
        );
        assert_eq!(
            traps.judge(Direction::ToClient, &memory, b"done"),
            Verdict::CutAfter(0)
        );
    }

    #[test]
    fn a_message_in_two_pieces_is_one_and_begins_once_the_server_has_spoken() {
        let memory = Memory::default();
        let begins = [
            Direction::ToServer,
            Direction::ToServer,
            Direction::ToClient,
            Direction::ToClient,
            Direction::ToServer,
        ];
        let begins = begins.map(|direction| memory.begins_message(direction));
        assert_eq!(begins, [true, false, false, false, true]);
    }

    #[test]
    fn a_trap_catches_one_connection_only() {
        let (traps, first, second) = (Traps::default(), Memory::default(), Memory::default());
        traps.set(Trap::InsteadOfRequest(b"x".to_vec()));
        assert_eq!(
            traps.judge(Direction::ToServer, &first, b"axe"),
            Verdict::CutAfter(0)
        );
        assert_eq!(
            traps.judge(Direction::ToServer, &second, b"axe"),
            Verdict::Forward
        );
    }

    #[test]
    fn bytes_are_counted_one_way_and_over_pieces() {
        let (traps, memory) = (Traps::default(), Memory::default());
        traps.set(Trap::AfterBytes(5, Direction::ToClient));
        assert_eq!(
            traps.judge(Direction::ToServer, &memory, b"0123456789"),
            Verdict::Forward
        );
        assert_eq!(
            traps.judge(Direction::ToClient, &memory, b"012"),
            Verdict::Forward
        );
        assert_eq!(
            traps.judge(Direction::ToClient, &memory, b"3456"),
            Verdict::CutAfter(2)
        );
    }
}
