//! MySQL's UPDATE and DELETE over several tables: which of them are written.

use super::{
    cursor::Cursor,
    rows::{always_true, sets},
    sources::Named,
};
use crate::operation::{Bytes, Name, Verb, Write};
use greylag_core::script::TokenKind;

/// Words behind a table's name that are no other name of it.
const NO_ALIAS: &[&str] = &[
    "CROSS",
    "FOR",
    "FORCE",
    "FROM",
    "IGNORE",
    "INNER",
    "JOIN",
    "LEFT",
    "LIMIT",
    "NATURAL",
    "ON",
    "ORDER",
    "PARTITION",
    "RETURNING",
    "RIGHT",
    "SET",
    "STRAIGHT_JOIN",
    "USE",
    "USING",
    "WHERE",
];

/// What may stand behind the tables.
const BEHIND: &[&str] = &["SET", "WHERE", "ORDER", "LIMIT", "RETURNING"];

/// The tables that a statement names beside each other.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// Each with what it is called here.
    tables: Vec<(Name, String)>,
    /// Something stands beside the first one: a table, a query.
    several: bool,
    /// What an inner join goes by.
    condition: Option<Bytes>,
    /// Those that are written, with the columns that are set.
    written: Vec<(Name, Vec<String>)>,
}

/// Behind UPDATE or DELETE, up to what SET sets or what stands behind the tables; the first table that is written goes into `write`.
pub(super) fn written(cursor: &mut Cursor<'_>, write: &mut Write, deletes: bool) -> Option<Joined> {
    while cursor.eat_any(&["LOW_PRIORITY", "QUICK", "IGNORE"]) {}
    let mut joined = Joined::default();
    write.from_query = true;
    if deletes {
        write.verb = Verb::Delete;
        joined.deleted(cursor)?;
    } else {
        write.verb = Verb::Update;
        joined.list(cursor, 0);
        let sets = sets(cursor)?;
        joined.updated(&sets);
    }
    let (table, sets) = joined.written.first().cloned()?;
    write.table = Some(table);
    write.sets = sets;
    write.beside = joined.several;
    write.always_true = joined
        .condition
        .as_ref()
        .is_some_and(|span| always_true(cursor.slice(span.clone())));
    write.condition.clone_from(&joined.condition);
    Some(joined)
}

/// A statement behind a WITH, without what only the WITH names.
pub(super) fn without(mut write: Write, named: &Named) -> Write {
    let made_up = |write: &Write| write.table.as_ref().is_some_and(|table| named.has(table));
    write.within.retain(|other| !made_up(other));
    if made_up(&write) && !write.within.is_empty() {
        let mut others = std::mem::take(&mut write.within);
        write = others.remove(0);
        write.within = others;
    }
    write
}

/// What such a statement reads, `found` of it anywhere.
pub(super) fn read(write: &mut Write, named: &Named, found: Vec<Name>) {
    let mut within = std::mem::take(&mut write.within);
    for each in std::iter::once(&mut *write).chain(&mut within) {
        let joined = std::mem::replace(&mut each.reads, found.clone()).into_iter();
        let joined = joined.filter(|own| !named.has(own));
        let joined: Vec<Name> = joined
            .filter(|own| !found.iter().any(|other| other.is(own)))
            .collect();
        each.reads.extend(joined);
        each.forget_own();
    }
    write.within = within;
}

impl Joined {
    /// The statement as one write for each table that it writes.
    pub(super) fn spread(self, mut write: Write) -> Write {
        let beside = self.tables.into_iter().map(|(table, _)| table);
        for table in beside {
            if !write.reads.iter().any(|own| own.is(&table)) {
                write.reads.push(table);
            }
        }
        let others = self.written.into_iter().skip(1);
        let mut others: Vec<Write> = others
            .map(|(table, sets)| Write {
                table: Some(table),
                sets,
                ..write.clone()
            })
            .collect();
        others.iter_mut().for_each(Write::forget_own);
        write.forget_own();
        write.within = others;
        write
    }

