//! MySQL and MariaDB: DELIMITER, executable comments, and the client's own commands.

mod body;

use super::{
    error::ScriptFault,
    lexer::{Broken, Kind, Lexer, Token, is_word},
    split::{Open, Piece, command, refuse},
};
use crate::engine::Dialect;
use body::Body;

pub(super) fn cut(text: &str) -> Result<Vec<Piece>, Broken> {
    let mut lexer = Lexer::new(Dialect::Mysql, text, 0);
    let mut delimiter = ";";
    let mut open = Open::default();
    let mut body = Body::default();
    let mut pieces = Vec::new();
    loop {
        lexer.skip_blanks();
        if !lexer.in_executable()
            && (delimiter != ";" || body.may_end())
            && delimits(text, lexer.at, delimiter)
        {
            let at = lexer.at;
            lexer.at += delimiter.len();
            pieces.extend(open.close(at, lexer.at));
            body = Body::default();
            continue;
        }
        let Some(mut token) = lexer.next()? else {
            break;
        };
        if token.kind == Kind::Comment {
            continue;
        }
        let word = lexer.text_of(token);
        if token.kind == Kind::Word && sets_delimiter(text, token, word, open.is_empty()) {
            // The client flushes what has no delimiter yet.
            let at = token.start;
            lexer.skip_line();
            let line = &text[token.end..lexer.at];
            delimiter = line
                .split_whitespace()
                .next()
                .ok_or((token.start..token.end, ScriptFault::NoDelimiter))?;
            pieces.extend(open.close(at, lexer.at));
            body = Body::default();
            continue;
        }
        if let Some(command) = client_command(text, token, word, open.is_empty()) {
            return refuse(
                token.start,
                command.len(),
                ScriptFault::MysqlCommand { command },
            );
        }
        if token.kind == Kind::Word
            && let Some(len) = cut_short(text, token, delimiter)
        {
            token.end = token.start + len;
            lexer.at = token.end;
        }
        open.extend(token.start, token.end);
        if delimiter == ";" {
            body.see(token, &mut lexer)?;
            open.extend(token.start, lexer.at);
        }
    }
    if let Some(at) = body.open_at() {
        return refuse(at, 1, ScriptFault::OpenBody);
    }
    pieces.extend(open.close(text.len(), text.len()));
    Ok(pieces)
}

/// A delimiter of letters must stand alone as a word; others cut wherever they stand.
fn delimits(text: &str, at: usize, delimiter: &str) -> bool {
    let Some(rest) = text[at..].strip_prefix(delimiter) else {
        return false;
    };
    let letters = delimiter.bytes().all(|b| b.is_ascii_alphanumeric());
    !letters || !rest.as_bytes().first().is_some_and(|b| is_word(*b))
}

/// `END$$`: the delimiter ends a word that would go on.
fn cut_short(text: &str, token: Token, delimiter: &str) -> Option<usize> {
    if delimiter.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    // No further than where it may begin within the word: the next one may be far.
    let end = (token.end + delimiter.len() - 1).min(text.len());
    text.as_bytes()[token.start..end]
        .windows(delimiter.len())
        .position(|window| window == delimiter.as_bytes())
        .filter(|len| *len > 0)
}

/// DELIMITER at the beginning of a statement or of a line.
fn sets_delimiter(text: &str, token: Token, word: &str, first: bool) -> bool {
    if !word.eq_ignore_ascii_case("delimiter") {
        return false;
    }
    let line = text[..token.start]
        .rsplit(['\n', '\r'])
        .next()
        .unwrap_or_default();
    let blank_behind = text[token.end..].starts_with([' ', '\t', '\n', '\r']);
    first
        || line.trim().is_empty() && blank_behind && {
            let value = text[token.end..]
                .split_whitespace()
                .next()
                .unwrap_or_default();
            !value.is_empty()
                && !value
                    .bytes()
                    .any(|b| b.is_ascii_alphanumeric() || b"(),='\"`.".contains(&b))
        }
}

/// `\G`, `source file`: `\N` alone is SQL.
fn client_command(text: &str, token: Token, word: &str, first: bool) -> Option<String> {
    let rest = &text[token.start..];
    match token.kind {
        Kind::Symbol(b'\\') if !rest.starts_with("\\N") => Some(
            rest.chars()
                .take(2)
                .take_while(|c| !c.is_whitespace())
                .collect(),
        ),
        Kind::Word if first && word.eq_ignore_ascii_case("source") => Some(command(rest).1),
        _ => None,
    }
}
