//! What a DDL statement touches, and how one can tell afterwards whether it happened, from its text alone.
//!
//! No parser: enough of a reader to find verbs and names. What it doesn't understand it says so.

mod reader;

use self::reader::Reader;
use super::{online::behind_settings, tokens::tokens};
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
    /// It empties a table, which its rows show: neither server keeps a trace of it that an ordinary account can read.
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

/// What a statement that commits by itself touches.
pub fn touched(sql: &str) -> Touched {
    let (sql, _) = behind_settings(sql);
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

impl Reader<'_> {
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

#[cfg(test)]
mod tests;
