//! The one place that maps what went wrong to an exit code and a hint.

/// Exit codes of DESIGN §5.3. Precedence 3 > 6 > 5 > 2 > 1; 4 only if nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// An error, and no shard was changed by this run.
    Error,
    Usage,
    Split,
    Waiting,
    Problems,
    Refused,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Split => 3,
            Exit::Waiting => 4,
            Exit::Problems => 5,
            Exit::Refused => 6,
        }
    }
}

/// An error as a person is told it: what, why, and how to mend it.
pub trait Explained: std::error::Error {
    fn exit(&self) -> Exit;
    /// Whole sentences, ready to print; the commands that help among them.
    fn hints(&self) -> Vec<String>;
}
