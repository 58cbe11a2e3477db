//! Cuts a text into statements.

use super::{
    classify::classify,
    error::{ScriptError, ScriptFault},
    lexer::Broken,
    memo::Memo,
    mysql, postgres, sqlite,
    statement::{Script, Statement},
};
use crate::{engine::Dialect, source::Source};
use std::ops::Range;

/// A statement's place, before it is classified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) span: Range<usize>,
    pub(super) copy_data: Option<Range<usize>>,
    /// From the end of the delimiter before to the beginning of its own.
    pub(super) whole: Range<usize>,
}

/// Cuts a text. A plain `&str`, `String` or `Arc<str>` is its own file; after placeholders, pass what `placeholder::replace` gave.
pub fn split(dialect: Dialect, source: impl Into<Source>) -> Result<Script, ScriptError> {
    let source = source.into();
    let pieces = cut(dialect, source.text())
        .map_err(|(span, fault)| ScriptError::new(&source, span, fault))?;
    let statements = pieces
        .into_iter()
        .map(|piece| {
            let sql = &source.text()[piece.span.clone()];
            let class = classify(dialect, sql);
            Statement {
                line: source.line(piece.span.start),
                span: piece.span,
                copy_data: piece.copy_data,
                tx: class.tx,
                session: class.session,
            }
        })
        .collect();
    Ok(Script {
        dialect,
        text: source.text().clone(),
        statements,
        source,
        refused: Memo::default(),
    })
}

pub(super) fn cut(dialect: Dialect, text: &str) -> Result<Vec<Piece>, Broken> {
    match dialect {
        Dialect::Postgres => postgres::cut(text),
        Dialect::Mysql => mysql::cut(text),
        Dialect::Sqlite => sqlite::cut(text),
    }
}

/// The statement under way, shared by the dialects.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Where the text behind the last delimiter begins.
    whole: usize,
    span: Option<Range<usize>>,
}

impl Open {
    pub(super) fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    pub(super) fn start(&self) -> usize {
        self.span.as_ref().map_or(self.whole, |span| span.start)
    }

    pub(super) fn extend(&mut self, start: usize, end: usize) {
        match &mut self.span {
            Some(span) => span.end = end,
            None => self.span = Some(start..end),
        }
    }

    /// Ends it; `at` is where its delimiter begins, `next` where what follows begins. None if it said nothing.
    pub(super) fn close(&mut self, at: usize, next: usize) -> Option<Piece> {
        let whole = std::mem::replace(&mut self.whole, next)..at;
        let span = self.span.take()?;
        Some(Piece {
            span,
            copy_data: None,
            whole,
        })
    }
}

/// A command's name, up to the next blank, for a message.
pub(super) fn command(text: &str) -> (usize, String) {
    let len = text
        .find([' ', '\t', '\n', '\r', ';'])
        .unwrap_or(text.len())
        .max(1);
    (len, text.get(..len).unwrap_or_default().to_owned())
}

pub(super) fn refuse<T>(at: usize, len: usize, fault: ScriptFault) -> Result<T, Broken> {
    Err((at..at + len, fault))
}
