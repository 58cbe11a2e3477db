//! What a DDL statement touches, and how one can tell afterwards whether it happened, from its text alone.
//!
//! No parser: enough of a reader to find verbs and names. What it doesn't understand it says so.

use serde::{Deserialize, Serialize};

/// A thing of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Object {
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Sequences of MariaDB too.
    Table,
    View,
    Trigger,
    Procedure,
    Function,
    Event,
    Database,
}

/// How one tells from images before and after whether a statement happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// All or nothing: any image that differs shows it, equal images show its absence.
    ///
    /// Whose change it was the image doesn't say. The shard's lock keeps every other Greylag out; a hand that alters the same
    /// object between a crash and its settling is the case that is left.
    Change,
    /// It creates: there now and not before shows it. With rows of a SELECT that may be missing where the server is not
    /// atomic about them.
    Appear { with_rows: bool },
    /// It drops: gone now and there before shows it. `again`: run again, it passes over what is gone (IF EXISTS).
    Vanish { again: bool },
    /// Tables change names, in order from first to last.
    Rename { pairs: Vec<(Object, Object)> },
    /// It empties a table; the server makes the table anew, which its time of creation shows.
    Truncate,
    /// Run again, it comes to the same.
    Again,
    /// The catalog can't tell.
    Unknown { why: String },
    /// Written inside a transaction: seen at all, it tells that something committed half-way.
    Transaction,
}

/// What a statement touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    pub rule: Rule,
    pub objects: Vec<Object>,
}

/// Statements that the walk over a file treats by their verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    LockTables,
    UnlockTables,
    /// CALL, EXECUTE: may commit inside.
    Call,
    /// SET of session variables, USE, PREPARE: to be run again in a new session.
    Session,
    CreateTemporary,
    /// A stored program, whose text the server keeps.
    CreateProgram,
    Other,
}

/// The verb of a statement.
pub fn verb(sql: &str) -> Verb {
    let tokens = tokens(sql, 40);
    let word = |at: usize| tokens.get(at).map(Token::upper).unwrap_or_default();
    match word(0).as_str() {
        "LOCK" if matches!(word(1).as_str(), "TABLE" | "TABLES") => Verb::LockTables,
        "UNLOCK" if matches!(word(1).as_str(), "TABLE" | "TABLES") => Verb::UnlockTables,
        "CALL" | "EXECUTE" => Verb::Call,
        "SET"
            if !matches!(
                word(1).as_str(),
                "GLOBAL"
                    | "PERSIST"
                    | "PERSIST_ONLY"
                    | "PASSWORD"
                    | "TRANSACTION"
                    | "STATEMENT"
                    | "DEFAULT"
            ) =>
        {
            Verb::Session
        }
        "USE" | "PREPARE" => Verb::Session,
        "CREATE" => {
            let before_name = |w: &str| tokens.iter().take(30).position(|t| t.is(w));
            let programs = [
                "TRIGGER",
                "PROCEDURE",
                "FUNCTION",
                "EVENT",
                "PACKAGE",
                "VIEW",
            ];
            let table = before_name("TABLE").unwrap_or(usize::MAX);
            if before_name("TEMPORARY").is_some_and(|at| at < table) && table < 5 {
                Verb::CreateTemporary
            } else if programs
                .iter()
                .any(|w| before_name(w).is_some_and(|at| at < table))
            {
                Verb::CreateProgram
            } else {
                Verb::Other
            }
        }
        _ => Verb::Other,
    }
}

/// What a statement that commits by itself touches.
pub fn touched(sql: &str) -> Touched {
    let all = tokens(sql, usize::MAX);
    let mut reader = Reader {
        tokens: &all,
        at: 0,
    };
    let verb = reader.next_upper();
    match verb.as_str() {
        "CREATE" => reader.create(),
        "ALTER" => reader.alter(),
        "DROP" => reader.drop(),
        "RENAME" => reader.rename(),
        "TRUNCATE" => {
            reader.skip(&["TABLE"]);
            match reader.object(Kind::Table) {
                Some(table) => Touched {
                    rule: Rule::Truncate,
                    objects: vec![table],
                },
                None => unknown("its table is not understood"),
            }
        }
        "ANALYZE" | "OPTIMIZE" | "CHECK" | "REPAIR" | "FLUSH" | "CACHE" | "GRANT" | "RESET"
        | "LOAD" | "UNLOCK" | "COMMIT" | "SET" => Touched {
            rule: Rule::Again,
            objects: Vec::new(),
        },
        "" => unknown("its verb is not understood"),
        other => unknown(&format!(
            "the catalog doesn't show whether {other} happened"
        )),
    }
}

