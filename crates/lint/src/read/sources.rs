//! Which tables the rows of a query come from.
//!
//! A table that is only looked into (EXISTS, IN, one value of a list) adds no row, and is none of them; nor is one of which a query takes
//! nothing (LIMIT 0, WHERE false), or only what its rows come to together (`count(*)`).

use super::{
    cursor::Cursor,
    nothing,
    pinned::pinned,
    rows::{condition, write},
    tables::{is_dual, tables_read},
};
use crate::operation::{Name, Pinned, Source};
use greylag_core::{engine::Dialect, script::TokenKind};
use std::collections::{BTreeMap, HashSet};

/// How many queries within each other are looked into: nobody writes more by hand.
const DEEPEST: usize = 64;

/// What may stand behind a query's tables and its condition.
pub(super) const BEHIND: &[&str] = &[
    "GROUP",
    "ORDER",
    "LIMIT",
    "HAVING",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WINDOW",
    "FETCH",
    "OFFSET",
    "RETURNING",
];

/// What rows come from: a table, or a query of a WITH, by its number. Each such query is kept once, however many name it.
#[derive(Clone, Debug)]
enum Part {
    Table(Source),
    Named(usize),
}

/// The queries of WITHs that were read so far, and which of them a name means here.
#[derive(Debug, Default)]
pub(super) struct Named {
    queries: Vec<Vec<Part>>,
    scope: BTreeMap<String, Vec<usize>>,
}

/// Of the query that begins here and goes to the end.
pub(super) fn of_query(cursor: Cursor<'_>) -> Vec<Source> {
    let mut named = Named::default();
    let parts = named.query(cursor, 0);
    named.flatten(parts, usize::MAX)
}

/// Of what stands behind MERGE's USING; the cursor is there.
pub(super) fn of_item(cursor: &mut Cursor<'_>) -> Vec<Source> {
    let mut named = Named::default();
    let mut select = Select::default();
    select.item(cursor, &mut named, 0);
    named.flatten(select.parts, usize::MAX)
}

/// The queries of the WITH that begins here, of a statement that goes on with something else.
pub(super) fn named(mut cursor: Cursor<'_>) -> Named {
    let mut named = Named::default();
    if cursor.eat("WITH") {
        named.with(&mut cursor, 0);
    }
    named
}

/// `name [(a, b)] AS [NOT] [MATERIALIZED] (…)`: its name, and what stands within. The cursor is behind it then.
pub(super) fn named_query<'a>(cursor: &mut Cursor<'a>) -> Option<(String, Cursor<'a>)> {
    let mut ahead = cursor.clone();
    let name = ahead.ident()?;
    ahead.group();
    if !ahead.eat("AS") {
        return None;
    }
    ahead.eat("NOT");
    ahead.eat("MATERIALIZED");
    let inner = ahead.group()?;
    *cursor = ahead;
    Some((name, inner))
}

impl Named {
    /// Whether it is a name that the WITH makes up.
    pub(super) fn has(&self, table: &Name) -> bool {
        self.of(table).is_some()
    }

    /// The tables, `most` at most, where some of them are names that the WITH makes up.
    pub(super) fn resolve(&self, sources: Vec<Source>, most: usize) -> Vec<Source> {
        let one = |source: Source| match self.of(&source.table) {
            Some(query) => Part::Named(query),
            None => Part::Table(source),
        };
        self.flatten(sources.into_iter().map(one).collect(), most)
    }

    fn of(&self, table: &Name) -> Option<usize> {
        let plain = table.schema.is_none();
        let meant = plain.then(|| self.scope.get(&table.name))??;
        meant.last().copied()
    }

