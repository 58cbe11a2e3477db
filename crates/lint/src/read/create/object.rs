//! CREATE of everything but tables and indexes. Bodies are passed over.

use super::{
    super::{cursor::Cursor, datatype::data_type, expression, index, tables},
    arguments::arguments,
    kind, outputs, result, skip_rest,
};
use crate::operation::{Create, Kind, Operation, Published};
use greylag_core::script::TokenKind;

/// Everything but tables and indexes. Bodies are passed over.
pub(super) fn object(
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
        columns: None,
        arguments: None,
        result: None,
    };
    if kind == Kind::Schema && cursor.is("AUTHORIZATION") {
        cursor.advance();
    }
    create.name = cursor.name();
    match kind {
        Kind::View | Kind::MaterializedView => {
            create.columns = outputs::of_view(cursor.clone());
            cursor.skip_until(|c| c.is_any(&["AS"]));
            cursor.eat("AS");
            let start = cursor.mark();
            create.reads = tables::tables_read(cursor);
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
            create.arguments = cursor.clone().group().and_then(arguments);
            create.result = result::result(cursor.clone());
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
pub(in super::super) fn published(cursor: &mut Cursor<'_>) -> Published {
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
