//! Columns that take each other's names in one statement.

use super::Table;
use crate::operation::Action;
use greylag_core::engine::Dialect;
use std::borrow::Cow;

impl Table {
    /// MySQL gives all columns of a statement their new names at once: `CHANGE a b …, CHANGE b a …` swaps them. They have them from
    /// here on, and what is returned says of each column, under its new name, what the clauses say of it.
    pub(crate) fn name_at_once<'a>(
        &mut self,
        dialect: Dialect,
        actions: Vec<&'a Action>,
    ) -> Vec<Cow<'a, Action>> {
        let swaps = swaps(dialect, &actions);
        if swaps.is_empty() {
            return actions.into_iter().map(Cow::Borrowed).collect();
        }
        for (from, to) in swaps {
            self.rename_column(dialect, &from, &to);
        }
        let left = actions.into_iter().filter_map(|action| match action {
            Action::RenameColumn { .. } => None,
            Action::ModifyColumn { column, placed, .. } => Some(Cow::Owned(Action::ModifyColumn {
                from: column.name.clone(),
                column: column.clone(),
                placed: *placed,
            })),
            action => Some(Cow::Borrowed(action)),
        });
        left.collect()
    }
}

/// From what to what the columns are renamed, one after the other, so that all have their new names at once; nothing where no
/// column takes the name of another.
pub(super) fn swaps(dialect: Dialect, actions: &[&Action]) -> Vec<(String, String)> {
    let renames: Vec<(&str, &str)> = actions.iter().filter_map(|own| renaming(own)).collect();
    let taken = |to: &str| renames.iter().any(|(from, _)| *from == to);
    if dialect != Dialect::Mysql || !renames.iter().any(|(_, to)| taken(to)) {
        return Vec::new();
    }
    // No column is called so meanwhile.
    let between = |at: usize| format!("\u{0}{at}");
    let renames = renames.iter().enumerate();
    let first = renames
        .clone()
        .map(|(at, (from, _))| ((*from).to_owned(), between(at)));
    let then = renames.map(|(at, (_, to))| (between(at), (*to).to_owned()));
    first.chain(then).collect()
}

/// From what to what a clause renames a column.
fn renaming(action: &Action) -> Option<(&str, &str)> {
    let (from, to) = match action {
        Action::RenameColumn { from, to } => (from, to),
        Action::ModifyColumn { from, column, .. } => (from, &column.name),
        _ => return None,
    };
    (from != to).then_some((from, to))
}
