//! What an ALTER TABLE, CREATE INDEX or DROP INDEX says of its table, its clauses and its way, and where a way can be written in.
//!
//! Reads tokens, not grammar: the server judges whether a clause fits.

mod clauses;
mod reader;
mod unread;

pub use self::{
    clauses::Clauses,
    unread::{Unread, behind_settings, unread},
};
use self::{clauses::kind, reader::Reader};
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

/// Reads a statement; none where it changes no table, or hides a part in a comment that only some servers read.
pub fn read(sql: &str) -> Option<Change> {
    if has_executable_comment(Dialect::Mysql, sql) {
        return None;
    }
    Change::of(sql, &tokens_of(sql))
}

fn tokens_of(sql: &str) -> Vec<SqlToken> {
    tokens(Dialect::Mysql, sql)
        .take_while(|token| token.kind != TokenKind::Symbol(b';'))
        .collect()
}

impl Change {
    fn of(sql: &str, tokens: &[SqlToken]) -> Option<Change> {
        let mut reader = Reader::at_start(sql, tokens);
        match reader.next_upper().as_str() {
            "ALTER" => reader.alter(),
            "CREATE" => reader.create_index(),
            "DROP" => reader.drop_index(),
            _ => None,
        }
    }

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

impl Reader<'_> {
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
}

const ALGORITHMS: [&str; 5] = ["DEFAULT", "INSTANT", "INPLACE", "NOCOPY", "COPY"];
const LOCKS: [&str; 4] = ["DEFAULT", "NONE", "SHARED", "EXCLUSIVE"];

#[cfg(test)]
mod tests;
