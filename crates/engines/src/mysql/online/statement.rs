//! What an ALTER TABLE, CREATE INDEX or DROP INDEX says of its table, its clauses and its way, and where a way can be written in.
//!
//! Reads tokens, not grammar: the server judges whether a clause fits.

use crate::mysql::quote;
use greylag_core::{
    engine::Dialect,
    script::{SqlToken, TokenKind, has_executable_comment, tokens},
};
use std::{iter::once, ops::Range};

/// A statement that changes a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub form: Form,
    pub schema: Option<String>,
    pub table: String,
    pub clauses: Clauses,
    /// The author wrote the algorithm himself.
    pub says_algorithm: bool,
    /// The author wrote the lock himself (`ALTER ONLINE TABLE` is one too).
    pub says_lock: bool,
    /// Every clause touches metadata alone, whatever the server calls it.
    pub is_metadata: bool,
    /// Where a way is written in.
    at: usize,
    /// Bytes of what an ALTER of the same would say.
    says: Vec<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Alter,
    CreateIndex,
    DropIndex,
}

/// What the clauses of an ALTER are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clauses {
    /// Columns, indexes, options.
    Plain,
    /// PARTITION BY, REMOVE PARTITIONING, alone.
    Partitioning,
    /// Partitions whose rows are written anew.
    PartitionsAnew,
    /// Partitions or tablespaces come and go, and no row is written.
    Whole,
    /// It gives the table another name.
    Renames,
}

/// Reads a statement; none where it changes no table, or hides a part in a comment that only some servers read.
pub fn read(sql: &str) -> Option<Change> {
    if has_executable_comment(Dialect::Mysql, sql) {
        return None;
    }
    let all = tokens_of(sql);
    let mut reader = Reader::at_start(sql, &all);
    match reader.next_upper().as_str() {
        "ALTER" => reader.alter(),
        "CREATE" => reader.create_index(),
        "DROP" => reader.drop_index(),
        _ => None,
    }
}

/// Why a statement that changes a table can't be read, if it is one that can't.
pub fn unread(sql: &str) -> Option<&'static str> {
    let all = tokens_of(sql);
    if !Reader::at_start(sql, &all).changes_a_table() || read(sql).is_some() {
        return None;
    }
    Some(match has_executable_comment(Dialect::Mysql, sql) {
        true => "a part of it is in a comment that only some servers execute (`/*! … */`)",
        false => "its clauses are not understood",
    })
}

fn tokens_of(sql: &str) -> Vec<SqlToken> {
    tokens(Dialect::Mysql, sql)
        .take_while(|token| token.kind != TokenKind::Symbol(b';'))
        .collect()
}

impl Change {
    /// The statement with a way written in.
    pub fn by(&self, sql: &str, algorithm: &str, lock: Option<&str>) -> String {
        let (before, after) = sql.split_at(self.at);
        let lock = lock.filter(|_| !self.says_lock);
        let way = |sign: &str| match lock {
            Some(lock) => format!("ALGORITHM={algorithm}{sign}LOCK={lock}"),
            None => format!("ALGORITHM={algorithm}"),
        };
        match (self.form, self.clauses) {
            (Form::Alter, Clauses::Partitioning) => format!("{before}{} {after}", way(", ")),
            (Form::Alter, _) => format!("{before}{}, {after}", way(", ")),
            // MariaDB's DROP INDEX takes no way; as an ALTER it is the same.
            (Form::DropIndex, _) => {
                let schema = (self.schema.as_deref())
                    .map_or_else(String::new, |schema| format!("{}.", quote::name(schema)));
                let table = quote::name(&self.table);
                format!(
                    "ALTER TABLE {schema}{table} {}, {}",
                    way(", "),
                    self.as_alter(sql)
                )
            }
            _ => format!("{before} {}{after}", way(" ")),
        }
    }

    /// The clauses that an ALTER TABLE would have.
    pub fn as_alter(&self, sql: &str) -> String {
        let said: Vec<&str> = (self.says.iter())
            .map(|span| sql[span.clone()].trim())
            .filter(|text| !text.is_empty())
            .collect();
        match self.form {
            Form::Alter => said.concat(),
            Form::CreateIndex => format!("ADD {}", said.join(" ")),
            Form::DropIndex => format!("DROP {}", said.join(" ")),
        }
    }
}

struct Reader<'a> {
    sql: &'a str,
    tokens: &'a [SqlToken],
    at: usize,
}

impl<'a> Reader<'a> {
    fn at_start(sql: &'a str, tokens: &'a [SqlToken]) -> Self {
        Reader { sql, tokens, at: 0 }
    }

    /// Its head is that of an ALTER TABLE, CREATE INDEX or DROP INDEX.
    fn changes_a_table(mut self) -> bool {
        let verb = self.next_upper();
        self.takes(&["OR", "REPLACE"]);
        self.takes_any(&["ONLINE", "OFFLINE"]);
        self.takes(&["IGNORE"]);
        self.takes_any(&["UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"]);
        match verb.as_str() {
            "ALTER" => self.takes(&["TABLE"]),
            "CREATE" | "DROP" => self.takes(&["INDEX"]),
            _ => false,
        }
    }

