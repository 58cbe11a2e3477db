//! Which tables the rows of a query come from.
//!
//! A table that is only looked into (EXISTS, IN, one value of a list) adds no row, and is none of them.

use super::{
    cursor::Cursor,
    pinned::pinned,
    rows::{condition, write},
    tables::{is_dual, tables_read},
};
use crate::operation::{Pinned, Source};
use greylag_core::{engine::Dialect, script::TokenKind};

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

/// A query of a WITH: its name, and what its rows come from.
pub(super) type Named = (String, Vec<Source>);

/// Of the query that begins here and goes to the end.
pub(super) fn of_query(cursor: Cursor<'_>) -> Vec<Source> {
    query(cursor, &[], 0)
}

/// Of what stands behind MERGE's USING; the cursor is there.
pub(super) fn of_item(cursor: &mut Cursor<'_>) -> Vec<Source> {
    let mut select = Select::default();
    select.item(cursor, &[], 0);
    select.sources
}

/// The queries of the WITH that begins here.
pub(super) fn named(mut cursor: Cursor<'_>) -> Vec<Named> {
    let mut known = Vec::new();
    while !cursor.is_done() && !cursor.is_any(&["INSERT", "UPDATE", "DELETE", "MERGE", "SELECT"]) {
        match named_query(&mut cursor) {
            Some((name, inner)) => {
                let sources = query(inner, &known, 1);
                known.push((name, sources));
            }
            None => cursor.skip_group(),
        }
    }
    known
}

/// The tables, where some of them are names that a WITH makes up.
pub(super) fn resolve(sources: Vec<Source>, known: &[Named]) -> Vec<Source> {
    let one = |source: Source| match made_up(&source, known) {
        Some(own) => own.to_vec(),
        None => vec![source],
    };
    sources.into_iter().flat_map(one).collect()
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

fn made_up<'k>(source: &Source, known: &'k [Named]) -> Option<&'k [Source]> {
    let plain = source.table.schema.is_none();
    let mut known = known.iter().rev();
    let (_, own) = known.find(|(name, _)| plain && *name == source.table.name)?;
    Some(own)
}

fn query(mut cursor: Cursor<'_>, outer: &[Named], depth: usize) -> Vec<Source> {
    if depth > DEEPEST || cursor.is_any(&["INSERT", "MERGE"]) {
        // Not told apart: whatever is read there.
        let plain = |table| Source {
            table,
            pinned: Vec::new(),
        };
        return tables_read(&mut cursor).into_iter().map(plain).collect();
    }
    if cursor.is_any(&["UPDATE", "DELETE"]) {
        return returned(&mut cursor);
    }
    let mut known = outer.to_vec();
    let (mut all, mut select) = (Vec::new(), Select::default());
    let mut begins = true;
    while !cursor.is_done() {
        if begins {
            if cursor.eat_any(&["WITH", "RECURSIVE", "ALL", "DISTINCT"]) || cursor.eat_symbol(b',')
            {
                continue;
            }
            if let Some((name, inner)) = named_query(&mut cursor) {
                let own = query(inner, &known, depth + 1);
                known.push((name, own));
                continue;
            }
            if let Some(inner) = cursor.group() {
                select.add(query(inner, &known, depth + 1));
                begins = false;
                continue;
            }
            if cursor.eat("TABLE") {
                select.item(&mut cursor, &known, depth);
                begins = false;
                continue;
            }
            begins = false;
        }
        if cursor.eat_any(&["UNION", "EXCEPT", "INTERSECT"]) {
            all.extend(std::mem::take(&mut select).finish());
            begins = true;
        } else if cursor.is("DISTINCT") && cursor.is_at(1, "FROM") {
            cursor.advance();
            cursor.advance();
        } else if cursor.eat("FROM") {
            select.list(&mut cursor, &known, depth);
        } else if cursor.eat("WHERE") {
            let span = condition(&mut cursor);
            select.pinned = pinned(cursor.over(span));
        } else {
            cursor.skip_group();
        }
    }
    all.extend(select.finish());
    all
}

/// What an UPDATE or DELETE within a WITH gives back: rows that it wrote.
fn returned(cursor: &mut Cursor<'_>) -> Vec<Source> {
    let written = write(cursor);
    let source = written.and_then(|write| {
        Some(Source {
            table: write.table?,
            pinned: write.pinned,
        })
    });
    source.into_iter().collect()
}

/// One SELECT.
#[derive(Default)]
struct Select {
    sources: Vec<Source>,
    /// How many tables and other things its FROM has.
    items: usize,
    /// One of them is more than a table's name.
    derived: bool,
    pinned: Vec<Pinned>,
}

impl Select {
    fn add(&mut self, sources: Vec<Source>) {
        self.derived = true;
        self.items += 1;
        self.sources.extend(sources);
    }

    /// Behind FROM, up to what ends it.
    fn list(&mut self, cursor: &mut Cursor<'_>, known: &[Named], depth: usize) {
        let ends = |cursor: &Cursor<'_>| {
            let second = |words: &[&str]| words.iter().any(|word| cursor.is_at(1, word));
            cursor.is("WHERE")
                || cursor.is_any(BEHIND)
                || cursor.is("ON") && second(&["CONFLICT", "DUPLICATE"])
                || cursor.is("FOR") && second(&["UPDATE", "SHARE", "NO", "KEY"])
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

    fn item(&mut self, cursor: &mut Cursor<'_>, known: &[Named], depth: usize) {
        while cursor.eat_any(&["ONLY", "LATERAL"]) {}
        if let Some(mut inner) = cursor.group() {
            let asks =
                inner.is_any(&["SELECT", "WITH", "VALUES", "TABLE"]) || inner.is_symbol(b'(');
            if asks || depth > DEEPEST {
                self.add(query(inner, known, depth + 1));
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
        let source = Source {
            table,
            pinned: Vec::new(),
        };
        // A function in FROM is no table.
        if cursor.is_symbol(b'(') || dual {
            self.derived = true;
        } else if let Some(own) = made_up(&source, known) {
            self.derived = true;
            self.sources.extend_from_slice(own);
        } else {
            self.sources.push(source);
        }
    }

    /// Its condition is one on its table where that is the only one.
    fn finish(mut self) -> Vec<Source> {
        if let ([source], 1, false) = (&mut *self.sources, self.items, self.derived) {
            source.pinned = self.pinned;
        }
        self.sources
    }
}
