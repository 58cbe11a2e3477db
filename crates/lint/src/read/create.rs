//! CREATE.

use super::{
    column::{column, constraint, parts},
    cursor::Cursor,
    datatype::data_type,
    expression, index, rows,
};
use crate::operation::{Create, CreateTable, Kind, Name, Operation, Published};
use greylag_core::{engine::Dialect, script::TokenKind};

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

fn table(
    cursor: &mut Cursor<'_>,
    or_replace: bool,
    temporary: bool,
    unlogged: bool,
) -> Option<CreateTable> {
    let if_not_exists = cursor.if_not_exists();
    let mut table = CreateTable {
        name: cursor.name()?,
        or_replace,
        if_not_exists,
        temporary,
        unlogged,
        columns: Vec::new(),
        constraints: Vec::new(),
        partition_of: None,
        default_partition: false,
        partitioned: false,
        partition_key: Vec::new(),
        like: None,
        inherits: Vec::new(),
        query: None,
        options: Vec::new(),
    };
    if cursor.eat_all(&["PARTITION", "OF"]) {
        table.partition_of = Some(cursor.name()?);
    }
    if cursor.eat("LIKE") {
        table.like = Some(cursor.name()?);
        return Some(table);
    }
    let before = cursor.mark();
    if let Some(inner) = cursor.group() {
        if inner.is("SELECT") || inner.is("WITH") {
            cursor.back(before);
        } else {
            elements(inner, &mut table)?;
        }
    }
    tail(cursor, &mut table)?;
    Some(table)
}

fn elements(mut inner: Cursor<'_>, table: &mut CreateTable) -> Option<()> {
    while !inner.is_done() {
        if inner.is("LIKE")
            && inner
                .kind_at(1)
                .is_some_and(|k| k != TokenKind::Symbol(b'('))
        {
            inner.advance();
            table.like = Some(inner.name()?);
            while inner.eat_any(&["INCLUDING", "EXCLUDING"]) {
                inner.advance();
            }
        } else if begins_constraint(&inner) {
            table.constraints.push(constraint(&mut inner)?);
        } else {
            match partition_column(&mut inner, table) {
                true => {}
                false => table.columns.push(column(&mut inner)?),
            }
        }
        if !inner.eat_symbol(b',') && !inner.is_done() {
            // SQLite lets constraints follow each other without commas.
            if inner.dialect != Dialect::Sqlite || !begins_constraint(&inner) {
                return None;
            }
        }
    }
    Some(())
}

/// `name WITH OPTIONS …` of a typed table or a partition.
fn partition_column(inner: &mut Cursor<'_>, table: &CreateTable) -> bool {
    let options = inner.is_at(1, "WITH") && inner.is_at(2, "OPTIONS");
    let bare = table.partition_of.is_some();
    if options || bare {
        inner.skip_clause();
    }
    options || bare
}

pub(super) fn begins_constraint(cursor: &Cursor<'_>) -> bool {
    let opens = |ahead| cursor.kind_at(ahead) == Some(TokenKind::Symbol(b'('));
    cursor.is("CONSTRAINT")
        || cursor.is("PRIMARY") && cursor.is_at(1, "KEY")
        || cursor.is("FOREIGN") && cursor.is_at(1, "KEY")
        || cursor.is("UNIQUE")
        || cursor.is("CHECK") && opens(1)
        || cursor.is("EXCLUDE") && (opens(1) || cursor.is_at(1, "USING"))
        || cursor.dialect == Dialect::Mysql
            && (cursor.is_any(&["KEY", "INDEX"])
                && (opens(1) || opens(2) || cursor.is_at(2, "USING") || cursor.is_at(1, "IF"))
                || cursor.is_any(&["FULLTEXT", "SPATIAL"]))
}

