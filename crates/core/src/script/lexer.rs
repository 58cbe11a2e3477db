//! A text's tokens: what is quoted, what is comment, what is a word. Blanks are passed over.

use super::error::ScriptFault;
use crate::engine::Dialect;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An unquoted name, keyword or number.
    Word,
    /// A quoted name.
    Name,
    /// A string, with its prefix.
    String,
    /// Any other byte.
    Symbol(u8),
    Comment,
    /// `/*!` or `/*M!` with its version: what follows is statement text.
    OpenExecutable,
    /// The `*/` of it.
    CloseExecutable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What can't be read, and the bytes where it began.
pub(super) type Broken = (Range<usize>, ScriptFault);

#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    dialect: Dialect,
    /// PostgreSQL's `standard_conforming_strings = off`: a backslash escapes in plain strings too.
    pub(super) backslashes: bool,
    /// Where the executable comments that are open began.
    executable: Vec<usize>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(dialect: Dialect, text: &'a str, at: usize) -> Self {
        Self {
            text,
            at,
            dialect,
            backslashes: dialect == Dialect::Mysql,
            executable: Vec::new(),
        }
    }

    pub(super) fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    pub(super) fn in_executable(&self) -> bool {
        !self.executable.is_empty()
    }

    /// The next token, comments included.
    pub(super) fn next(&mut self) -> Result<Option<Token>, Broken> {
        self.skip_blanks();
        let start = self.at;
        let Some(byte) = self.byte(0) else {
            return match self.executable.first() {
                Some(open) => Err((*open..*open + 3, ScriptFault::OpenComment)),
                None => Ok(None),
            };
        };
        let kind = match byte {
            b'-' if self.byte(1) == Some(b'-') && self.dashes_begin_comment() => {
                self.line_comment()
            }
            b'#' if self.dialect == Dialect::Mysql => self.line_comment(),
            b'/' if self.byte(1) == Some(b'*') => self.block_comment()?,
            b'*' if self.byte(1) == Some(b'/') && self.in_executable() => {
                self.executable.pop();
                self.at += 2;
                Kind::CloseExecutable
            }
            b'\'' => self.string(b'\'', self.backslashes)?,
            b'"' if self.dialect == Dialect::Mysql => self.string(b'"', true)?,
            b'"' => self.name(b'"')?,
            b'`' if self.dialect != Dialect::Postgres => self.name(b'`')?,
            b'[' if self.dialect == Dialect::Sqlite => self.bracket()?,
            b'$' if self.dialect == Dialect::Postgres => self.dollar()?,
            byte if is_word(byte) => self.word()?,
            byte => {
                self.at += 1;
                Kind::Symbol(byte)
            }
        };
        Ok(Some(Token {
            kind,
            start,
            end: self.at,
        }))
    }

    /// The next token that is no comment.
    pub(super) fn next_plain(&mut self) -> Result<Option<Token>, Broken> {
        loop {
            match self.next()? {
                Some(token) if token.kind == Kind::Comment => {}
                token => return Ok(token),
            }
        }
    }

    /// To the end of the line, which stays.
    pub(super) fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
    }

    /// Over the end of the line.
    pub(super) fn skip_line_end(&mut self) {
        let rest = &self.text[self.at..];
        self.at += match rest.as_bytes() {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
    }

    pub(super) fn skip_blanks(&mut self) {
        // A byte order mark within the text is nobody's token.
        const MARK: &[u8] = "\u{feff}".as_bytes();
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += match byte {
                0x0B => 1,
                byte if byte.is_ascii_whitespace() => 1,
                _ if bytes[self.at..].starts_with(MARK) => MARK.len(),
                _ => return,
            };
        }
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// MySQL wants a blank behind the dashes: `5--1` is six.
    fn dashes_begin_comment(&self) -> bool {
        self.dialect != Dialect::Mysql
            || self
                .byte(2)
                .is_none_or(|b| b.is_ascii_whitespace() || b.is_ascii_control())
    }

    fn line_comment(&mut self) -> Kind {
        // SQLite and MySQL end a comment at LF alone.
        let ends: &[char] = match self.dialect {
            Dialect::Postgres => &['\n', '\r'],
            Dialect::Mysql | Dialect::Sqlite => &['\n'],
        };
        let rest = &self.text[self.at..];
        self.at += rest.find(ends).unwrap_or(rest.len());
        Kind::Comment
    }

    fn block_comment(&mut self) -> Result<Kind, Broken> {
        let start = self.at;
        if self.dialect == Dialect::Mysql {
            let rest = &self.text[start..];
            let marker = ["/*!", "/*M!"].iter().find(|m| rest.starts_with(**m));
            if let Some(marker) = marker {
                self.executable.push(start);
                self.at += marker.len();
                let digits = self.text[self.at..]
                    .bytes()
                    .take_while(u8::is_ascii_digit)
                    .count();
                self.at += digits.min(6);
                return Ok(Kind::OpenExecutable);
            }
        }
        let bytes = self.text.as_bytes();
        let mut depth = 1;
        self.at += 2;
        while depth > 0 {
            match (bytes.get(self.at), bytes.get(self.at + 1)) {
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                (Some(b'/'), Some(b'*')) if self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return Err((start..start + 2, ScriptFault::OpenComment)),
            }
        }
        Ok(Kind::Comment)
    }

    fn string(&mut self, quote: u8, escapes: bool) -> Result<Kind, Broken> {
        let start = self.at;
        self.quoted(quote, escapes)
            .map(|()| Kind::String)
            .ok_or((start..start + 1, ScriptFault::OpenString))
    }

    fn name(&mut self, quote: u8) -> Result<Kind, Broken> {
        let start = self.at;
        self.quoted(quote, false)
            .map(|()| Kind::Name)
            .ok_or((start..start + 1, ScriptFault::OpenName))
    }

    fn bracket(&mut self) -> Result<Kind, Broken> {
        let start = self.at;
        match self.text[start..].find(']') {
            Some(len) => self.at += len + 1,
            None => return Err((start..start + 1, ScriptFault::OpenName)),
        }
        Ok(Kind::Name)
    }

    /// From a quote to its like; a doubled one stands for itself.
    fn quoted(&mut self, quote: u8, escapes: bool) -> Option<()> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            match *bytes.get(self.at)? {
                b'\\' if escapes => {
                    bytes.get(self.at + 1)?;
                    self.at += 2;
                }
                byte if byte == quote && bytes.get(self.at + 1) == Some(&quote) => self.at += 2,
                byte if byte == quote => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }

    fn dollar(&mut self) -> Result<Kind, Broken> {
        let start = self.at;
        let bytes = &self.text.as_bytes()[start + 1..];
        let tag = bytes
            .iter()
            .take_while(|b| is_word(**b) && **b != b'$')
            .count();
        let opens = bytes.get(tag) == Some(&b'$') && !bytes[0].is_ascii_digit();
        if !opens {
            self.at += 1;
            return Ok(Kind::Symbol(b'$'));
        }
        let delimiter = &self.text[start..start + tag + 2];
        let body = start + delimiter.len();
        match self.text[body..].find(delimiter) {
            Some(len) => self.at = body + len + delimiter.len(),
            None => {
                let tag = delimiter.to_owned();
                return Err((start..body, ScriptFault::OpenDollar { tag }));
            }
        }
        Ok(Kind::String)
    }

    fn word(&mut self) -> Result<Kind, Broken> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        // A number takes no `$` along: `1$$` opens a dollar quote.
        let number = bytes[start].is_ascii_digit() && self.dialect == Dialect::Postgres;
        while bytes
            .get(self.at)
            .is_some_and(|b| is_word(*b) && !(number && *b == b'$'))
        {
            self.at += 1;
        }
        if self.dialect == Dialect::Postgres && bytes.get(self.at) == Some(&b'\'') {
            let escapes = match &bytes[start..self.at] {
                b"e" | b"E" => true,
                b"b" | b"B" | b"x" | b"X" => false,
                b"n" | b"N" => self.backslashes,
                _ => return Ok(Kind::Word),
            };
            self.string(b'\'', escapes)?;
            while escapes && self.continues() {
                self.string(b'\'', escapes)?;
            }
            return Ok(Kind::String);
        }
        Ok(Kind::Word)
    }

    /// A string goes on behind a line break, with the rules of its first part.
    fn continues(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        let blanks = &rest[..rest.len() - trimmed.len()];
        let goes_on = trimmed.starts_with('\'') && blanks.contains(['\n', '\r']);
        if goes_on {
            self.at += blanks.len();
        }
        goes_on
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}