    fn text(&self, at: usize) -> &'a str {
        self.tokens
            .get(at)
            .map_or("", |token| &self.sql[token.span.clone()])
    }

    /// A word in capitals; empty for anything else.
    fn upper(&self, at: usize) -> String {
        match self.tokens.get(at) {
            Some(token) if token.kind == TokenKind::Word => self.text(at).to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    fn next_upper(&mut self) -> String {
        self.at += 1;
        self.upper(self.at - 1)
    }

    fn takes(&mut self, words: &[&str]) -> bool {
        let follow = (words.iter().enumerate()).all(|(i, word)| self.upper(self.at + i) == **word);
        if follow {
            self.at += words.len();
        }
        follow
    }

    fn takes_any(&mut self, words: &[&str]) -> bool {
        let follows = words.contains(&self.upper(self.at).as_str());
        self.at += usize::from(follows);
        follows
    }

    fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.kind == TokenKind::Symbol(symbol))
    }

    /// A name, plain or quoted.
    fn name(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?;
        let text = self.text(self.at);
        let quoted = |mark: char| {
            let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
            Some(inner.replace(&format!("{mark}{mark}"), &mark.to_string()))
        };
        let name = match token.kind {
            TokenKind::Word => text.to_owned(),
            TokenKind::Name => quoted('`')?,
            TokenKind::String => quoted('"')?,
            TokenKind::Symbol(_) => return None,
        };
        self.at += 1;
        Some(name)
    }

    fn table(&mut self) -> Option<(Option<String>, String)> {
        let first = self.name()?;
        if self.is_symbol(self.at, b'.') {
            self.at += 1;
            return Some((Some(first), self.name()?));
        }
        Some((None, first))
    }

    /// MariaDB's `WAIT 5` and `NOWAIT`.
    fn skip_patience(&mut self) {
        if self.takes(&["WAIT"]) {
            self.at += 1;
        }
        self.takes(&["NOWAIT"]);
    }

    fn start(&self, at: usize) -> usize {
        self.tokens.get(at).map_or_else(
            || self.tokens.last().map_or(0, |token| token.span.end),
            |token| token.span.start,
        )
    }

    fn end(&self) -> usize {
        self.tokens.last().map_or(0, |token| token.span.end)
    }

    fn alter(mut self) -> Option<Change> {
        let online = self.takes_any(&["ONLINE", "OFFLINE"]);
        self.takes(&["IGNORE"]);
        if !self.takes(&["TABLE"]) {
            return None;
        }
        self.takes(&["IF", "EXISTS"]);
        let (schema, table) = self.table()?;
        self.skip_patience();
        if self.at >= self.tokens.len() {
            return None;
        }
        let from = self.at;
        let parts = self.parts(from);
        let words: Vec<[String; 3]> = parts
            .iter()
            .map(|part| [0, 1, 2].map(|i| self.upper_within(part, i)))
            .collect();
        Some(Change {
            form: Form::Alter,
            schema,
            table,
            clauses: kind(
                &words,
                ["VALUES", "HISTORY"].iter().any(|w| self.has_word(from, w)),
            ),
            says_algorithm: self.says(from, "ALGORITHM", &ALGORITHMS),
            says_lock: online || self.says(from, "LOCK", &LOCKS),
            is_metadata: parts.iter().all(|part| self.is_metadata(part)),
            at: self.start(from),
            says: once(self.start(from)..self.end()).collect(),
        })
    }

    fn create_index(mut self) -> Option<Change> {
        self.takes(&["OR", "REPLACE"]);
        let online = self.takes_any(&["ONLINE", "OFFLINE"]);
        let kind = self.at;
        self.takes_any(&["UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"]);
        if !self.takes(&["INDEX"]) {
            return None;
        }
        // Behind the names that an ALTER has elsewhere.
        while self.at < self.tokens.len() && self.upper(self.at) != "ON" {
            if self.takes(&["WAIT"]) || self.takes(&["NOWAIT"]) {
                return None;
            }
            self.at += 1;
        }
        let on = self.at;
        self.at += 1;
        let (schema, table) = self.table()?;
        self.skip_patience();
        let columns = self.at;
        Some(Change {
            form: Form::CreateIndex,
            schema,
            table,
            clauses: Clauses::Plain,
            says_algorithm: self.says(columns, "ALGORITHM", &ALGORITHMS),
            says_lock: online || self.says(columns, "LOCK", &LOCKS),
            is_metadata: false,
            at: self.end(),
            says: vec![
                self.start(kind)..self.start(on),
                self.start(columns)..self.end(),
            ],
        })
    }

    fn drop_index(mut self) -> Option<Change> {
        let online = self.takes_any(&["ONLINE", "OFFLINE"]);
        let index = self.at;
        if !self.takes(&["INDEX"]) {
            return None;
        }
        self.takes(&["IF", "EXISTS"]);
        let is_key = self.name()?.eq_ignore_ascii_case("PRIMARY");
        let on = self.at;
        if !self.takes(&["ON"]) {
            return None;
        }
        let (schema, table) = self.table()?;
        // A patience of its own has no place in what is sent instead.
        if self.takes(&["WAIT"]) || self.takes(&["NOWAIT"]) {
            return None;
        }
        Some(Change {
            form: Form::DropIndex,
            schema,
            table,
            clauses: Clauses::Plain,
            says_algorithm: self.says(self.at, "ALGORITHM", &ALGORITHMS),
            says_lock: online || self.says(self.at, "LOCK", &LOCKS),
            is_metadata: !is_key,
            at: self.end(),
            says: once(self.start(index)..self.start(on)).collect(),
        })
    }

    /// The clauses: what stands between commas that are in no brackets.
    fn parts(&self, from: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut begin, mut depth) = (from, 0_usize);
        for at in from..self.tokens.len() {
            match self.tokens[at].kind {
                TokenKind::Symbol(b'(') => depth += 1,
                TokenKind::Symbol(b')') => depth = depth.saturating_sub(1),
                TokenKind::Symbol(b',') if depth == 0 => {
                    parts.push(begin..at);
                    begin = at + 1;
                }
                _ => {}
            }
        }
        parts.push(begin..self.tokens.len());
        parts
    }

    /// A clause that reads and writes no row. Options of the table may stand side by side in one, and what is said of partitions behind it.
    fn is_metadata(&self, part: &Range<usize>) -> bool {
        let word = |i: usize| self.upper_within(part, i);
        let says = |wanted: &str| part.clone().any(|at| self.upper(at) == wanted);
        if says("PARTITION") || says("PARTITIONING") {
            return false;
        }
        match (word(0).as_str(), word(1).as_str()) {
            // By this name it is the primary key, and the table is written anew.
            ("DROP", "INDEX" | "KEY" | "CONSTRAINT") => !(part.clone()).any(|at| {
                self.text(at)
                    .trim_matches('`')
                    .eq_ignore_ascii_case("PRIMARY")
            }),
            ("DROP", "FOREIGN" | "CHECK") | ("RENAME" | "ALTER", _) => true,
            (first, _) if is_remark(first) => {
                part.len() == 2 || part.len() == 3 && self.is_symbol(part.start + 1, b'=')
            }
            _ => false,
        }
    }

    fn upper_within(&self, part: &Range<usize>, i: usize) -> String {
        match part.start + i < part.end {
            true => self.upper(part.start + i),
            false => String::new(),
        }
    }

    /// `ALGORITHM = x` or `ALGORITHM x`, outside of brackets.
    fn says(&self, from: usize, word: &str, values: &[&str]) -> bool {
        let mut depth = 0_usize;
        (from..self.tokens.len()).any(|at| {
            match self.tokens[at].kind {
                TokenKind::Symbol(b'(') => depth += 1,
                TokenKind::Symbol(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
                && self.upper(at) == word
                && (self.is_symbol(at + 1, b'=') || values.contains(&self.upper(at + 1).as_str()))
        })
    }

    fn has_word(&self, from: usize, word: &str) -> bool {
        (from..self.tokens.len()).any(|at| self.upper(at) == word)
    }
}

const ALGORITHMS: [&str; 5] = ["DEFAULT", "INSTANT", "INPLACE", "NOCOPY", "COPY"];
const LOCKS: [&str; 4] = ["DEFAULT", "NONE", "SHARED", "EXCLUSIVE"];

fn kind(words: &[[String; 3]], says_what_they_hold: bool) -> Clauses {
    let [first, second, _] = words.first().map_or(["", "", ""], |words| {
        [words[0].as_str(), words[1].as_str(), words[2].as_str()]
    });
    match (first, second) {
        ("PARTITION", "BY") | ("REMOVE", "PARTITIONING") => Clauses::Partitioning,
        ("REORGANIZE" | "COALESCE" | "REBUILD" | "OPTIMIZE" | "REPAIR", "PARTITION") => {
            Clauses::PartitionsAnew
        }
        // By hash or key: all rows find their places anew.
        ("ADD", "PARTITION") if !says_what_they_hold => Clauses::PartitionsAnew,
        (
            "ADD" | "DROP" | "TRUNCATE" | "EXCHANGE" | "ANALYZE" | "CHECK" | "DISCARD" | "IMPORT"
            | "CONVERT",
            "PARTITION",
        )
        | ("DISCARD" | "IMPORT", "TABLESPACE")
        | ("CONVERT", "TABLE") => Clauses::Whole,
        _ if words.iter().any(renames) => Clauses::Renames,
        _ => Clauses::Plain,
    }
}

fn renames(words: &[String; 3]) -> bool {
    words[0] == "RENAME" && !["COLUMN", "INDEX", "KEY"].contains(&words[1].as_str())
}

/// An option of the table that says something about it, or for rows to come.
fn is_remark(word: &str) -> bool {
    matches!(word, "COMMENT" | "AUTO_INCREMENT") || word.starts_with("STATS_")
}

#[cfg(test)]
mod tests;