fn tail(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Option<()> {
    while !cursor.is_done() {
        if cursor.eat("INHERITS") {
            let mut inner = cursor.group()?;
            table.inherits = inner.names();
        } else if cursor.is("PARTITION") && cursor.is_at(1, "BY") {
            table.partitioned = true;
            // RANGE, LIST or HASH stands before it; MySQL's COLUMNS may.
            cursor.skip_until(|c| c.is_symbol(b'('));
            table.partition_key = cursor.clone().group().map(parts).unwrap_or_default();
            cursor.skip_until(|c| c.is_any(&["WITH", "TABLESPACE", "USING", "AS"]));
        } else if cursor.is("FOR") || cursor.is("DEFAULT") && table.partition_of.is_some() {
            table.default_partition = cursor.is("DEFAULT");
            cursor.skip_until(|c| c.is("PARTITION"));
        } else if cursor.is("AS")
            || cursor.is_any(&["SELECT", "WITH"]) && !cursor_opens(cursor, 1)
            || cursor.is_symbol(b'(')
        {
            cursor.eat("AS");
            table.query = Some(rows::query(cursor)?);
        } else if cursor.eat("WITH") {
            if cursor.eat_any(&["DATA", "OIDS"]) || cursor.eat_all(&["NO", "DATA"]) {
                continue;
            }
            cursor.group()?;
        } else if cursor.eat_symbol(b',') {
        } else {
            option(cursor, table)?;
        }
    }
    Some(())
}

fn cursor_opens(cursor: &Cursor<'_>, ahead: usize) -> bool {
    cursor.kind_at(ahead) == Some(TokenKind::Symbol(b'('))
}

/// `ENGINE=InnoDB`, `WITHOUT ROWID`, `TABLESPACE x`, `ON COMMIT DROP`.
fn option(cursor: &mut Cursor<'_>, table: &mut CreateTable) -> Option<()> {
    let start = cursor.offset();
    if cursor.eat_all(&["WITHOUT", "ROWID"])
        || cursor.eat("STRICT")
        || cursor.eat_all(&["WITHOUT", "OIDS"])
    {
    } else if cursor.eat_all(&["ON", "COMMIT"]) {
        cursor.skip_until(|c| c.is("TABLESPACE"));
    } else if cursor.eat_any(&["TABLESPACE", "USING"]) {
        cursor.ident()?;
    } else if cursor.dialect == Dialect::Mysql {
        cursor.eat("DEFAULT");
        if !cursor.eat_all(&["CHARACTER", "SET"]) && !cursor.eat_all(&["DATA", "DIRECTORY"]) {
            cursor.ident()?;
        }
        cursor.eat_symbol(b'=');
        if !cursor.is_done() {
            cursor.skip_group();
        }
    } else {
        return None;
    }
    let text = cursor.slice(start..cursor.before());
    table
        .options
        .push(text.to_ascii_uppercase().replace(' ', ""));
    Some(())
}

/// Everything but tables and indexes. Bodies are passed over.
fn object(
    cursor: &mut Cursor<'_>,
    or_replace: bool,
    temporary: bool,
    definer: Option<String>,
) -> Option<Operation> {
    let kind = kind(cursor)?;
    let if_not_exists = cursor.if_not_exists();
    let mut create = Create {
        kind,
        name: None,
        on: None,
        or_replace,
        if_not_exists,
        temporary,
        reads: Vec::new(),
        calls: Vec::new(),
        definer,
        labels: Vec::new(),
        published: Published::default(),
        locks_rows: false,
        constrained: false,
        base: None,
        default: None,
        steady: false,
        mentions: Vec::new(),
        star: false,
    };
    if kind == Kind::Schema && cursor.is("AUTHORIZATION") {
        cursor.advance();
    }
    create.name = cursor.name();
    match kind {
        Kind::View | Kind::MaterializedView => {
            cursor.skip_until(|c| c.is_any(&["AS"]));
            cursor.eat("AS");
            let start = cursor.mark();
            create.reads = rows::tables_read(cursor);
            let end = cursor.mark();
            cursor.back(start);
            create.calls = expression::calls(cursor, end).names;
            cursor.back(start);
            create.locks_rows = locks_rows(&mut cursor.clone());
            create.star = star_within(&mut cursor.clone());
            index::words(cursor, end, &mut create.mentions);
        }
        Kind::Trigger | Kind::Policy | Kind::Rule => {
            cursor.skip_until(|c| c.is("ON") && !c.is_at(1, "COMMIT") || c.is("TO"));
            if kind == Kind::Rule {
                cursor.skip_until(|c| c.is("TO"));
            }
            cursor.advance();
            create.on = cursor.name();
        }
        Kind::Type => create.labels = labels(cursor),
        Kind::Domain => {
            cursor.eat("AS");
            let base = data_type(cursor)?;
            // An array of a domain with a CHECK is checked by nobody when there is none yet.
            create.base = (!base.array).then_some(base.name);
            let at = cursor.mark();
            cursor.skip_until(|c| c.is("CHECK") || c.is("NOT") && c.is_at(1, "NULL"));
            create.constrained = !cursor.is_done();
            cursor.back(at);
            cursor.skip_until(|c| c.is("DEFAULT"));
            if cursor.eat("DEFAULT") {
                create.default = Some(expression::default(cursor));
            }
        }
        Kind::Publication => {
            cursor.eat("FOR");
            create.published = published(cursor);
        }
        Kind::Function => {
            while !cursor.is_done() {
                create.steady |= cursor.is_any(&["IMMUTABLE", "STABLE"]);
                cursor.skip_group();
            }
        }
        _ => {}
    }
    skip_rest(cursor);
    Some(Operation::Create(create))
}

/// `*` where columns are listed, at any depth.
fn star_within(cursor: &mut Cursor<'_>) -> bool {
    while !cursor.is_done() {
        let listed = cursor.is_any(&["SELECT", "DISTINCT", "ALL"])
            || cursor.is_symbol(b',')
            || cursor.is_symbol(b'.');
        cursor.advance();
        if listed && cursor.is_symbol(b'*') {
            return true;
        }
    }
    false
}

fn labels(cursor: &mut Cursor<'_>) -> Vec<String> {
    if !cursor.eat_all(&["AS", "ENUM"]) {
        return Vec::new();
    }
    let mut labels = Vec::new();
    if let Some(mut inner) = cursor.group() {
        while !inner.is_done() {
            if inner.kind() == Some(TokenKind::String) {
                labels.push(inner.text().to_owned());
            }
            inner.advance();
        }
    }
    labels
}

/// FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE, at any depth.
fn locks_rows(cursor: &mut Cursor<'_>) -> bool {
    while !cursor.is_done() {
        let strength = cursor.is_at(1, "UPDATE")
            || cursor.is_at(1, "SHARE")
            || cursor.is_at(1, "NO") && cursor.is_at(2, "KEY") && cursor.is_at(3, "UPDATE")
            || cursor.is_at(1, "KEY") && cursor.is_at(2, "SHARE");
        if cursor.is("FOR") && strength {
            return true;
        }
        cursor.advance();
    }
    false
}

/// ALL TABLES; TABLE a (x), b WHERE (…), TABLES IN SCHEMA c.
pub(super) fn published(cursor: &mut Cursor<'_>) -> Published {
    let mut published = Published {
        all_tables: cursor.eat_all(&["ALL", "TABLES"]),
        ..Published::default()
    };
    let mut by_schema = false;
    loop {
        if cursor.eat_all(&["TABLES", "IN", "SCHEMA"]) {
            by_schema = true;
        } else if cursor.eat("TABLE") {
            by_schema = false;
        } else if published.tables.is_empty() && published.schemas.is_empty() {
            return published;
        }
        cursor.eat("ONLY");
        let Some(name) = cursor.name() else {
            return published;
        };
        match by_schema {
            true => published.schemas.push(name.name),
            false => published.tables.push(name),
        }
        cursor.eat_symbol(b'*');
        cursor.group();
        if cursor.eat("WHERE") {
            cursor.group();
        }
        if !cursor.eat_symbol(b',') {
            return published;
        }
    }
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
    let mut names = Vec::new();
    while let Some(name) = cursor.name() {
        names.push(name);
        cursor.group();
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    names
}
