//! Statements over rows: what they write, what they read, what they call.

use super::{
    column::parts, create::skip_rest, cursor::Cursor, expression, joined, nothing, pinned::pinned,
    set, sources, tables::tables_read,
};
use crate::operation::{Bytes, Name, Operation, Source, Verb, Write};
use greylag_core::{engine::Dialect, script::TokenKind};

/// So many sources of all writes of a WITH together are told apart, and of each this many.
const SOURCES: (usize, usize) = (100_000, 100);

const WRITES: &[&str] = &["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"];

/// WITH …, SELECT …: a query, or a write behind its WITH.
pub(super) fn with(cursor: &mut Cursor<'_>) -> Option<Operation> {
    let start = cursor.mark();
    cursor.skip_until(|c| c.is_any(WRITES) || c.is("SELECT"));
    if cursor.is_any(WRITES) {
        let write = write(cursor)?;
        cursor.back(start);
        let named = sources::named(cursor.clone());
        let mut write = joined::without(write, &named);
        write.sources = named.resolve(std::mem::take(&mut write.sources), usize::MAX);
        joined::read(&mut write, &named, tables_read(cursor));
        cursor.back(start);
        let mut within = written_within(cursor);
        let (all, each) = SOURCES;
        let most = (all / within.len().max(1)).max(each);
        for inner in &mut within {
            inner.sources = named.resolve(std::mem::take(&mut inner.sources), most);
        }
        write.within.extend(within);
        return Some(Operation::Write(write));
    }
    cursor.back(start);
    let within = written_within(cursor);
    cursor.back(start);
    let mut within = within.into_iter();
    match within.next() {
        None => query(cursor).map(Operation::Select),
        Some(mut first) => {
            skip_rest(cursor);
            first.within = within.collect();
            first.in_query = true;
            Some(Operation::Write(first))
        }
    }
}

/// The writes that a WITH holds.
fn written_within(cursor: &mut Cursor<'_>) -> Vec<Write> {
    let mut writes = Vec::new();
    while !cursor.is_done() {
        let inner = cursor.group();
        match inner {
            Some(mut inner) if inner.is_any(&WRITES[..4]) => {
                writes.extend(write(&mut inner));
            }
            Some(_) => {}
            None => cursor.advance(),
        }
    }
    writes
}

/// A query to the end.
pub(super) fn query(cursor: &mut Cursor<'_>) -> Option<Write> {
    let start = cursor.mark();
    let star = star(cursor);
    cursor.back(start);
    let mut query = Write {
        verb: Verb::Select,
        from_query: true,
        star,
        ..Write::default()
    };
    tail(cursor, &mut query, start);
    Some(query)
}

pub(super) fn write(cursor: &mut Cursor<'_>) -> Option<Write> {
    let start = cursor.mark();
    let word = cursor.text().to_ascii_uppercase();
    cursor.advance();
    let mut write = Write::default();
    if cursor.dialect == Dialect::Mysql && matches!(&*word, "UPDATE" | "DELETE") {
        let joined = joined::written(cursor, &mut write, word == "DELETE")?;
        tail(cursor, &mut write, start);
        return Some(joined.spread(write));
    }
    match word.as_str() {
        "INSERT" | "REPLACE" => insert(cursor, &mut write)?,
        "UPDATE" => update(cursor, &mut write)?,
        "DELETE" => delete(cursor, &mut write)?,
        _ => {
            write.verb = Verb::Merge;
            cursor.eat("INTO");
            cursor.eat("ONLY");
            let table = cursor.name()?;
            write.table = Some(table.clone());
            merge(cursor, &mut write, &table);
        }
    }
    tail(cursor, &mut write, start);
    write.forget_own();
    Some(write)
}

fn insert(cursor: &mut Cursor<'_>, write: &mut Write) -> Option<()> {
    write.verb = Verb::Insert;
    while cursor.eat_any(&["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"]) {}
    if cursor.eat("OR") {
        cursor.advance();
    }
    cursor.eat("INTO");
    write.table = Some(cursor.name()?);
    if cursor.eat("AS") {
        cursor.ident()?;
    }
    let at = cursor.mark();
    if let Some(inner) = cursor.group() {
        if asks(&inner) {
            cursor.back(at);
        } else {
            write.columns = parts(inner).into_iter().flatten().collect();
        }
    }
    if cursor.eat("OVERRIDING") {
        cursor.advance();
        cursor.eat("VALUE");
    }
    write.from_query = !cursor.is_any(&["VALUES", "VALUE", "DEFAULT", "SET"]);
    if write.from_query {
        write.sources = sources::of_query(cursor.clone());
    } else {
        write.rows = Some(listed(cursor.clone()));
    }
    Some(())
}

