//! What the catalog says of a statement that can't share a transaction with its step row: before it, and after.
//!
//! A statement that was under way when the connection was lost is settled by comparing the two.

use serde::{Deserialize, Serialize};

use super::{
    names::{Reader, tokens},
    quote::literal,
};

/// What there is to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// An index is built on a table, under a name or one that the server picks.
    CreateIndex {
        table: String,
        index: Option<String>,
    },
    /// One thing of the catalog comes or goes.
    Thing { exists: String },
    /// Doing it twice is as good as once.
    Repeatable,
    /// The file ended Greylag's transaction: part of it may stand.
    Ended,
    /// Nothing that can be looked at tells.
    Opaque,
}

/// The subject, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub subject: Subject,
    /// The table's indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// Whether the thing was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub oid: u32,
    pub name: String,
    pub definition: String,
    pub valid: bool,
}

/// What a look found out about one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Absent,
    Done,
    Unknown,
}

/// What a statement is about.
pub fn subject(sql: &str) -> Subject {
    let tokens = tokens(sql, 60);
    let mut reader = Reader(&tokens);
    if reader.eat(&["CREATE"]) {
        return create(reader);
    }
    if reader.eat(&["DROP"]) {
        return drop(reader);
    }
    if reader.eat(&["ALTER", "TABLE"]) {
        return detach(reader);
    }
    if reader.eat(&["COMMIT", "PREPARED"]) || reader.eat(&["ROLLBACK", "PREPARED"]) {
        let gid = reader.peek();
        return thing(format!("SELECT FROM pg_prepared_xacts WHERE gid = {gid}"));
    }
    let again = [
        "VACUUM",
        "ANALYZE",
        "REINDEX",
        "CLUSTER",
        "ALTER",
        "REFRESH",
        "CHECKPOINT",
        "DISCARD",
    ];
    match again.iter().any(|word| reader.eat(&[word])) {
        true => Subject::Repeatable,
        false => Subject::Opaque,
    }
}

fn create(mut reader: Reader<'_>) -> Subject {
    reader.eat(&["UNIQUE"]);
    if reader.eat(&["INDEX"]) {
        reader.eat(&["CONCURRENTLY"]);
        reader.eat(&["IF", "NOT", "EXISTS"]);
        let index = match reader.eat(&["ON"]) {
            true => None,
            false => {
                let name = reader.name();
                reader.eat(&["ON"]);
                name
            }
        };
        reader.eat(&["ONLY"]);
        return match reader.name() {
            Some(table) => Subject::CreateIndex { table, index },
            None => Subject::Opaque,
        };
    }
    named(reader)
}

fn drop(mut reader: Reader<'_>) -> Subject {
    if reader.eat(&["INDEX"]) {
        reader.eat(&["CONCURRENTLY"]);
        reader.eat(&["IF", "EXISTS"]);
        return match reader.name() {
            // Whatever became of it before, what is still there is dropped the next time, and IF EXISTS is added then.
            Some(name) => thing(format!(
                "SELECT WHERE to_regclass({}) IS NOT NULL",
                literal(&name)
            )),
            None => Subject::Opaque,
        };
    }
    named(reader)
}

/// DATABASE, TABLESPACE, SUBSCRIPTION.
fn named(mut reader: Reader<'_>) -> Subject {
    for (word, catalog, column) in [
        ("DATABASE", "pg_database", "datname"),
        ("TABLESPACE", "pg_tablespace", "spcname"),
        ("SUBSCRIPTION", "pg_subscription", "subname"),
    ] {
        if reader.eat(&[word]) {
            reader.eat(&["IF", "EXISTS"]);
            return match reader.name() {
                Some(name) => thing(format!(
                    "SELECT FROM {catalog} WHERE {column} = (parse_ident({}))[1]",
                    literal(&name)
                )),
                None => Subject::Opaque,
            };
        }
    }
    Subject::Opaque
}

/// ALTER TABLE … DETACH PARTITION … CONCURRENTLY.
fn detach(mut reader: Reader<'_>) -> Subject {
    reader.eat(&["IF", "EXISTS"]);
    reader.eat(&["ONLY"]);
    let parent = reader.name();
    if !reader.eat(&["DETACH", "PARTITION"]) {
        return Subject::Opaque;
    }
    match (parent, reader.name()) {
        (Some(parent), Some(partition)) => thing(format!(
            "SELECT FROM pg_inherits WHERE inhparent = to_regclass({}) AND inhrelid = to_regclass({})",
            literal(&parent),
            literal(&partition)
        )),
        _ => Subject::Opaque,
    }
}

