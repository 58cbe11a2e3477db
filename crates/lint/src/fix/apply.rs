//! Puts the fixes of one file together into files.

use super::{Fix, NewFile, Step, write};
use crate::{
    finding::Finding,
    judge::operations,
    operation::{Operation, Verb},
    unit::Content,
};
use std::collections::BTreeSet;

/// The files that are to stand in a file's place, in order; the first has its name, the others `V42.1__…`, `V42.2__…`.
///
/// `findings` are those of the file that are to be mended, and those that it allows. Of several fixes for one statement the first
/// counts. None where there is nothing to replace, and for files that can't be cut in two: repeatable ones, undos, those with
/// transactions of their own, and those whose statements lean on what only a session or a transaction has.
pub fn apply(content: &Content, findings: &[&Finding]) -> Option<Vec<NewFile>> {
    let script = &content.script;
    let open = findings.iter().filter(|finding| finding.allowed.is_none());
    let fixes: Vec<&Fix> = open.filter_map(|finding| finding.fix.as_ref()).collect();
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
            None => pieces.keep(index, write::whole(script, index)),
            Some(fix) => {
                let mut comment = write::comment_above(script, index);
                if !comment.is_empty() {
                    comment.push('\n');
                }
                for step in &fix.steps {
                    pieces.add(index, step, &std::mem::take(&mut comment));
                }
            }
        }
        debug_assert!(statement.span.end <= script.text.len());
    }
    let pieces = pieces.done();
    let cursor = |statement| {
        script
            .sql(statement)
            .to_ascii_uppercase()
            .starts_with("DECLARE")
    };
    let alone = operations(content).iter().all(stands_alone);
    if pieces.len() > 1 && (!alone || script.statements.iter().any(cursor)) {
        return None;
    }
    write::files(content, pieces, findings)
}

/// Whether a statement does the same in a file of its own, and leaves nothing behind that only its session has.
fn stands_alone(operation: &Operation) -> bool {
    match operation {
        Operation::CreateTable(create) => {
            let temporary = |schema: &String| schema.starts_with("pg_temp");
            !create.temporary && !create.name.schema.as_ref().is_some_and(temporary)
        }
        Operation::Create(create) => !create.temporary,
        Operation::AlterTable(_)
        | Operation::CreateIndex(_)
        | Operation::DropIndex(_)
        | Operation::Reindex(_)
        | Operation::Drop(_)
        | Operation::Alter(_)
        | Operation::Truncate(_)
        | Operation::Revoke(_)
        | Operation::Maintain(_) => true,
        Operation::Write(write) => write.settings.is_empty(),
        Operation::Select(query) => query.verb == Verb::Select && query.settings.is_empty(),
        Operation::Harmless { what } => matches!(
            what.as_str(),
            "COMMENT" | "GRANT" | "SECURITY" | "EXPLAIN" | "SHOW" | "nothing"
        ),
        Operation::LockTable { .. }
        | Operation::Set { .. }
        | Operation::Server { .. }
        | Operation::Transaction(_)
        | Operation::Opaque { .. }
        | Operation::Unknown { .. } => false,
    }
}

/// A file under way.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) name: Option<String>,
    pub(super) text: String,
    pub(super) transaction_off: bool,
    /// The statements of the old file that it holds, or parts of.
    pub(super) statements: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Pieces {
    done: Vec<Piece>,
    open: Piece,
}

impl Pieces {
    fn keep(&mut self, statement: usize, sql: String) {
        if sql.is_empty() {
            return;
        }
        self.open.statements.insert(statement);
        self.open.text.push_str(&sql);
        self.open.text.push('\n');
    }

    /// A step, with the comment that stood above its statement.
    fn add(&mut self, statement: usize, step: &Step, comment: &str) {
        let Some(name) = &step.own_file else {
            return self.keep(statement, format!("{comment}{}", step.sql));
        };
        let before = std::mem::take(&mut self.open);
        if !write::says_nothing(&before.text) {
            self.done.push(before);
        }
        self.done.push(Piece {
            name: Some(name.clone()),
            text: format!("{comment}{}\n", step.sql),
            transaction_off: step.transaction_off,
            statements: BTreeSet::from([statement]),
        });
    }

    fn done(mut self) -> Vec<Piece> {
        if !write::says_nothing(&self.open.text) {
            self.done.push(self.open);
        }
        self.done
    }
}
