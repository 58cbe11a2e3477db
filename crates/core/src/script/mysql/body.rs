//! Where a stored program's body ends when no DELIMITER says so.
//!
//! Words are keywords by where they stand: IF( is a function and IF … THEN a statement, `end` may be a column.

use super::super::lexer::{Broken, Kind, Lexer, Token};

#[derive(Debug, Default)]
pub(super) struct Body {
    stage: Stage,
    blocks: Vec<(Block, usize)>,
    parentheses: usize,
    /// The next word may begin a statement of the body.
    at_start: bool,
    /// The last word stood where a statement begins: a `:` behind it makes it a label.
    may_label: bool,
    /// Within DECLARE … HANDLER FOR …, BEGIN opens a block.
    declares: bool,
    before: Before,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Stage {
    #[default]
    Start,
    /// CREATE or ALTER, and not yet what.
    Object,
    /// Of a stored program, before its body.
    Header,
    /// Within compound statements.
    Compound,
    /// No body, or a body of one simple statement: the next `;` ends it.
    Simple,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Block {
    Begin,
    CaseExpression,
    /// Closed by END and this word.
    Named(&'static str),
}

/// The token before, as far as it matters.
#[derive(Debug, Default, Clone, PartialEq)]
enum Before {
    #[default]
    Other,
    Word(String),
}

impl Body {
    pub(super) fn may_end(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Where the outermost open block began.
    pub(super) fn open_at(&self) -> Option<usize> {
        self.blocks.first().map(|(_, at)| *at)
    }

    pub(super) fn see(&mut self, token: Token, lexer: &mut Lexer<'_>) -> Result<(), Broken> {
        if self.stage == Stage::Simple {
            return Ok(());
        }
        match token.kind {
            Kind::Word => {
                let before = lexer.text[..token.start].bytes().next_back();
                let word = lexer.text_of(token).to_ascii_uppercase();
                // `t.end` and `@begin` are names.
                if !matches!(before, Some(b'.' | b'@')) {
                    self.see_word(&word, token, lexer)?;
                } else {
                    self.at_start = false;
                }
                self.before = Before::Word(word);
                return Ok(());
            }
            Kind::Symbol(b'(') => {
                self.parentheses += 1;
                self.at_start = false;
            }
            Kind::Symbol(b')') => {
                self.parentheses = self.parentheses.saturating_sub(1);
                self.at_start = false;
            }
            Kind::Symbol(b';') => {
                self.at_start = true;
                self.declares = false;
            }
            Kind::Symbol(b':') => self.at_start = self.may_label,
            Kind::OpenExecutable | Kind::CloseExecutable => return Ok(()),
            Kind::Name => {
                // A quoted label.
                self.may_label = self.at_start;
                self.at_start = false;
                self.before = Before::Other;
                return Ok(());
            }
            _ => self.at_start = false,
        }
        self.may_label = false;
        self.before = Before::Other;
        Ok(())
    }

    fn see_word(&mut self, word: &str, token: Token, lexer: &mut Lexer<'_>) -> Result<(), Broken> {
        match self.stage {
            Stage::Start => self.start(word, token, lexer),
            Stage::Object => {
                self.object(word);
                Ok(())
            }
            Stage::Header if self.parentheses == 0 => self.header(word, token, lexer),
            Stage::Compound => self.compound(word, token, lexer),
            Stage::Header | Stage::Simple => Ok(()),
        }
    }

    fn start(&mut self, word: &str, token: Token, lexer: &Lexer<'_>) -> Result<(), Broken> {
        self.stage = match word {
            "CREATE" | "ALTER" => Stage::Object,
            // MariaDB takes compound statements outside of programs.
            "BEGIN" if next_is(lexer, &["NOT"])? => self.open(Block::Begin, token),
            "IF" | "WHILE" | "LOOP" | "REPEAT" | "CASE" | "FOR" => self.open_named(word, token),
            _ => Stage::Simple,
        };
        Ok(())
    }

    fn object(&mut self, word: &str) {
        self.stage = match word {
            "PROCEDURE" | "FUNCTION" | "TRIGGER" | "EVENT" | "PACKAGE" => Stage::Header,
            "TABLE" | "VIEW" | "INDEX" | "DATABASE" | "SCHEMA" | "USER" | "ROLE" | "SERVER"
            | "SEQUENCE" | "UNIQUE" | "FULLTEXT" | "SPATIAL" | "TEMPORARY" | "TABLESPACE"
            | "LOGFILE" | "INSTANCE" | "RESOURCE" | "UNDO" => Stage::Simple,
            _ => Stage::Object,
        };
    }

    fn header(&mut self, word: &str, token: Token, lexer: &Lexer<'_>) -> Result<(), Broken> {
        let after =
            |words: &[&str]| matches!(&self.before, Before::Word(w) if words.contains(&w.as_str()));
        let named = after(&[
            "PROCEDURE",
            "FUNCTION",
            "TRIGGER",
            "EVENT",
            "BODY",
            "EXISTS",
        ]);
        self.stage = match word {
            "BEGIN" => self.open(Block::Begin, token),
            "IF" if next_is(lexer, &["NOT", "EXISTS"])? && named => Stage::Header,
            "IF" | "WHILE" | "LOOP" | "REPEAT" | "CASE" if !named => self.open_named(word, token),
            "INSERT" | "UPDATE" | "DELETE" if after(&["BEFORE", "AFTER", "OR"]) => Stage::Header,
            "SET" if after(&["CHARACTER", "CHAR", "RETURNS"]) => Stage::Header,
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "SET" | "RETURN" | "CALL" | "REPLACE"
            | "WITH" | "TRUNCATE" | "SIGNAL"
                if !named =>
            {
                Stage::Simple
            }
            _ => Stage::Header,
        };
        Ok(())
    }

    fn compound(&mut self, word: &str, token: Token, lexer: &mut Lexer<'_>) -> Result<(), Broken> {
        let start = std::mem::take(&mut self.at_start);
        let top = self.blocks.last().map(|(block, _)| *block);
        self.may_label = start;
        match word {
            "END" => return self.end(top, start, lexer),
            "BEGIN" if start || self.declares => {
                self.open(Block::Begin, token);
            }
            "IF" | "CASE" | "LOOP" | "REPEAT" | "WHILE" | "FOR" if start => {
                self.open_named(word, token);
            }
            "CASE" => {
                self.open(Block::CaseExpression, token);
                self.at_start = false;
            }
            "DECLARE" if start => self.declares = true,
            "THEN" | "ELSE" => self.at_start = top != Some(Block::CaseExpression),
            "DO" if !start => self.at_start = true,
            _ => {}
        }
        Ok(())
    }

    fn end(
        &mut self,
        top: Option<Block>,
        start: bool,
        lexer: &mut Lexer<'_>,
    ) -> Result<(), Broken> {
        let closed = match top {
            None => false,
            Some(Block::CaseExpression) => true,
            Some(Block::Begin) => start,
            Some(Block::Named(name)) => {
                let closed = next_is(lexer, &[name])?;
                if closed {
                    lexer.next_plain()?;
                }
                closed
            }
        };
        if closed {
            self.blocks.pop();
            if self.blocks.is_empty() {
                self.stage = Stage::Simple;
            }
        }
        Ok(())
    }

    fn open(&mut self, block: Block, token: Token) -> Stage {
        self.blocks.push((block, token.start));
        self.at_start = true;
        self.stage = Stage::Compound;
        Stage::Compound
    }

    fn open_named(&mut self, word: &str, token: Token) -> Stage {
        const NAMES: [&str; 6] = ["IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR"];
        let name = NAMES.into_iter().find(|name| *name == word).unwrap_or("IF");
        self.open(Block::Named(name), token);
        // LOOP and REPEAT are followed by statements, the others by an expression.
        self.at_start = matches!(word, "LOOP" | "REPEAT");
        Stage::Compound
    }
}

/// Whether the next word, behind blanks and comments, is one of these.
fn next_is(lexer: &Lexer<'_>, words: &[&str]) -> Result<bool, Broken> {
    let mut ahead = lexer.clone();
    let token = ahead.next_plain()?;
    Ok(token.is_some_and(|token| {
        token.kind == Kind::Word
            && words
                .iter()
                .any(|word| ahead.text_of(token).eq_ignore_ascii_case(word))
    }))
}
