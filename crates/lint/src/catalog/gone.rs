//! What a table has had, and some file took from it: apps that run were built for it, and keep to it still.

use super::{Check, ForeignKey, Table};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Gone {
    Check(Check),
    ForeignKey(ForeignKey),
    /// The columns of a key.
    Key(Vec<String>),
}

impl Table {
    pub(super) fn remember_gone(&mut self, unit: usize, gone: impl IntoIterator<Item = Gone>) {
        self.gone.extend(gone.into_iter().map(|gone| (unit, gone)));
    }

    /// The CHECKs that ask rows: those it has, and those that were dropped in such a unit.
    pub(crate) fn checks_since(&self, since: impl Fn(usize) -> bool) -> Vec<&Check> {
        let gone = self.gone_since(since).filter_map(|gone| match gone {
            Gone::Check(check) => Some(check),
            _ => None,
        });
        let all = self.checks.iter().chain(gone);
        all.filter(|check| check.enforced).collect()
    }

    /// The foreign keys that ask rows: those it has, and those that were dropped in such a unit.
    pub(crate) fn foreign_keys_since(&self, since: impl Fn(usize) -> bool) -> Vec<&ForeignKey> {
        let gone = self.gone_since(since).filter_map(|gone| match gone {
            Gone::ForeignKey(key) => Some(key),
            _ => None,
        });
        let all = self.foreign_keys.iter().chain(gone);
        all.filter(|key| key.enforced).collect()
    }

    /// The columns of keys that were dropped in such a unit.
    pub(crate) fn keys_gone(&self, since: impl Fn(usize) -> bool) -> Vec<&[String]> {
        let gone = self.gone_since(since).filter_map(|gone| match gone {
            Gone::Key(columns) => Some(columns.as_slice()),
            _ => None,
        });
        gone.collect()
    }

    fn gone_since(&self, since: impl Fn(usize) -> bool) -> impl Iterator<Item = &Gone> {
        let gone = self.gone.iter().filter(move |(unit, _)| since(*unit));
        gone.map(|(_, gone)| gone)
    }
}