fn unknown(why: &str) -> Touched {
    Touched {
        rule: Rule::Unknown {
            why: why.to_owned(),
        },
        objects: Vec::new(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// In backticks, or in double quotes under ANSI_QUOTES.
    Quoted(String),
    Text,
    Sign(char),
}

impl Token {
    fn upper(&self) -> String {
        match self {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(w) if w.eq_ignore_ascii_case(word))
    }
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Reader<'_> {
    fn next_upper(&mut self) -> String {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn peek(&self) -> String {
        self.tokens
            .get(self.at)
            .map(Token::upper)
            .unwrap_or_default()
    }

    fn skip(&mut self, words: &[&str]) {
        while words.contains(&self.peek().as_str()) {
            self.at += 1;
        }
    }

    /// Takes these words if they follow, all of them.
    fn takes(&mut self, words: &[&str]) -> bool {
        let follow = words
            .iter()
            .enumerate()
            .all(|(i, w)| self.tokens.get(self.at + i).is_some_and(|t| t.is(w)));
        if follow {
            self.at += words.len();
        }
        follow
    }

    fn sign(&mut self, sign: char) -> bool {
        let is = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is);
        is
    }

    fn name(&mut self) -> Option<String> {
        let name = match self.tokens.get(self.at)? {
            Token::Word(name) | Token::Quoted(name) => name.clone(),
            _ => return None,
        };
        self.at += 1;
        Some(name)
    }

    fn object(&mut self, kind: Kind) -> Option<Object> {
        let first = self.name()?;
        if self.sign('.') {
            let name = self.name()?;
            return Some(Object {
                kind,
                schema: Some(first),
                name,
            });
        }
        Some(Object {
            kind,
            schema: None,
            name: first,
        })
    }

    fn objects(&mut self, kind: Kind) -> Vec<Object> {
        let mut objects = Vec::new();
        while let Some(object) = self.object(kind) {
            objects.push(object);
            if !self.sign(',') {
                break;
            }
        }
        objects
    }

    /// Goes on to the word that says what kind of thing it is.
    fn kind(&mut self) -> Option<&'static str> {
        const KINDS: [&str; 16] = [
            "TABLE",
            "VIEW",
            "TRIGGER",
            "PROCEDURE",
            "FUNCTION",
            "EVENT",
            "DATABASE",
            "SCHEMA",
            "INDEX",
            "SEQUENCE",
            "TABLES",
            "USER",
            "ROLE",
            "SERVER",
            "TABLESPACE",
            "PACKAGE",
        ];
        let from = self.at;
        while self.at < self.tokens.len() && self.at < from + 30 {
            let word = self.next_upper();
            if let Some(kind) = KINDS.iter().find(|k| **k == word) {
                return Some(kind);
            }
        }
        None
    }

    fn has(&self, words: &[&str]) -> bool {
        (self.at..self.tokens.len()).any(|at| {
            words
                .iter()
                .enumerate()
                .all(|(i, w)| self.tokens.get(at + i).is_some_and(|t| t.is(w)))
        })
    }

    fn create(&mut self) -> Touched {
        let replaces = self.takes(&["OR", "REPLACE"]);
        let kind = self.kind();
        self.takes(&["IF", "NOT", "EXISTS"]);
        let changed_or = |replaces: bool, with_rows: bool| match replaces {
            true => Rule::Change,
            false => Rule::Appear { with_rows },
        };
        let (object, rule) = match kind {
            Some("TABLE") => {
                let table = self.object(Kind::Table);
                let with_rows = self.has(&["SELECT"]);
                // Replaced by a table of the same shape, it holds other rows.
                let rule = match replaces && with_rows {
                    true => Rule::Unknown {
                        why: "a table replaced by a query's rows may look as before".into(),
                    },
                    false => changed_or(replaces, with_rows),
                };
                (table, rule)
            }
            Some("SEQUENCE") => (self.object(Kind::Table), changed_or(replaces, false)),
            Some("VIEW") => (self.object(Kind::View), changed_or(replaces, false)),
            Some("TRIGGER") => (self.object(Kind::Trigger), changed_or(replaces, false)),
            Some("PROCEDURE") => (self.object(Kind::Procedure), changed_or(replaces, false)),
            Some("FUNCTION") => (self.object(Kind::Function), changed_or(replaces, false)),
            Some("EVENT") => (self.object(Kind::Event), changed_or(replaces, false)),
            Some("DATABASE" | "SCHEMA") => {
                (self.object(Kind::Database), changed_or(replaces, false))
            }
            Some("INDEX") => (self.index_table(), Rule::Change),
            Some(other) => {
                return unknown(&format!("the catalog is not asked about CREATE {other}"));
            }
            None => return unknown("what it creates is not understood"),
        };
        match object {
            Some(object) => Touched {
                rule,
                objects: vec![object],
            },
            None => unknown("the name of what it creates is not understood"),
        }
    }

    /// The table behind ON.
    fn index_table(&mut self) -> Option<Object> {
        while self.at < self.tokens.len() {
            if self.next_upper() == "ON" {
                return self.object(Kind::Table);
            }
        }
        None
    }

    fn alter(&mut self) -> Touched {
        let kind = self.kind();
        self.takes(&["IF", "EXISTS"]);
        let of_kind = match kind {
            Some("TABLE") => return self.alter_table(),
            Some("SEQUENCE") => return unknown("a sequence's place is not in its definition"),
            Some("VIEW") => Kind::View,
            Some("PROCEDURE") => Kind::Procedure,
            Some("FUNCTION") => Kind::Function,
            Some("EVENT") => Kind::Event,
            Some("DATABASE" | "SCHEMA") => Kind::Database,
            Some(other) => {
                return unknown(&format!("the catalog is not asked about ALTER {other}"));
            }
            None => return unknown("what it alters is not understood"),
        };
        match self.object(of_kind) {
            Some(object) => Touched {
                rule: Rule::Change,
                objects: vec![object],
            },
            None => unknown("the name of what it alters is not understood"),
        }
    }

    fn alter_table(&mut self) -> Touched {
        let Some(table) = self.object(Kind::Table) else {
            return unknown("the name of the table it alters is not understood");
        };
        // Definitions look the same after these.
        let hidden: [&[&str]; 4] = [
            &["EXCHANGE", "PARTITION"],
            &["TRUNCATE", "PARTITION"],
            &["IMPORT", "TABLESPACE"],
            &["DISCARD", "TABLESPACE"],
        ];
        if let Some(what) = hidden.iter().find(|what| self.has(what)) {
            return unknown(&format!(
                "a table's definition is the same after {}",
                what.join(" ")
            ));
        }
        let mut objects = vec![table];
        while self.at < self.tokens.len() {
            if self.next_upper() != "RENAME" {
                continue;
            }
            if ["COLUMN", "INDEX", "KEY"].contains(&self.peek().as_str()) {
                continue;
            }
            self.skip(&["TO", "AS"]);
            objects.extend(self.object(Kind::Table));
        }
        Touched {
            rule: Rule::Change,
            objects,
        }
    }

    fn drop(&mut self) -> Touched {
        let kind = self.kind();
        let again = self.takes(&["IF", "EXISTS"]);
        let of_kind = match kind {
            Some("TABLE" | "TABLES" | "SEQUENCE") => Kind::Table,
            Some("VIEW") => Kind::View,
            Some("TRIGGER") => Kind::Trigger,
            Some("PROCEDURE") => Kind::Procedure,
            Some("FUNCTION") => Kind::Function,
            Some("EVENT") => Kind::Event,
            Some("DATABASE" | "SCHEMA") => Kind::Database,
            Some("INDEX") => {
                return match self.index_table() {
                    Some(table) => Touched {
                        rule: Rule::Change,
                        objects: vec![table],
                    },
                    None => unknown("the table of the index is not understood"),
                };
            }
            Some(other) => return unknown(&format!("the catalog is not asked about DROP {other}")),
            None => return unknown("what it drops is not understood"),
        };
        let objects = self.objects(of_kind);
        if objects.is_empty() {
            return unknown("the name of what it drops is not understood");
        }
        Touched {
            rule: Rule::Vanish { again },
            objects,
        }
    }

    fn rename(&mut self) -> Touched {
        if !matches!(self.next_upper().as_str(), "TABLE" | "TABLES") {
            return unknown("the catalog is not asked about RENAME of anything but tables");
        }
        self.takes(&["IF", "EXISTS"]);
        let mut pairs = Vec::new();
        loop {
            let from = self.object(Kind::Table);
            if self.takes(&["WAIT"]) {
                self.at += 1;
            }
            self.takes(&["NOWAIT"]);
            let (Some(from), true) = (from, self.takes(&["TO"])) else {
                return unknown("the names it changes are not understood");
            };
            let Some(to) = self.object(Kind::Table) else {
                return unknown("the names it changes are not understood");
            };
            pairs.push((from, to));
            if !self.sign(',') {
                break;
            }
        }
        let mut objects: Vec<Object> = Vec::new();
        for object in pairs.iter().flat_map(|(from, to)| [from, to]) {
            if !objects.contains(object) {
                objects.push(object.clone());
            }
        }
        Touched {
            rule: Rule::Rename { pairs },
            objects,
        }
    }
}

/// The first `limit` tokens; comments are passed over, the insides of executable ones are read.
fn tokens(sql: &str, limit: usize) -> Vec<Token> {
    let chars: Vec<char> = sql.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    while at < chars.len() && tokens.len() < limit {
        let (c, next) = (chars[at], chars.get(at + 1).copied());
        match c {
            _ if c.is_whitespace() => at += 1,
            '#' => at = line_end(&chars, at),
            '-' if next == Some('-') && chars.get(at + 2).is_none_or(|c| c.is_whitespace()) => {
                at = line_end(&chars, at);
            }
            '/' if next == Some('*') => at = behind_comment(&chars, at),
            '*' if next == Some('/') => at += 2,
            '`' | '"' => {
                let (name, end) = quoted(&chars, at);
                tokens.push(Token::Quoted(name));
                at = end;
            }
            '\'' => {
                at = quoted(&chars, at).1;
                tokens.push(Token::Text);
            }
            _ if is_word(c) => {
                let end = (at..chars.len())
                    .find(|i| !is_word(chars[*i]))
                    .unwrap_or(chars.len());
                tokens.push(Token::Word(chars[at..end].iter().collect()));
                at = end;
            }
            _ => {
                tokens.push(Token::Sign(c));
                at += 1;
            }
        }
    }
    tokens
}

fn line_end(chars: &[char], from: usize) -> usize {
    (from..chars.len())
        .find(|i| chars[*i] == '\n')
        .unwrap_or(chars.len())
}

/// Behind a comment; of an executable one (`/*!40101 … */`, `/*M! … */`) behind its head.
fn behind_comment(chars: &[char], from: usize) -> usize {
    let head = match chars.get(from + 2) {
        Some('!') => from + 3,
        Some('M') if chars.get(from + 3) == Some(&'!') => from + 4,
        _ => {
            let end = (from + 2..chars.len().saturating_sub(1))
                .find(|i| chars[*i] == '*' && chars[*i + 1] == '/');
            return end.map_or(chars.len(), |end| end + 2);
        }
    };
    (head..chars.len())
        .find(|i| !chars[*i].is_ascii_digit())
        .unwrap_or(chars.len())
}

/// What stands in quotes, and where it ends.
fn quoted(chars: &[char], from: usize) -> (String, usize) {
    let mark = chars[from];
    let mut text = String::new();
    let mut at = from + 1;
    while at < chars.len() {
        if chars[at] == '\\' && mark != '`' {
            text.extend(chars.get(at + 1));
            at += 2;
        } else if chars[at] == mark && chars.get(at + 1) == Some(&mark) {
            text.push(mark);
            at += 2;
        } else if chars[at] == mark {
            return (text, at + 1);
        } else {
            text.push(chars[at]);
            at += 1;
        }
    }
    (text, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> (Rule, Vec<String>) {
        let touched = touched(sql);
        let names = touched.objects.into_iter().map(|o| match o.schema {
            Some(schema) => format!("{schema}.{}", o.name),
            None => o.name,
        });
        (touched.rule, names.collect())
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| n.to_string()).collect()
    }

    #[test]
    fn a_created_table_is_found_behind_options_and_comments() {
        let appear = Rule::Appear { with_rows: false };
        assert_eq!(
            names("CREATE TABLE IF NOT EXISTS `a b`.`c``d` (x int)"),
            (appear.clone(), owned(&["a b.c`d"]))
        );
        assert_eq!(
            names("/* why */ create -- so\n table t (x int)"),
            (appear.clone(), owned(&["t"]))
        );
        assert_eq!(
            names("/*!50001 CREATE TABLE t (x int) */"),
            (appear, owned(&["t"]))
        );
        assert_eq!(
            names("CREATE TABLE t AS SELECT 1"),
            (Rule::Appear { with_rows: true }, owned(&["t"]))
        );
    }

    #[test]
    fn an_altered_table_is_found_with_its_new_name() {
        assert_eq!(
            names("ALTER ONLINE TABLE t ADD COLUMN c int"),
            (Rule::Change, owned(&["t"]))
        );
        assert_eq!(
            names("ALTER TABLE t RENAME COLUMN a TO b, RENAME TO u"),
            (Rule::Change, owned(&["t", "u"]))
        );
        assert!(matches!(
            names("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u").0,
            Rule::Unknown { .. }
        ));
    }

    #[test]
    fn an_index_is_looked_for_on_its_table() {
        assert_eq!(
            names("CREATE UNIQUE INDEX i ON d.t (a)"),
            (Rule::Change, owned(&["d.t"]))
        );
        assert_eq!(names("DROP INDEX i ON t"), (Rule::Change, owned(&["t"])));
    }

    #[test]
    fn dropped_things_are_all_named() {
        assert_eq!(
            names("DROP TABLE a, `b`"),
            (Rule::Vanish { again: false }, owned(&["a", "b"]))
        );
        assert_eq!(
            names("DROP VIEW IF EXISTS v"),
            (Rule::Vanish { again: true }, owned(&["v"]))
        );
    }

    #[test]
    fn a_view_s_definer_does_not_hide_its_name() {
        let sql = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW `v` AS SELECT 1 FROM `table`";
        assert_eq!(
            names(sql),
            (Rule::Appear { with_rows: false }, owned(&["v"]))
        );
        assert_eq!(
            names("CREATE OR REPLACE VIEW v AS SELECT 1"),
            (Rule::Change, owned(&["v"]))
        );
    }

    #[test]
    fn a_swap_names_each_table_once() {
        let (rule, tables) = names("RENAME TABLE a TO t, b TO a, t TO b");
        assert_eq!(tables, owned(&["a", "t", "b"]));
        assert!(matches!(rule, Rule::Rename { pairs } if pairs.len() == 3));
    }

    #[test]
    fn verbs_are_told_apart() {
        assert_eq!(verb("lock tables t write"), Verb::LockTables);
        assert_eq!(verb("CALL p()"), Verb::Call);
        assert_eq!(verb("SET @a = 1"), Verb::Session);
        assert_eq!(verb("SET GLOBAL x = 1"), Verb::Other);
        assert_eq!(
            verb("CREATE TEMPORARY TABLE t (a int)"),
            Verb::CreateTemporary
        );
        assert_eq!(
            verb("CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1"),
            Verb::CreateProgram
        );
        assert_eq!(
            verb("CREATE TABLE t (view int, temporary int)"),
            Verb::Other
        );
    }
}
