//! What a subscriber makes of the statements of a file.

use greylag_core::node::Qualified;
use std::collections::BTreeSet;

/// What a subscriber makes of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// It runs there.
    Run,
    /// It runs there if anything else of the file does: a setting, a question, a temporary table.
    Along,
    /// It does not run there; says why.
    Leave(String),
    /// It does not run there either: the rows that it changes come by replication. Says which.
    Comes(String),
    /// Nobody can tell whether it must; says why.
    Doubt(String),
    /// It would stop rows from being applied, there and then; says why.
    Stops(String),
}

/// What a subscriber makes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// One for each statement, in order.
    pub takes: Vec<Take>,
    /// Published tables that the file makes: their rows come once the subscription is refreshed.
    pub made: Vec<Qualified>,
    /// Rows of published tables come from it, once the publisher has run it: what runs there behind it may need them.
    pub brings: bool,
}

impl Share {
    /// The first statement (counted from 0) that stands in the way: a doubt, or one that would stop apply.
    pub fn obstacle(&self) -> Option<(usize, &Take)> {
        let mut takes = self.takes.iter().enumerate();
        takes.find(|(_, take)| matches!(take, Take::Doubt(_) | Take::Stops(_)))
    }

    /// Whether anything of it runs there for its own sake.
    pub fn runs(&self) -> bool {
        self.takes.contains(&Take::Run)
    }

    /// Whether a statement (counted from 0) runs there.
    pub fn keeps(&self, statement: usize) -> bool {
        matches!(self.takes.get(statement), Some(Take::Run | Take::Along))
    }

    /// Why statements are left out, each reason once.
    pub fn left(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let reasons = self.takes.iter().filter_map(|take| match take {
            Take::Leave(why) | Take::Comes(why) => Some(why.as_str()),
            _ => None,
        });
        reasons.filter(|why| seen.insert(*why)).collect()
    }
}