fn thing(exists: String) -> Subject {
    Subject::Thing { exists }
}

impl Subject {
    /// The query that sees it; none where there is nothing to see.
    pub fn query(&self) -> Option<String> {
        match self {
            Subject::CreateIndex { table, .. } => Some(format!(
                "SELECT i.indexrelid, format('%I.%I', n.nspname, c.relname), pg_get_indexdef(i.indexrelid), \
                 i.indisvalid AND i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE i.indrelid = to_regclass({}) ORDER BY 1",
                literal(table)
            )),
            Subject::Thing { exists } => Some(format!("SELECT EXISTS ({exists})")),
            Subject::Repeatable | Subject::Ended | Subject::Opaque => None,
        }
    }
}

impl Image {
    /// What happened, given what is there now.
    pub fn compare(&self, now: &Image) -> Verdict {
        match &self.subject {
            Subject::Repeatable => Verdict::Absent,
            Subject::Ended | Subject::Opaque => Verdict::Unknown,
            Subject::Thing { .. } if self.there == now.there => Verdict::Absent,
            Subject::Thing { .. } => Verdict::Done,
            Subject::CreateIndex { .. } => {
                let gone = self.indexes.iter().any(|old| !now.has(old));
                let made = self.made(now);
                match (gone, made.as_slice()) {
                    (true, _) => Verdict::Unknown,
                    (false, []) => Verdict::Absent,
                    (false, [one]) if one.valid => Verdict::Done,
                    // What is left of it is dropped, and it is built anew.
                    (false, many) if many.iter().all(|index| !index.valid) => Verdict::Absent,
                    (false, _) => Verdict::Unknown,
                }
            }
        }
    }

    /// Indexes that were not there before.
    pub fn made<'a>(&self, now: &'a Image) -> Vec<&'a Index> {
        let new = |index: &&Index| !self.indexes.iter().any(|old| old.oid == index.oid);
        now.indexes.iter().filter(new).collect()
    }

    fn has(&self, index: &Index) -> bool {
        let same = |other: &Index| other.oid == index.oid && other.definition == index.definition;
        self.indexes.iter().any(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(oid: u32, valid: bool) -> Index {
        Index {
            oid,
            name: format!("public.i{oid}"),
            definition: format!("CREATE INDEX i{oid}"),
            valid,
        }
    }

    fn image(indexes: &[Index]) -> Image {
        Image {
            subject: subject("CREATE INDEX CONCURRENTLY ON t (a)"),
            indexes: indexes.to_vec(),
            there: None,
        }
    }

    #[test]
    fn a_statement_is_known_by_what_it_touches() {
        assert_eq!(
            subject("create unique index concurrently if not exists \"I\" on only app.t (a)"),
            Subject::CreateIndex {
                table: "app.t".into(),
                index: Some("\"I\"".into())
            }
        );
        assert_eq!(
            subject("CREATE INDEX CONCURRENTLY ON t USING gin (a)"),
            Subject::CreateIndex {
                table: "t".into(),
                index: None
            }
        );
        assert_eq!(subject("VACUUM (ANALYZE) t"), Subject::Repeatable);
        assert_eq!(subject("CALL work()"), Subject::Opaque);
        assert!(matches!(
            subject("DROP INDEX CONCURRENTLY i"),
            Subject::Thing { .. }
        ));
        assert!(matches!(
            subject("CREATE DATABASE d"),
            Subject::Thing { .. }
        ));
    }

    #[test]
    fn unchanged_is_absent_a_new_valid_index_is_done_and_a_broken_one_absent() {
        let before = image(&[index(1, true)]);
        assert_eq!(before.compare(&image(&[index(1, true)])), Verdict::Absent);
        assert_eq!(
            before.compare(&image(&[index(1, true), index(2, true)])),
            Verdict::Done
        );
        assert_eq!(
            before.compare(&image(&[index(1, true), index(2, false)])),
            Verdict::Absent
        );
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_is_unknown() {
        let before = image(&[index(1, true)]);
        assert_eq!(before.compare(&image(&[index(2, true)])), Verdict::Unknown);
        let two = image(&[index(1, true), index(2, true), index(3, true)]);
        assert_eq!(before.compare(&two), Verdict::Unknown);
    }
}
