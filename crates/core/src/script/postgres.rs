//! PostgreSQL: dollar quotes, parentheses, `BEGIN ATOMIC` bodies, COPY data, psql's commands.

use super::{
    error::ScriptFault,
    lexer::{Broken, Kind, Lexer, Token},
    split::{Open, Piece, command, refuse},
};
use crate::engine::Dialect;
use std::ops::Range;

pub(super) fn cut(text: &str) -> Result<Vec<Piece>, Broken> {
    let mut lexer = Lexer::new(Dialect::Postgres, text, 0);
    let mut open = Open::default();
    let mut state = State::default();
    let mut pieces = Vec::new();
    while let Some(token) = lexer.next()? {
        match token.kind {
            Kind::Comment => {}
            Kind::Symbol(b'\\') => {
                let (len, command) = command(&text[token.start..]);
                let skipped = matches!(command.as_str(), "\\restrict" | "\\unrestrict");
                if !(skipped && open.is_empty()) {
                    return refuse(token.start, len, ScriptFault::PsqlCommand { command });
                }
                lexer.skip_line();
                open.close(token.start, lexer.at);
            }
            Kind::Symbol(b';') if state.may_end() => {
                let mut piece = open.close(token.start, token.end);
                if let Some(piece) = &mut piece {
                    if state.copies_in() {
                        piece.copy_data = Some(copy_data(&mut lexer)?);
                        open.close(lexer.at, lexer.at);
                    }
                    notice_strings(&mut lexer, &text[piece.span.clone()]);
                }
                pieces.extend(piece);
                state = State::default();
            }
            _ => {
                open.extend(token.start, token.end);
                state.see(token, lexer.text_of(token));
            }
        }
    }
    if let Some(at) = state.bodies.first() {
        return refuse(*at, "BEGIN".len(), ScriptFault::OpenBody);
    }
    if let Some(at) = state.parentheses.first() {
        return refuse(*at, 1, ScriptFault::OpenParenthesis);
    }
    if state.copies_in() && !open.is_empty() {
        return refuse(open.start(), "COPY".len(), ScriptFault::OpenCopy);
    }
    pieces.extend(open.close(text.len(), text.len()));
    Ok(pieces)
}

/// What decides whether a `;` ends the statement.
#[derive(Debug, Default)]
struct State {
    parentheses: Vec<usize>,
    /// Where BEGIN ATOMIC, and each CASE within, began.
    bodies: Vec<usize>,
    /// How many words there were.
    words: usize,
    head: Head,
    before: Before,
    /// COPY … FROM STDIN.
    copy: Copy,
}

/// What the first words say.
#[derive(Debug, Default, PartialEq)]
enum Head {
    #[default]
    Other,
    Create,
    Routine,
    Copy,
}

/// The token before.
#[derive(Debug, Default, PartialEq)]
enum Before {
    #[default]
    Other,
    /// `.` or AS: the next word is a name, whatever it is.
    Naming,
    Begin(usize),
}

#[derive(Debug, Default, PartialEq)]
enum Copy {
    #[default]
    No,
    From,
    Stdin,
}

impl State {
    fn may_end(&self) -> bool {
        self.parentheses.is_empty() && self.bodies.is_empty()
    }

    fn copies_in(&self) -> bool {
        self.head == Head::Copy && self.copy == Copy::Stdin
    }

    fn see(&mut self, token: Token, text: &str) {
        let before = std::mem::take(&mut self.before);
        match token.kind {
            Kind::Symbol(b'(') => self.parentheses.push(token.start),
            Kind::Symbol(b')') => drop(self.parentheses.pop()),
            Kind::Symbol(b'.') => self.before = Before::Naming,
            Kind::Word if before != Before::Naming => self.see_word(token, text, &before),
            _ => {}
        }
    }

    fn see_word(&mut self, token: Token, text: &str, before: &Before) {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        self.words += 1;
        match (self.words, &self.head) {
            (1, _) if is("create") => self.head = Head::Create,
            (1, _) if is("copy") => self.head = Head::Copy,
            (2 | 4, Head::Create) if is("function") || is("procedure") => self.head = Head::Routine,
            _ => {}
        }
        if !self.parentheses.is_empty() {
            return;
        }
        if self.head == Head::Copy {
            self.copy = match self.copy {
                _ if is("from") => Copy::From,
                Copy::From if is("stdin") => Copy::Stdin,
                Copy::Stdin => Copy::Stdin,
                _ => Copy::No,
            };
        }
        if is("as") {
            self.before = Before::Naming;
        } else if self.head == Head::Routine && is("begin") {
            self.before = Before::Begin(token.start);
        } else if let Before::Begin(at) = before
            && is("atomic")
        {
            self.bodies.push(*at);
        } else if !self.bodies.is_empty() && is("case") {
            self.bodies.push(token.start);
        } else if is("end") {
            self.bodies.pop();
        }
    }
}

/// From the line after the `;` to the line that is `\.`, which is passed over.
fn copy_data(lexer: &mut Lexer<'_>) -> Result<Range<usize>, Broken> {
    let text = lexer.text;
    let rest_at = lexer.at;
    lexer.skip_line();
    let rest = text[rest_at..lexer.at].trim();
    if !rest.is_empty() && !rest.starts_with("--") {
        let fault = ScriptFault::AfterCopy {
            text: rest.chars().take(40).collect(),
        };
        let at = rest.as_ptr() as usize - text.as_ptr() as usize;
        return refuse(at, rest.len(), fault);
    }
    lexer.skip_line_end();
    let start = lexer.at;
    while lexer.at < text.len() {
        let line = lexer.at;
        // Data lines end with LF or CR LF; a lone CR is data.
        let len = text[line..]
            .find('\n')
            .map_or(text.len() - line, |at| at + 1);
        lexer.at += len;
        if text[line..lexer.at].trim_end_matches(['\r', '\n']) == "\\." {
            return Ok(start..line);
        }
    }
    refuse(start.min(text.len()), 0, ScriptFault::OpenCopy)
}

/// `SET standard_conforming_strings = off` changes how later strings are read.
fn notice_strings(lexer: &mut Lexer<'_>, sql: &str) {
    let head = sql.get(..3).unwrap_or_default();
    if !head.eq_ignore_ascii_case("set") || sql.len() > 200 {
        return;
    }
    let sql = sql.to_ascii_lowercase();
    if sql.contains("standard_conforming_strings") {
        let value = sql.rsplit([' ', '=', '\t']).next().unwrap_or_default();
        lexer.backslashes = matches!(value.trim_matches('\''), "off" | "false" | "0" | "no");
    }
}
