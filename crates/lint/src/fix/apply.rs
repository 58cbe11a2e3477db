//! Puts the fixes of one file together into files.

use super::{Fix, NewFile, Step, write};
use crate::unit::Content;

/// The files that are to stand in a file's place, in order; the first has its name, the others `V42.1__…`, `V42.2__…`.
///
/// Of several fixes for one statement the first counts. None where there is nothing to replace, and for files that
/// can't be cut in two: repeatable ones, undos, and those with transactions of their own.
pub fn apply(content: &Content, fixes: &[&Fix]) -> Option<Vec<NewFile>> {
    let script = &content.script;
    if fixes.is_empty() || script.controls_transactions() {
        return None;
    }
    // Placeholders stay: the fix speaks of the text after them, the file holds the text before.
    if script.source.text() != script.source.file() {
        return None;
    }
    let mut pieces = Pieces::default();
    for (index, statement) in script.statements.iter().enumerate() {
        match fixes.iter().find(|fix| fix.statement == index) {
            None => pieces.keep(write::whole(script, index)),
            Some(fix) => {
                let mut comment = write::comment_above(script, index);
                if !comment.is_empty() {
                    comment.push('\n');
                }
                for step in &fix.steps {
                    pieces.add(step, &std::mem::take(&mut comment));
                }
            }
        }
        debug_assert!(statement.span.end <= script.text.len());
    }
    write::files(content, pieces.done())
}

/// A file under way.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) name: Option<String>,
    pub(super) text: String,
    pub(super) transaction_off: bool,
}

#[derive(Debug, Default)]
struct Pieces {
    done: Vec<Piece>,
    open: Piece,
}

impl Pieces {
    fn keep(&mut self, sql: String) {
        if sql.is_empty() {
            return;
        }
        self.open.text.push_str(&sql);
        self.open.text.push('\n');
    }

    /// A step, with the comment that stood above its statement.
    fn add(&mut self, step: &Step, comment: &str) {
        let Some(name) = &step.own_file else {
            return self.keep(format!("{comment}{}", step.sql));
        };
        let before = std::mem::take(&mut self.open);
        if !write::says_nothing(&before.text) {
            self.done.push(before);
        }
        self.done.push(Piece {
            name: Some(name.clone()),
            text: format!("{comment}{}\n", step.sql),
            transaction_off: step.transaction_off,
        });
    }

    fn done(mut self) -> Vec<Piece> {
        if !write::says_nothing(&self.open.text) {
            self.done.push(self.open);
        }
        self.done
    }
}
