//! SET, RESET, PRAGMA: settings of a session, or of the whole server.

use super::{create::skip_rest, cursor::Cursor, dispatch};
use crate::operation::{Bytes, Operation};
use greylag_core::engine::Dialect;

pub(super) fn set(cursor: &mut Cursor<'_>) -> Option<Operation> {
    if is_for_one_statement(cursor) {
        for_one_statement(cursor)?;
        return dispatch::statement(cursor);
    }
    let local = cursor.eat("LOCAL");
    let mut global = scope(cursor);
    if cursor.is_any(&["TRANSACTION", "CONSTRAINTS", "CHARACTERISTICS", "PASSWORD"]) && !global {
        skip_rest(cursor);
        let what = "SET".to_owned();
        return Some(Operation::Harmless { what });
    }
    if cursor.eat_all(&["TIME", "ZONE"]) {
        return Some(Operation::Set {
            name: "timezone".to_owned(),
            value: rest_text(cursor),
            local,
            global,
            more: Vec::new(),
        });
    }
    // Standard SQL's words for the search path.
    if cursor.dialect == Dialect::Postgres && cursor.eat("SCHEMA") {
        return Some(Operation::Set {
            name: "search_path".to_owned(),
            value: rest_text(cursor),
            local,
            global,
            more: Vec::new(),
        });
    }
    let (name, mut value) = assignment(cursor, &mut global);
    let mut more = Vec::new();
    if cursor.dialect == Dialect::Mysql {
        while cursor.eat_symbol(b',') {
            cursor.eat("LOCAL");
            global |= scope(cursor);
            more.push(assignment(cursor, &mut global));
        }
    } else {
        value.push_str(&rest_text(cursor));
    }
    Some(Operation::Set {
        name,
        value,
        local,
        global,
        more,
    })
}

/// MariaDB's `SET STATEMENT a = 1, b = 2 FOR …`: what it sets for the statement behind it.
pub(crate) fn set_for_statement(
    dialect: Dialect,
    text: &str,
    span: Bytes,
) -> Vec<(String, String)> {
    let mut cursor = Cursor::new(dialect, text, span);
    let found = cursor.eat("SET") && is_for_one_statement(&cursor);
    let settings = found.then(|| for_one_statement(&mut cursor)).flatten();
    settings.unwrap_or_default()
}

fn is_for_one_statement(cursor: &Cursor<'_>) -> bool {
    cursor.dialect == Dialect::Mysql
        && cursor.is("STATEMENT")
        && cursor.clone().skip_to(|c| c.is("FOR"))
}

/// The assignments between STATEMENT and FOR; the cursor goes behind them.
fn for_one_statement(cursor: &mut Cursor<'_>) -> Option<Vec<(String, String)>> {
    cursor.advance();
    let mut settings = Vec::new();
    loop {
        settings.push(assignment(cursor, &mut false));
        if !cursor.eat_symbol(b',') {
            return cursor.eat("FOR").then_some(settings);
        }
    }
}

/// GLOBAL or PERSIST: for everybody.
fn scope(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat("SESSION");
    cursor.dialect == Dialect::Mysql && cursor.eat_any(&["GLOBAL", "PERSIST", "PERSIST_ONLY"])
}

/// `name = value`, up to a comma.
fn assignment(cursor: &mut Cursor<'_>, global: &mut bool) -> (String, String) {
    // MySQL's variables begin with `@@session.` or `@`.
    let mut server = false;
    while cursor.eat_symbol(b'@') {
        server = true;
    }
    if server && cursor.is_any(&["SESSION", "LOCAL", "GLOBAL", "PERSIST", "PERSIST_ONLY"]) {
        let own = cursor.is_any(&["SESSION", "LOCAL"]);
        let mark = cursor.mark();
        cursor.advance();
        match cursor.eat_symbol(b'.') {
            true => *global |= !own,
            false => cursor.back(mark),
        }
    }
    let name = cursor
        .name()
        .map(|name| name.to_string())
        .unwrap_or_default();
    cursor.eat_symbol(b':');
    let _ = cursor.eat_symbol(b'=') || cursor.eat("TO");
    let mysql = cursor.dialect == Dialect::Mysql;
    let span = cursor.skip_until(|c| c.is_symbol(b',') || mysql && c.is("FOR"));
    (name, cursor.slice(span).trim().to_owned())
}

/// MySQL's USE: where names without a schema lead.
pub(super) fn used(cursor: &mut Cursor<'_>) -> Option<Operation> {
    let value = cursor.ident()?;
    Some(Operation::Set {
        name: "use".to_owned(),
        value,
        local: false,
        global: false,
        more: Vec::new(),
    })
}

/// A setting goes back to what it was; on MySQL also the server's logs and what its replicas follow.
pub(super) fn reset(cursor: &mut Cursor<'_>) -> Operation {
    let mysql = cursor.dialect == Dialect::Mysql;
    let global = mysql && cursor.eat("PERSIST");
    let name = rest_text(cursor);
    if mysql && !global {
        let what = format!("RESET {}", name.to_uppercase());
        return match what.as_str() {
            "RESET QUERY CACHE" => Operation::Harmless { what },
            _ => Operation::Server { what },
        };
    }
    Operation::Set {
        name: name.to_lowercase(),
        value: "DEFAULT".to_owned(),
        local: false,
        global,
        more: Vec::new(),
    }
}

pub(super) fn pragma(cursor: &mut Cursor<'_>) -> Operation {
    let name = cursor
        .name()
        .map(|name| format!("pragma {}", name.name))
        .unwrap_or_default();
    cursor.eat_symbol(b'=');
    let value = rest_text(cursor);
    let value = value.trim_matches(['(', ')']).trim().to_owned();
    Operation::Set {
        name,
        value,
        local: false,
        global: false,
        more: Vec::new(),
    }
}

/// `set_config('name', 'value', …)`, wherever a query calls it.
pub(super) fn set_configs(cursor: &mut Cursor<'_>) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    while !cursor.is_done() {
        if !cursor.eat("set_config") {
            cursor.advance();
            continue;
        }
        let Some(mut inner) = cursor.clone().group() else {
            continue;
        };
        let mut argument = || {
            let span = inner.skip_clause();
            inner.eat_symbol(b',');
            inner.slice(span).trim().to_owned()
        };
        let name = argument().trim_matches('\'').to_lowercase();
        settings.push((name, argument()));
    }
    settings
}

fn rest_text(cursor: &mut Cursor<'_>) -> String {
    let span = cursor.skip_until(|_| false);
    cursor.slice(span).trim().to_owned()
}
