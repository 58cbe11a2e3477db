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
    /// Indexes are built anew beside the old ones, which they then take the place of.
    Reindex { scope: Scope },
    /// One thing of the catalog comes or goes.
    Thing { exists: String },
    /// Doing it twice is as good as once.
    Repeatable,
    /// The file ended Greylag's transaction: part of it may stand.
    Ended,
    /// Nothing that can be looked at tells.
    Opaque,
}

/// What a REINDEX is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", content = "name", rename_all = "snake_case")]
pub enum Scope {
    Index(String),
    Table(String),
    Schema(String),
    Database,
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
    if reader.eat(&["REINDEX"]) {
        return reindex(reader);
    }
    if reader.eat(&["COMMIT", "PREPARED"]) || reader.eat(&["ROLLBACK", "PREPARED"]) {
        let gid = reader.peek();
        return thing(format!("SELECT FROM pg_prepared_xacts WHERE gid = {gid}"));
    }
    let again = [
        "VACUUM",
        "ANALYZE",
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

fn reindex(mut reader: Reader<'_>) -> Subject {
    let mut concurrently = false;
    if reader.eat(&["("]) {
        while !reader.peek().is_empty() && !reader.eat(&[")"]) {
            concurrently |= reader.peek().eq_ignore_ascii_case("concurrently");
            reader.0 = &reader.0[1..];
        }
    }
    let words = ["INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM"];
    let Some(word) = words.into_iter().find(|word| reader.eat(&[word])) else {
        return Subject::Repeatable;
    };
    concurrently |= reader.eat(&["CONCURRENTLY"]);
    if !concurrently {
        return Subject::Repeatable;
    }
    let scope = match (word, reader.name()) {
        ("INDEX", Some(name)) => Scope::Index(name),
        ("TABLE", Some(name)) => Scope::Table(name),
        ("SCHEMA", Some(name)) => Scope::Schema(name),
        ("DATABASE", _) => Scope::Database,
        _ => return Subject::Repeatable,
    };
    Subject::Reindex { scope }
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
            Subject::CreateIndex { table, .. } => {
                let table = literal(table);
                Some(indexes(&format!("i.indrelid = to_regclass({table})")))
            }
            Subject::Reindex { scope } => Some(indexes(&scope.condition())),
            Subject::Thing { exists } => Some(format!("SELECT EXISTS ({exists})")),
            Subject::Repeatable | Subject::Ended | Subject::Opaque => None,
        }
    }
}

/// The indexes that a condition picks.
fn indexes(condition: &str) -> String {
    format!(
        "SELECT i.indexrelid, format('%I.%I', n.nspname, c.relname), pg_get_indexdef(i.indexrelid), \
         i.indisvalid AND i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {condition} ORDER BY 1"
    )
}

impl Scope {
    /// Of a table and its partitions all indexes, those of their TOAST tables too; of what is larger, those alone that a build
    /// left behind.
    fn condition(&self) -> String {
        let of_table = |table: &str| {
            format!(
                "i.indrelid IN (SELECT unnest(ARRAY[t.oid, t.reltoastrelid]) FROM pg_class t \
                 WHERE t.oid = {table} OR t.oid IN (SELECT relid FROM pg_partition_tree({table})))"
            )
        };
        let left = "NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'";
        match self {
            Scope::Table(name) => of_table(&format!("to_regclass({})", literal(name))),
            Scope::Index(name) => of_table(&format!(
                "(SELECT x.indrelid FROM pg_index x WHERE x.indexrelid = to_regclass({}))::regclass",
                literal(name)
            )),
            Scope::Schema(name) => {
                format!("{left} AND n.nspname = (parse_ident({}))[1]", literal(name))
            }
            Scope::Database => left.to_owned(),
        }
    }
}

impl Image {
    /// Invalid indexes that the statement left behind when it failed, and no others.
    pub fn left<'a>(&self, now: &'a Image) -> Vec<&'a Index> {
        if !matches!(self.subject, Subject::Reindex { .. }) {
            let made = self.made(now);
            return made.into_iter().filter(|index| !index.valid).collect();
        }
        // The new one of a failed build, or the old one whose place it had taken already; both under names of the server's.
        let is_left = |index: &&Index| {
            let name = index.name.trim_end_matches('"');
            let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let before = |old: &Index| old.oid == index.oid && old.name == index.name;
            !index.valid
                && (name.ends_with("_ccnew") || name.ends_with("_ccold"))
                && !self.indexes.iter().any(before)
        };
        now.indexes.iter().filter(is_left).collect()
    }

    /// What happened, given what is there now.
    pub fn compare(&self, now: &Image) -> Verdict {
        match &self.subject {
            Subject::Repeatable | Subject::Reindex { .. } => Verdict::Absent,
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
        assert_eq!(
            subject("REINDEX (VERBOSE) TABLE CONCURRENTLY app.t"),
            Subject::Reindex {
                scope: Scope::Table("app.t".into())
            }
        );
        assert_eq!(
            subject("reindex (concurrently) index i"),
            Subject::Reindex {
                scope: Scope::Index("i".into())
            }
        );
        assert_eq!(subject("REINDEX SCHEMA app"), Subject::Repeatable);
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
