//! Where names without a schema lead, as a file sets it and gives it back.

use crate::operation::Operation;
use greylag_core::script::TxControl;

/// The first schema of the search path, and on MySQL the database in use; None where the file has set nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    first: Option<String>,
    /// Of the transaction that is open: where they led before it, and where they lead once it is committed.
    open: Option<Open>,
}

#[derive(Clone, Debug, Default)]
struct Open {
    before: Option<String>,
    committed: Option<String>,
}

impl Path {
    /// A file begins.
    pub(super) fn begin(in_transaction: bool) -> Self {
        Self {
            first: None,
            open: in_transaction.then(Open::default),
        }
    }

    pub(super) fn first(&self) -> Option<&String> {
        self.first.as_ref()
    }

    /// A statement changes it, or ends what did.
    pub(super) fn follow(&mut self, operation: &Operation) {
        match operation {
            Operation::Transaction(TxControl::Begin) if self.open.is_none() => {
                let [before, committed] = [self.first.clone(), self.first.clone()];
                self.open = Some(Open { before, committed });
            }
            Operation::Transaction(TxControl::Commit) => {
                if let Some(open) = self.open.take() {
                    self.first = open.committed;
                }
            }
            Operation::Transaction(TxControl::Rollback) => {
                if let Some(open) = self.open.take() {
                    self.first = open.before;
                }
            }
            operation => self.take(operation),
        }
    }

    fn take(&mut self, operation: &Operation) {
        let mut set = operation.assignments();
        let path = set.find(|(name, value)| match *name {
            "search_path" | "use" => true,
            // RESET ALL
            "all" => value.eq_ignore_ascii_case("default"),
            _ => false,
        });
        let Some((name, value)) = path else { return };
        let local = matches!(operation, Operation::Set { local: true, .. });
        // What SET LOCAL sets outside of a transaction ends with it.
        if local && self.open.is_none() {
            return;
        }
        let first = value.split(',').next().unwrap_or_default();
        let first = first.trim().trim_matches(['\'', '"', ' ']);
        let named =
            !first.is_empty() && !first.starts_with('$') && !first.eq_ignore_ascii_case("default");
        self.first = named.then(|| first.to_owned());
        if let Some(open) = self.open.as_mut().filter(|_| !local) {
            open.committed.clone_from(&self.first);
            // MySQL gives nothing back.
            if name == "use" {
                open.before.clone_from(&self.first);
            }
        }
    }
}