    /// `a, b FROM …`, `FROM a, b USING …`, `FROM a`.
    fn deleted(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let first = cursor.eat("FROM");
        let start = cursor.mark();
        let mut targets = vec![target(cursor)?];
        while cursor.eat_symbol(b',') {
            targets.push(target(cursor)?);
        }
        if cursor.eat(if first { "USING" } else { "FROM" }) {
            self.list(cursor, 0);
        } else if first {
            cursor.back(start);
            self.list(cursor, 0);
        }
        for target in targets {
            let table = self.meant(&target).unwrap_or(target);
            self.written.push((table, Vec::new()));
        }
        Some(())
    }

    /// A column that doesn't say what it is of may be any table's.
    fn updated(&mut self, sets: &[Name]) {
        for (table, called) in &self.tables {
            let own = sets.iter().filter(|set| {
                let of = set.schema.as_ref();
                of.is_none_or(|of| of == called)
            });
            let own: Vec<String> = own.map(|set| set.name.clone()).collect();
            if !own.is_empty() {
                self.written.push((table.clone(), own));
            }
        }
    }

    /// The table that has this name here.
    fn meant(&self, name: &Name) -> Option<Name> {
        let mut tables = self.tables.iter();
        let found = tables.find(|(table, called)| match &name.schema {
            None => *called == name.name,
            Some(_) => table == name || table.schema == name.schema && *called == name.name,
        });
        found.map(|(table, _)| table.clone())
    }

    fn list(&mut self, cursor: &mut Cursor<'_>, depth: usize) {
        self.item(cursor, depth);
        let mut inner = true;
        while !cursor.is_done() && !cursor.is_any(BEHIND) {
            if cursor.is_any(&["LEFT", "RIGHT"]) {
                inner = false;
                cursor.advance();
            } else if cursor.eat("NATURAL") {
                // Columns of one name are compared.
                if !cursor.is_any(&["LEFT", "RIGHT"]) {
                    self.condition
                        .get_or_insert(cursor.before()..cursor.before());
                }
            } else if cursor.eat_symbol(b',') || cursor.eat_any(&["JOIN", "STRAIGHT_JOIN"]) {
                self.several = true;
                let before = self.condition.clone();
                self.item(cursor, depth);
                // What stands within an outer join leaves out no row.
                if !inner {
                    self.condition = before;
                }
            } else if cursor.eat_any(&["ON", "USING"]) {
                let span = cursor.skip_until(ends);
                if inner {
                    self.condition.get_or_insert(span);
                }
                inner = true;
            } else {
                cursor.skip_group();
            }
        }
    }

    fn item(&mut self, cursor: &mut Cursor<'_>, depth: usize) {
        cursor.eat("LATERAL");
        if let Some(mut within) = cursor.group() {
            let asks = within.is_any(&["SELECT", "WITH", "VALUES", "TABLE"]);
            if !asks && depth < 64 {
                self.list(&mut within, depth + 1);
            }
            return;
        }
        let Some(table) = cursor.name() else { return };
        if cursor.eat("PARTITION") {
            cursor.group();
        }
        let said = cursor.eat("AS") || !cursor.is_any(NO_ALIAS);
        let named = matches!(cursor.kind(), Some(TokenKind::Word | TokenKind::Name));
        let alias = (said && named).then(|| cursor.ident()).flatten();
        let called = alias.unwrap_or_else(|| table.name.clone());
        self.tables.push((table, called));
    }
}

/// What stands behind a join's condition.
fn ends(cursor: &Cursor<'_>) -> bool {
    const NEXT: &[&str] = &[
        "CROSS",
        "INNER",
        "JOIN",
        "NATURAL",
        "STRAIGHT_JOIN",
        "ON",
        "USING",
    ];
    let side =
        cursor.is_any(&["LEFT", "RIGHT"]) && (cursor.is_at(1, "JOIN") || cursor.is_at(1, "OUTER"));
    side || cursor.is_symbol(b',') || cursor.is_any(NEXT) || cursor.is_any(BEHIND)
}

/// `a`, `b.a`, `a.*`.
fn target(cursor: &mut Cursor<'_>) -> Option<Name> {
    let start = cursor.offset();
    let mut parts = vec![cursor.ident()?];
    while cursor.eat_symbol(b'.') {
        if !cursor.eat_symbol(b'*') {
            parts.push(cursor.ident()?);
        }
    }
    let name = parts.pop()?;
    Some(Name {
        schema: parts.pop(),
        name,
        span: start..cursor.before(),
    })
}
