//! CREATE, and the words for what can be made, altered and dropped.

mod arguments;
mod object;
mod outputs;
mod result;
mod table;

pub(super) use object::published;
pub(super) use table::begins_constraint;

use super::{cursor::Cursor, index};
use crate::operation::{Argument, Kind, Name, Operation};
use greylag_core::engine::Dialect;
use object::object;
use table::table;

pub(super) fn create(cursor: &mut Cursor<'_>) -> Option<Operation> {
    cursor.advance();
    let or_replace = cursor.eat_all(&["OR", "REPLACE"]);
    let definer = definer(cursor);
    cursor.eat_any(&["GLOBAL", "LOCAL"]);
    let temporary = cursor.eat_any(&["TEMP", "TEMPORARY"]);
    let unlogged = cursor.eat("UNLOGGED");
    if cursor.eat("TABLE") {
        return table(cursor, or_replace, temporary, unlogged).map(Operation::CreateTable);
    }
    if cursor.is_any(&["UNIQUE", "INDEX", "FULLTEXT", "SPATIAL"]) {
        return index::create(cursor).map(Operation::CreateIndex);
    }
    object(cursor, or_replace, temporary, definer)
}

/// MySQL's ALTER VIEW says all of it anew; the cursor is behind ALTER.
pub(super) fn view_anew(cursor: &mut Cursor<'_>) -> Option<Operation> {
    let start = cursor.mark();
    let definer = definer(cursor);
    if cursor.dialect == Dialect::Mysql && cursor.is("VIEW") {
        return object(cursor, true, false, definer);
    }
    cursor.back(start);
    None
}

/// DEFINER=…, SQL SECURITY …, ALGORITHM=… before what is created.
fn definer(cursor: &mut Cursor<'_>) -> Option<String> {
    if cursor.dialect != Dialect::Mysql {
        return None;
    }
    const OBJECTS: &[&str] = &[
        "VIEW",
        "FUNCTION",
        "PROCEDURE",
        "TRIGGER",
        "EVENT",
        "TABLE",
        "INDEX",
        "UNIQUE",
        "DATABASE",
        "AGGREGATE",
    ];
    if !cursor.is_any(&["DEFINER", "ALGORITHM", "SQL"]) {
        return None;
    }
    cursor.skip_until(|c| c.is("DEFINER") || c.is_any(OBJECTS));
    if !cursor.eat("DEFINER") {
        return None;
    }
    cursor.eat_symbol(b'=');
    let account = cursor.skip_until(|c| c.is_any(OBJECTS) || c.is("SQL"));
    let account = cursor.slice(account).trim().to_owned();
    cursor.skip_until(|c| c.is_any(OBJECTS));
    let own = ["CURRENT_USER", "CURRENT_ROLE"];
    let written = !own
        .iter()
        .any(|own| account.to_ascii_uppercase().starts_with(own));
    written.then_some(account)
}
pub(super) fn skip_rest(cursor: &mut Cursor<'_>) {
    while !cursor.is_done() {
        cursor.skip_group();
    }
}

/// What kind of thing the next words name.
pub(super) fn kind(cursor: &mut Cursor<'_>) -> Option<Kind> {
    const PHRASES: &[(&[&str], Kind)] = &[
        (&["MATERIALIZED", "VIEW"], Kind::MaterializedView),
        (&["RECURSIVE", "VIEW"], Kind::View),
        (&["VIEW"], Kind::View),
        (&["SEQUENCE"], Kind::Sequence),
        (&["SCHEMA"], Kind::Schema),
        (&["DATABASE"], Kind::Database),
        (&["FUNCTION"], Kind::Function),
        (&["PROCEDURE"], Kind::Function),
        (&["ROUTINE"], Kind::Function),
        (&["AGGREGATE", "FUNCTION"], Kind::Function),
        (&["AGGREGATE"], Kind::Function),
        (&["CONSTRAINT", "TRIGGER"], Kind::Trigger),
        (&["EVENT", "TRIGGER"], Kind::EventTrigger),
        (&["TRIGGER"], Kind::Trigger),
        (&["TYPE"], Kind::Type),
        (&["DOMAIN"], Kind::Domain),
        (&["POLICY"], Kind::Policy),
        (&["RULE"], Kind::Rule),
        (&["EXTENSION"], Kind::Extension),
        (&["ROLE"], Kind::Role),
        (&["USER", "MAPPING"], Kind::Other),
        (&["USER"], Kind::Role),
        (&["GROUP"], Kind::Role),
        (&["TABLESPACE"], Kind::Tablespace),
        (&["PUBLICATION"], Kind::Publication),
        (&["SUBSCRIPTION"], Kind::Subscription),
        (&["EVENT"], Kind::Event),
        (&["FOREIGN", "DATA", "WRAPPER"], Kind::Other),
        (&["FOREIGN", "TABLE"], Kind::Other),
        (&["VIRTUAL", "TABLE"], Kind::Other),
        (&["SERVER"], Kind::Other),
        (&["OPERATOR", "CLASS"], Kind::Other),
        (&["OPERATOR", "FAMILY"], Kind::Other),
        (&["OPERATOR"], Kind::Other),
        (&["CAST"], Kind::Other),
        (&["COLLATION"], Kind::Other),
        (&["CONVERSION"], Kind::Other),
        (&["STATISTICS"], Kind::Other),
        (&["TEXT", "SEARCH", "CONFIGURATION"], Kind::Other),
        (&["TEXT", "SEARCH", "DICTIONARY"], Kind::Other),
        (&["TEXT", "SEARCH", "PARSER"], Kind::Other),
        (&["TEXT", "SEARCH", "TEMPLATE"], Kind::Other),
        (&["LANGUAGE"], Kind::Other),
        (&["TRUSTED", "LANGUAGE"], Kind::Other),
        (&["PROCEDURAL", "LANGUAGE"], Kind::Other),
        (&["ACCESS", "METHOD"], Kind::Other),
        (&["OWNED"], Kind::Other),
        (&["LARGE", "OBJECT"], Kind::Other),
        (&["DEFAULT", "PRIVILEGES"], Kind::Other),
    ];
    let (_, kind) = PHRASES.iter().find(|(words, _)| cursor.eat_all(words))?;
    Some(*kind)
}

/// Names of a list, each with the arguments of a function passed over.
pub(super) fn names_with_arguments(cursor: &mut Cursor<'_>) -> Vec<Name> {
    functions(cursor).0
}

/// Names of a list, each with the arguments of a function where they are written.
pub(super) fn functions(cursor: &mut Cursor<'_>) -> (Vec<Name>, Vec<Option<Vec<Argument>>>) {
    let (mut names, mut all) = (Vec::new(), Vec::new());
    while let Some(name) = cursor.name() {
        names.push(name);
        all.push(cursor.group().and_then(arguments::arguments));
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    (names, all)
}