/// What stands in the parentheses is a query, no list of columns.
fn asks(inner: &Cursor<'_>) -> bool {
    let values = inner.is("VALUES") && inner.kind_at(1) == Some(TokenKind::Symbol(b'('));
    inner.is_any(&["SELECT", "WITH", "TABLE"]) || values || inner.is_symbol(b'(')
}

/// How many rows VALUES lists; of a list too long to be read, by the part that was.
fn listed(mut cursor: Cursor<'_>) -> u64 {
    if !cursor.eat_any(&["VALUES", "VALUE"]) {
        return 1;
    }
    let first = cursor.offset();
    let mut rows = 0u64;
    loop {
        cursor.eat("ROW");
        if cursor.group().is_none() {
            break;
        }
        rows += 1;
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    if !cursor.cut {
        return rows.max(1);
    }
    let read = (cursor.before() - first).max(1) as u64;
    let left = (cursor.last() - first) as u64;
    rows.saturating_mul(left) / read
}

fn update(cursor: &mut Cursor<'_>, write: &mut Write) -> Option<()> {
    write.verb = Verb::Update;
    write.from_query = true;
    cursor.eat("ONLY");
    if cursor.eat("OR") {
        cursor.advance();
    }
    write.table = Some(cursor.name()?);
    // An alias.
    while !cursor.is_done() && !cursor.is("SET") {
        write.beside |= is_beside(cursor) || cursor.is_symbol(b',');
        cursor.skip_group();
    }
    let sets = sets(cursor)?;
    write.sets.extend(sets.into_iter().map(|set| set.name));
    Some(())
}

/// The columns that SET sets, with what they are of; the cursor is behind SET then.
pub(super) fn sets(cursor: &mut Cursor<'_>) -> Option<Vec<Name>> {
    if !cursor.eat("SET") {
        return None;
    }
    let at = cursor.mark();
    let mut found = Vec::new();
    loop {
        let span = cursor.offset()..cursor.offset();
        if let Some(inner) = cursor.group() {
            let plain = |name| Name {
                schema: None,
                name,
                span: span.clone(),
            };
            found.extend(parts(inner).into_iter().flatten().map(plain));
        } else {
            found.extend(cursor.name());
        }
        cursor.skip_until(|c| {
            c.is_symbol(b',') || c.is_any(&["WHERE", "FROM", "RETURNING", "ORDER", "LIMIT"])
        });
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    cursor.back(at);
    Some(found)
}

/// Another table begins here.
fn is_beside(cursor: &Cursor<'_>) -> bool {
    cursor.is_any(&["FROM", "USING", "JOIN", "STRAIGHT_JOIN"])
}

fn delete(cursor: &mut Cursor<'_>, write: &mut Write) -> Option<()> {
    write.verb = Verb::Delete;
    write.from_query = true;
    cursor.eat("FROM");
    cursor.eat("ONLY");
    write.table = Some(cursor.name()?);
    Some(())
}

/// What MERGE joins on, and what it does with what it finds; the cursor stays.
fn merge(cursor: &mut Cursor<'_>, write: &mut Write, table: &Name) {
    let start = cursor.mark();
    write.from_query = true;
    cursor.skip_until(|c| c.is("USING"));
    if cursor.eat("USING") {
        write.sources = sources::of_item(cursor);
    }
    cursor.skip_until(|c| c.is("ON"));
    if cursor.eat("ON") {
        let span = cursor.skip_until(|c| c.is("WHEN"));
        write.always_true = always_true(cursor.slice(span.clone()));
        write.condition = Some(span);
    }
    let of_source = |c: &Cursor<'_>| c.is("BY") && c.is_at(1, "SOURCE");
    while cursor.skip_to(|c| c.is("THEN") || of_source(c)) {
        // All rows of its own table that the other has not.
        if of_source(cursor) {
            write.sources.push(Source {
                table: table.clone(),
                pinned: Vec::new(),
            });
        }
        cursor.advance();
        let verb = match cursor.text().to_ascii_uppercase().as_str() {
            "INSERT" => Verb::Insert,
            "UPDATE" => Verb::Update,
            "DELETE" => Verb::Delete,
            _ => continue,
        };
        if !write.merges.contains(&verb) {
            write.merges.push(verb);
        }
    }
    cursor.back(start);
}

/// From where it is to the end: conditions, limits, tables, calls.
fn tail(cursor: &mut Cursor<'_>, write: &mut Write, start: usize) {
    while !cursor.is_done() {
        if cursor.eat("WHERE") {
            let span = condition(cursor);
            let held = write.condition.is_some() && !write.always_true;
            write.always_true = !held && always_true(cursor.slice(span.clone()));
            if !cursor.cut && write.verb != Verb::Select {
                write.pinned = pinned(cursor.over(span.clone()));
            }
            write.condition = Some(span);
        } else if cursor.eat("LIMIT") {
            write.limit = true;
        } else if cursor.eat_all(&["ORDER", "BY"]) {
            write.ordered = true;
        } else if cursor.eat_all(&["ON", "CONFLICT"]) {
            write.conflict = Some(cursor.group().map(parts).unwrap_or_default());
        } else {
            write.beside |= is_beside(cursor);
            cursor.skip_group();
        }
    }
    let end = cursor.mark();
    cursor.back(start);
    let calls = expression::calls(cursor, end);
    write.calls = calls.names;
    write.qualified = calls.qualified;
    if write.calls.iter().any(|call| call == "set_config") {
        cursor.back(start);
        write.settings = set::set_configs(cursor);
    }
    cursor.back(start);
    write.batched = mentions_batch(cursor);
    cursor.back(start);
    write.reads = tables_read(cursor);
}

/// Behind WHERE, up to what ends it.
pub(super) fn condition(cursor: &mut Cursor<'_>) -> Bytes {
    cursor.skip_until(|c| {
        c.is_any(sources::BEHIND)
            || c.is("FOR")
            || nothing::is_data(c)
            || c.is("ON") && c.is_at(1, "CONFLICT")
            || c.is("ON") && c.is_at(1, "DUPLICATE")
    })
}

pub(super) fn always_true(condition: &str) -> bool {
    let plain: String = condition
        .chars()
        .filter(|c| !c.is_whitespace() && !"()".contains(*c))
        .collect::<String>()
        .to_lowercase();
    matches!(
        &*plain,
        "true" | "1" | "not false" | "1=1" | "true=true" | "'1'='1'" | "1isnotnull" | "notfalse"
    )
}

fn mentions_batch(cursor: &mut Cursor<'_>) -> bool {
    while !cursor.is_done() {
        let colon = cursor.is_symbol(b':') && cursor.is_at(1, "batch");
        cursor.advance();
        if colon && !cursor.is_symbol(b':') {
            return true;
        }
    }
    false
}

/// SELECT *, or SELECT t.*, at the outermost level.
fn star(cursor: &mut Cursor<'_>) -> bool {
    cursor.skip_until(|c| c.is("SELECT"));
    cursor.eat("SELECT");
    while !cursor.is_done() && !cursor.is("FROM") {
        if cursor.is_symbol(b'*') {
            return true;
        }
        cursor.skip_group();
    }
    false
}

/// COPY and LOAD DATA.
pub(super) fn bulk(cursor: &mut Cursor<'_>) -> Option<Operation> {
    let load = cursor.is("LOAD");
    cursor.advance();
    let mut write = Write {
        verb: Verb::Copy,
        ..Write::default()
    };
    if load {
        cursor.skip_until(|c| c.is("INTO"));
        cursor.eat("INTO");
        cursor.eat("TABLE");
        write.table = Some(cursor.name()?);
        skip_rest(cursor);
        return Some(Operation::Write(write));
    }
    if cursor.is_symbol(b'(') {
        skip_rest(cursor);
        return Some(Operation::Select(write));
    }
    write.table = Some(cursor.name()?);
    if let Some(inner) = cursor.group() {
        write.columns = parts(inner).into_iter().flatten().collect();
    }
    let into = cursor.is("FROM");
    skip_rest(cursor);
    Some(if into {
        Operation::Write(write)
    } else {
        Operation::Select(write)
    })
}
