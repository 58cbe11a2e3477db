//! A statement's tokens, for those who read what a statement says.

use super::lexer::{Kind, Lexer, Token};
use crate::engine::Dialect;
use std::ops::Range;

/// A token that says something: no blank, no comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlToken {
    pub kind: TokenKind,
    /// Its bytes within the text.
    pub span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An unquoted name, a keyword or a number.
    Word,
    /// A quoted name.
    Name,
    /// A string, with its prefix and quotes.
    String,
    /// Any other byte.
    Symbol(u8),
}

/// The tokens of a text. It ends where the text can't be read on; a text that was cut into statements always can.
pub fn tokens(dialect: Dialect, text: &str) -> impl Iterator<Item = SqlToken> {
    let mut lexer = Lexer::new(dialect, text, 0);
    std::iter::from_fn(move || {
        loop {
            let Token { kind, start, end } = lexer.next().ok()??;
            let kind = match kind {
                Kind::Comment | Kind::OpenExecutable | Kind::CloseExecutable => continue,
                Kind::Word => TokenKind::Word,
                Kind::Name => TokenKind::Name,
                Kind::String => TokenKind::String,
                Kind::Symbol(symbol) => TokenKind::Symbol(symbol),
            };
            let span = start..end;
            return Some(SqlToken { kind, span });
        }
    })
}

/// Whether a part of a text is in comments that servers execute (`/*! … */`). One within a string or an ordinary comment is none.
pub fn has_executable_comment(dialect: Dialect, text: &str) -> bool {
    let mut lexer = Lexer::new(dialect, text, 0);
    while let Ok(Some(token)) = lexer.next() {
        if token.kind == Kind::OpenExecutable {
            return true;
        }
    }
    false
}

/// The text as a server reads it that executes none of its comments; each is blank, and all else stays where it is.
pub fn without_executable_comments(dialect: Dialect, text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut lexer = Lexer::new(dialect, text, 0);
    let (mut open, mut from) = (0_usize, 0);
    while let Ok(Some(token)) = lexer.next() {
        match token.kind {
            Kind::OpenExecutable => {
                if open == 0 {
                    plain.push_str(&text[from..token.start]);
                    from = token.start;
                }
                open += 1;
            }
            Kind::CloseExecutable => {
                open = open.saturating_sub(1);
                if open == 0 {
                    plain.extend(std::iter::repeat_n(' ', token.end - from));
                    from = token.end;
                }
            }
            _ => {}
        }
    }
    match open {
        0 => plain.push_str(&text[from..]),
        _ => plain.extend(std::iter::repeat_n(' ', text.len() - from)),
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_comments_are_no_words_within_texts() {
        let has = |sql: &str| has_executable_comment(Dialect::Mysql, sql);
        assert!(has("ALTER TABLE t ADD c int /*!80000 INVISIBLE */"));
        assert!(has("/*M!100100 ALTER TABLE t ADD c int */"));
        assert!(!has("ALTER TABLE t ADD c int COMMENT '/*!' -- /*! x"));
        assert!(!has_executable_comment(
            Dialect::Postgres,
            "SELECT 1 /*! x */"
        ));
    }

    #[test]
    fn tokens_leave_out_blanks_and_comments() {
        let sql = "ALTER /* not this */ TABLE \"a b\" -- nor this\n ADD c text DEFAULT 'x';";
        let told: Vec<&str> = tokens(Dialect::Postgres, sql)
            .map(|token| &sql[token.span])
            .collect();
        assert_eq!(
            told,
            [
                "ALTER", "TABLE", "\"a b\"", "ADD", "c", "text", "DEFAULT", "'x'", ";"
            ]
        );
    }

    #[test]
    fn what_only_some_servers_execute_is_blanked() {
        let plain = |sql| without_executable_comments(Dialect::Mysql, sql);
        assert_eq!(plain("a /*!5 b */ c"), format!("a {} c", " ".repeat(9)));
        assert_eq!(
            plain("/*!50000 a /*! b */ c */d"),
            format!("{}d", " ".repeat(24))
        );
        let as_it_is = "'/*! a */' /* b */ -- /*! c */";
        assert_eq!(plain(as_it_is), as_it_is);
    }
}