    /// Behind WITH, up to the statement that it belongs to; the names that it makes up, in their order.
    fn with(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Vec<String> {
        // Where a query may name itself or one that follows, it means no table. SQLite lets it do so without the word.
        let recursive = cursor.eat("RECURSIVE") || cursor.dialect == Dialect::Sqlite;
        let mut found: Vec<(String, Cursor<'_>)> = Vec::new();
        while !cursor.is_done() && !is_begun(cursor) {
            match named_query(cursor) {
                Some(query) => found.push(query),
                // SEARCH, CYCLE.
                None => cursor.skip_group(),
            }
        }
        let names: Vec<String> = found.iter().map(|(name, _)| name.clone()).collect();
        let first = self.queries.len();
        if recursive {
            names.iter().for_each(|name| self.push(name, Vec::new()));
        }
        for (at, (name, inner)) in found.into_iter().enumerate() {
            let parts = self.query(inner, depth + 1);
            match recursive {
                true => self.queries[first + at] = parts,
                false => self.push(&name, parts),
            }
        }
        names
    }

    fn push(&mut self, name: &str, parts: Vec<Part>) {
        let number = self.queries.len();
        self.queries.push(parts);
        self.scope.entry(name.to_owned()).or_default().push(number);
    }

    /// The names mean what they did before the WITH.
    fn forget(&mut self, names: &[String]) {
        for name in names {
            self.scope.get_mut(name).and_then(Vec::pop);
        }
    }

    /// Each table once; where all of its rows are taken, what others hold it to counts for nothing.
    fn flatten(&self, parts: Vec<Part>, most: usize) -> Vec<Source> {
        let mut asked = vec![false; self.queries.len()];
        let mut open = vec![parts.iter()];
        let mut found: Vec<&Source> = Vec::new();
        while let Some(last) = open.last_mut().filter(|_| found.len() < most) {
            match last.next() {
                None => drop(open.pop()),
                Some(Part::Table(source)) => found.push(source),
                Some(Part::Named(query)) => {
                    if !std::mem::replace(&mut asked[*query], true) {
                        open.push(self.queries[*query].iter());
                    }
                }
            }
        }
        let whole: HashSet<(&Option<String>, &str)> = found
            .iter()
            .filter(|source| source.pinned.is_empty())
            .map(|source| (&source.table.schema, &*source.table.name))
            .collect();
        let mut seen = HashSet::new();
        let once = found.iter().filter(|source| {
            let table = (&source.table.schema, &*source.table.name);
            (source.pinned.is_empty() || !whole.contains(&table))
                && seen.insert((table, &source.pinned))
        });
        once.map(|source| (*source).clone()).collect()
    }

    fn query(&mut self, mut cursor: Cursor<'_>, depth: usize) -> Vec<Part> {
        if depth > DEEPEST || cursor.is_any(&["INSERT", "MERGE"]) {
            // Not told apart: whatever is read there.
            let read = tables_read(&mut cursor).into_iter();
            return read.map(Part::table).collect();
        }
        if cursor.is_any(&["UPDATE", "DELETE"]) {
            return returned(&mut cursor);
        }
        let mut names = Vec::new();
        let (mut all, mut select) = (Vec::new(), Select::default());
        let (mut begins, mut empty) = (true, false);
        while !cursor.is_done() {
            if begins {
                if cursor.eat_any(&["ALL", "DISTINCT"]) {
                    continue;
                }
                if cursor.eat("WITH") {
                    names.extend(self.with(&mut cursor, depth));
                    continue;
                }
                begins = false;
                if let Some(inner) = cursor.group() {
                    select.add(self.query(inner, depth + 1));
                    continue;
                }
                if cursor.eat("TABLE") {
                    select.item(&mut cursor, self, depth);
                    continue;
                }
            }
            if cursor.eat_any(&["UNION", "EXCEPT", "INTERSECT"]) {
                all.extend(std::mem::take(&mut select).finish());
                begins = true;
            } else if cursor.is("DISTINCT") && cursor.is_at(1, "FROM") {
                cursor.advance();
                cursor.advance();
            } else if cursor.eat("FROM") {
                select.list(&mut cursor, self, depth);
            } else if cursor.eat("WHERE") {
                let span = condition(&mut cursor);
                select.nothing |= nothing::is_never(cursor.slice(span.clone()));
                select.pinned = pinned(cursor.over(span));
            } else if cursor.eat_all(&["GROUP", "BY"]) {
                select.grouped = true;
            } else if nothing::eat_none(&mut cursor) {
                // Of all that stands before it.
                empty = true;
            } else if cursor.eat("SELECT") {
                select.sums = nothing::is_summed(cursor.clone());
            } else {
                cursor.skip_group();
            }
        }
        all.extend(select.finish());
        self.forget(&names);
        match empty {
            true => Vec::new(),
            false => all,
        }
    }
}

impl Part {
    fn table(table: Name) -> Part {
        Part::Table(Source {
            table,
            pinned: Vec::new(),
        })
    }
}

/// What a WITH belongs to begins here.
fn is_begun(cursor: &Cursor<'_>) -> bool {
    cursor.is_any(&["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "TABLE"])
        || cursor.is("VALUES") && cursor.kind_at(1) == Some(TokenKind::Symbol(b'('))
        || cursor.is("REPLACE") && cursor.is_at(1, "INTO")
        || cursor.is_symbol(b'(')
}

/// What an UPDATE or DELETE within a WITH gives back: rows that it wrote.
fn returned(cursor: &mut Cursor<'_>) -> Vec<Part> {
    let written = write(cursor);
    let source = written.and_then(|write| {
        Some(Part::Table(Source {
            table: write.table?,
            pinned: write.pinned,
        }))
    });
    source.into_iter().collect()
}

/// One SELECT.
#[derive(Default)]
struct Select {
    parts: Vec<Part>,
    /// How many tables and other things its FROM has.
    items: usize,
    /// One of them is more than a table's name.
    derived: bool,
    pinned: Vec<Pinned>,
    /// No row meets its condition.
    nothing: bool,
    /// Its list has what all rows come to together: one row, unless they are grouped.
    sums: bool,
    grouped: bool,
}

impl Select {
    fn add(&mut self, parts: Vec<Part>) {
        self.derived = true;
        self.items += 1;
        self.parts.extend(parts);
    }

    /// Behind FROM, up to what ends it.
    fn list(&mut self, cursor: &mut Cursor<'_>, known: &mut Named, depth: usize) {
        let ends = |cursor: &Cursor<'_>| {
            let second = |words: &[&str]| words.iter().any(|word| cursor.is_at(1, word));
            cursor.is("WHERE")
                || cursor.is_any(BEHIND)
                || cursor.is("ON") && second(&["CONFLICT", "DUPLICATE"])
                || cursor.is("FOR") && second(&["UPDATE", "SHARE", "NO", "KEY"])
                || nothing::is_data(cursor)
        };
        self.item(cursor, known, depth);
        while !cursor.is_done() && !ends(cursor) {
            if cursor.eat_symbol(b',') || cursor.eat_any(&["JOIN", "STRAIGHT_JOIN"]) {
                self.item(cursor, known, depth);
            } else {
                cursor.skip_group();
            }
        }
    }

    fn item(&mut self, cursor: &mut Cursor<'_>, known: &mut Named, depth: usize) {
        while cursor.eat_any(&["ONLY", "LATERAL"]) {}
        if let Some(mut inner) = cursor.group() {
            let asks =
                inner.is_any(&["SELECT", "WITH", "VALUES", "TABLE"]) || inner.is_symbol(b'(');
            if asks || depth > DEEPEST {
                self.add(known.query(inner, depth + 1));
            } else {
                // `FROM (a JOIN b ON …)`
                self.list(&mut inner, known, depth + 1);
            }
            return;
        }
        if cursor.kind() == Some(TokenKind::String) && cursor.dialect != Dialect::Sqlite {
            return;
        }
        let dual = is_dual(cursor);
        let Some(table) = cursor.name() else { return };
        self.items += 1;
        // A function in FROM is no table.
        if cursor.is_symbol(b'(') || dual {
            self.derived = true;
        } else if let Some(query) = known.of(&table) {
            self.derived = true;
            self.parts.push(Part::Named(query));
        } else {
            self.parts.push(Part::table(table));
        }
    }

    /// Its condition is one on its table where that is the only one.
    fn finish(mut self) -> Vec<Part> {
        if self.nothing || self.sums && !self.grouped {
            return Vec::new();
        }
        if let ([Part::Table(source)], 1, false) = (&mut *self.parts, self.items, self.derived) {
            source.pinned = self.pinned;
        }
        self.parts
    }
}
