//! What each change has been about so far.

use super::{Catalog, key::Key};
use crate::operation::{Action, Name, Operation};
use greylag_core::{
    engine::Dialect,
    script::{TokenKind, tokens},
};
use std::collections::BTreeSet;

/// What the earlier migrations of one change were about.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    dialect: Option<Dialect>,
    /// Tables that they changed, wrote, copied from, or gave another name.
    tables: BTreeSet<Key>,
    /// Every name in them, folded.
    words: BTreeSet<String>,
}

impl Catalog {
    /// Remembers what a change is about.
    pub(crate) fn touch(
        &mut self,
        change: Option<&str>,
        dialect: Dialect,
        text: &str,
        operations: &[Operation],
    ) {
        let Some(change) = change else { return };
        let about = self.touched.entry(change.to_owned()).or_default();
        let names = operations.iter().flat_map(names_of);
        about.dialect = Some(dialect);
        about
            .tables
            .extend(names.map(|name| Key::of(Some(dialect), name)));
        let named = tokens(dialect, text)
            .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::Name));
        let words = named.map(|token| {
            text[token.span]
                .trim_matches(['"', '`', '[', ']'])
                .to_lowercase()
        });
        about.words.extend(words);
    }

    /// What the earlier migrations of a change were about. None: there was none.
    pub(crate) fn about(&self, change: &str) -> Option<&About> {
        self.touched.get(change)
    }

    /// Whether there was an earlier migration of a change.
    pub(crate) fn knows_change(&self, change: &str) -> bool {
        self.touched.contains_key(change)
    }
}

impl About {
    /// They changed the table, copied from it, or gave it its name; or what stands before it in its file does, which may also have
    /// given it another name.
    pub(crate) fn has_touched(&self, table: &Name, before: &[Operation]) -> bool {
        let key = |name: &Name| Key::of(self.dialect, name);
        let mut name = key(table);
        for operation in before.iter().rev() {
            if let Operation::AlterTable(alter) = operation
                && let Some((from, _)) = alter.renames().find(|(_, to)| key(to) == name)
            {
                name = key(from);
            }
        }
        let mut copied = before.iter().flat_map(copied_from);
        self.tables.contains(&key(table))
            || self.tables.contains(&name)
            || copied.any(|from| key(from) == name)
    }

    /// They have a name in them, whatever they do with it.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.words.contains(&name.to_lowercase())
    }
}

/// The tables that a statement changes, writes, reads rows from, or gives a name. What is dropped is not replaced by that.
fn names_of(operation: &Operation) -> Vec<&Name> {
    let mut names = copied_from(operation);
    match operation {
        Operation::Drop(_) => {}
        Operation::AlterTable(alter) => {
            names.push(&alter.name);
            for (from, to) in alter.renames() {
                names.extend([from, to]);
            }
            names.extend(alter.actions.iter().filter_map(|(action, _)| match action {
                Action::AttachPartition { partition, .. }
                | Action::DetachPartition { partition, .. } => Some(partition),
                _ => None,
            }));
        }
        Operation::Write(write) => {
            names.extend(&write.table);
            names.extend(write.within.iter().filter_map(|write| write.table.as_ref()));
        }
        _ => names.extend(operation.table()),
    }
    names
}

/// The tables whose rows or shape go into another, or into a view.
fn copied_from(operation: &Operation) -> Vec<&Name> {
    match operation {
        Operation::CreateTable(create) => {
            let reads = create.query.iter().flat_map(|query| &query.reads);
            create.like.iter().chain(reads).collect()
        }
        Operation::Create(create) => create.reads.iter().collect(),
        Operation::Write(write) => {
            let within = write.within.iter().flat_map(|write| &write.reads);
            write.reads.iter().chain(within).collect()
        }
        _ => Vec::new(),
    }
}
