//! SQLite: a trigger's body goes on to `; END ;`, as the library itself decides.

use super::{
    error::ScriptFault,
    lexer::{Broken, Kind, Lexer},
    split::{Open, Piece, command, refuse},
};
use crate::engine::Dialect;

pub(super) fn cut(text: &str) -> Result<Vec<Piece>, Broken> {
    let mut lexer = Lexer::new(Dialect::Sqlite, text, 0);
    let mut open = Open::default();
    let mut head = Head::Start;
    let mut tail = Tail::Other;
    let mut pieces = Vec::new();
    while let Some(token) = lexer.next()? {
        let word = lexer.text_of(token);
        match token.kind {
            Kind::Comment => continue,
            Kind::Symbol(b'.') if open.is_empty() => {
                let (len, command) = command(&text[token.start..]);
                return refuse(token.start, len, ScriptFault::SqliteCommand { command });
            }
            Kind::Symbol(b';') if head != Head::Trigger || tail == Tail::End => {
                pieces.extend(open.close(token.start, token.end));
                head = Head::Start;
                tail = Tail::Other;
                continue;
            }
            _ => open.extend(token.start, token.end),
        }
        tail = match (token.kind, tail) {
            (Kind::Symbol(b';'), _) => Tail::Semicolon,
            (Kind::Word, Tail::Semicolon) if word.eq_ignore_ascii_case("end") => Tail::End,
            _ => Tail::Other,
        };
        head = head.next(token.kind == Kind::Word, word);
    }
    if head == Head::Trigger && tail != Tail::End {
        return refuse(open.start(), "CREATE".len(), ScriptFault::OpenBody);
    }
    pieces.extend(open.close(text.len(), text.len()));
    Ok(pieces)
}

#[derive(Clone, Copy, PartialEq)]
enum Head {
    Start,
    /// EXPLAIN [QUERY PLAN].
    Explain,
    Create,
    Trigger,
    Other,
}

/// The last tokens.
#[derive(Clone, Copy, PartialEq)]
enum Tail {
    Semicolon,
    End,
    Other,
}

impl Head {
    fn next(self, is_word: bool, word: &str) -> Head {
        let is = |known: &str| is_word && word.eq_ignore_ascii_case(known);
        match self {
            Head::Start if is("explain") => Head::Explain,
            Head::Start | Head::Explain if is("create") => Head::Create,
            // The library waits for CREATE behind whatever it doesn't know, not only behind QUERY PLAN.
            Head::Explain => {
                let known = ["explain", "temp", "temporary", "trigger", "end"];
                match known.into_iter().any(is) {
                    true => Head::Other,
                    false => Head::Explain,
                }
            }
            Head::Create if is("temp") || is("temporary") => Head::Create,
            Head::Create if is("trigger") => Head::Trigger,
            Head::Trigger => Head::Trigger,
            _ => Head::Other,
        }
    }
}
