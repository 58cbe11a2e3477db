//! PostgreSQL: what takes ACCESS EXCLUSIVE, the one lock that is replayed on standbys.

use super::{Locked, reader::Reader};
use crate::{
    engine::Dialect,
    script::{lexer::Kind, words::Item},
};

const CASCADE: &str = "CASCADE reaches what depends on it";
const UNREAD: &str = "its form is not known";

/// Statements that lock no relation against readers, whatever follows.
const HARMLESS: [&str; 38] = [
    "ABORT",
    "ANALYZE",
    "ANALYSE",
    "BEGIN",
    "CHECKPOINT",
    "CLOSE",
    "COMMENT",
    "COMMIT",
    "COPY",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DISCARD",
    "END",
    "FETCH",
    "GRANT",
    "IMPORT",
    "INSERT",
    "LISTEN",
    "LOAD",
    "MERGE",
    "MOVE",
    "NOTIFY",
    "PREPARE",
    "RELEASE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SECURITY",
    "SET",
    "SHOW",
    "START",
    "UNLISTEN",
    "UPDATE",
    "VALUES",
    "TABLE",
    "EXPLAIN",
];

/// Functions that lock nothing. Others may do anything.
const QUIET: [&str; 34] = [
    "avg",
    "cast",
    "coalesce",
    "concat",
    "count",
    "current_setting",
    "currval",
    "extract",
    "format",
    "generate_series",
    "greatest",
    "least",
    "length",
    "lower",
    "max",
    "min",
    "nextval",
    "now",
    "nullif",
    "pg_advisory_xact_lock",
    "pg_notify",
    "pg_sleep",
    "pg_try_advisory_xact_lock",
    "quote_ident",
    "quote_literal",
    "replace",
    "round",
    "set_config",
    "setval",
    "sum",
    "to_char",
    "to_regclass",
    "trim",
    "upper",
];

/// Keywords and types that may stand before a parenthesis.
const GRAMMAR: [&str; 35] = [
    "all",
    "and",
    "any",
    "as",
    "array",
    "between",
    "by",
    "case",
    "char",
    "decimal",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "group",
    "having",
    "in",
    "intersect",
    "join",
    "lateral",
    "not",
    "numeric",
    "on",
    "or",
    "over",
    "select",
    "some",
    "then",
    "union",
    "using",
    "values",
    "varchar",
    "where",
];

/// Storage parameters that are set under a lock that readers don't meet.
const LIGHT: [&str; 6] = [
    "autovacuum",
    "fillfactor",
    "log_autovacuum",
    "parallel_workers",
    "toast_tuple_target",
    "vacuum_",
];

pub fn locked(sql: &str) -> Locked {
    let mut reader = Reader::of(Dialect::Postgres, sql);
    let Some(head) = reader
        .rest()
        .first()
        .map(|item| item.text.to_ascii_uppercase())
    else {
        return Locked::Nothing;
    };
    reader.pass();
    match head.as_str() {
        "ALTER" => alter(reader),
        "CREATE" => create(reader),
        "DROP" => drop(reader),
        "TRUNCATE" => {
            reader.skip(&["TABLE"]);
            cascading(reader, Locked::Tables)
        }
        "LOCK" => lock(reader),
        "VACUUM" => vacuum(reader),
        "CLUSTER" => cluster(reader),
        "REINDEX" => reindex(reader),
        "REFRESH" => refresh(reader),
        "SELECT" | "WITH" => select(&reader),
        "DO" => Locked::Untold("a DO block may do anything"),
        "CALL" => Locked::Untold("a procedure may do anything"),
        "EXECUTE" => Locked::Untold("what was prepared may do anything"),
        head if HARMLESS.contains(&head) => Locked::Nothing,
        _ => Locked::Untold(UNREAD),
    }
}

/// Names, and perhaps CASCADE, which reaches further than the text does.
fn cascading(mut reader: Reader<'_>, locked: impl Fn(Vec<String>) -> Locked) -> Locked {
    if reader.has("CASCADE") {
        return Locked::Untold(CASCADE);
    }
    reader.eat_all(&["IF", "EXISTS"]);
    reader.names().map_or(Locked::Untold(UNREAD), locked)
}

fn one(name: Option<String>) -> Locked {
    name.map_or(Locked::Untold(UNREAD), |name| Locked::Tables(vec![name]))
}

fn alter(mut reader: Reader<'_>) -> Locked {
    if reader.eat_all(&["FOREIGN", "TABLE"]) || reader.eat("TABLE") {
        return alter_table(reader);
    }
    if reader.eat("INDEX") {
        return alter_index(reader);
    }
    if reader.eat_all(&["MATERIALIZED", "VIEW"]) || reader.eat("VIEW") || reader.eat("SEQUENCE") {
        reader.eat_all(&["IF", "EXISTS"]);
        return match reader.is("ALL") {
            true => Locked::Untold("it is about all there are"),
            false => one(reader.name()),
        };
    }
    if reader.is_any(&["POLICY", "RULE", "TRIGGER"]) {
        return one(reader.name_after("ON"));
    }
    if reader.eat("EXTENSION") {
        return Locked::Untold("an extension's script may do anything");
    }
    if reader.eat("TYPE") && reader.has("ATTRIBUTE") {
        return Locked::Untold("tables of the type change with it");
    }
    Locked::Nothing
}

fn alter_table(mut reader: Reader<'_>) -> Locked {
    reader.eat_all(&["IF", "EXISTS"]);
    if reader.is("ALL") {
        return Locked::Untold("it is about all tables of a tablespace");
    }
    reader.skip(&["ONLY"]);
    let Some(table) = reader.name() else {
        return Locked::Untold(UNREAD);
    };
    reader.eat_symbol(b'*');
    let mut tables = Vec::new();
    let mut unlinked = false;
    for action in reader.parts() {
        match act(action) {
            Act::Light => {}
            Act::Exclusive => tables.push(table.clone()),
            Act::Unlinks => {
                tables.push(table.clone());
                unlinked = true;
            }
            Act::Other { own, other } => {
                tables.extend(own.then(|| table.clone()));
                tables.extend(other);
            }
            Act::Untold(why) => return Locked::Untold(why),
        }
    }
    match (tables.is_empty(), unlinked) {
        (true, _) => Locked::Nothing,
        (false, true) => Locked::Unlinked(tables),
        (false, false) => Locked::Tables(tables),
    }
}

enum Act {
    /// A lock that readers don't meet.
    Light,
    Exclusive,
    /// … and a foreign key may go.
    Unlinks,
    /// Another table is locked; this one too, or not.
    Other {
        own: bool,
        other: Option<String>,
    },
    Untold(&'static str),
}

fn act(mut action: Reader<'_>) -> Act {
    if action.eat("ADD") {
        if action.eat("CONSTRAINT") {
            action.name();
        }
        return match action.is("FOREIGN") {
            true => Act::Light,
            false => Act::Exclusive,
        };
    }
    if action.eat("DROP") {
        return match action.has("CASCADE") {
            true => Act::Untold(CASCADE),
            false => Act::Unlinks,
        };
    }
    if action.is("VALIDATE")
        || action.is("CLUSTER")
        || action.eat_all(&["SET", "WITHOUT", "CLUSTER"])
    {
        return Act::Light;
    }
    if action.is_any(&["ENABLE", "DISABLE"]) {
        action.pass();
        action.skip(&["ALWAYS", "REPLICA"]);
        return match action.is("TRIGGER") {
            true => Act::Light,
            false => Act::Exclusive,
        };
    }
    if action.eat("ALTER") {
        action.eat("COLUMN");
        action.name();
        let sets = action.is_any(&["SET", "RESET"]);
        action.pass();
        return match sets && (action.is("STATISTICS") || action.is_symbol(b'(')) {
            true => Act::Light,
            false => Act::Exclusive,
        };
    }
    if action.eat_all(&["ATTACH", "PARTITION"]) {
        return Act::Other {
            own: false,
            other: action.name(),
        };
    }
    if action.eat_all(&["DETACH", "PARTITION"]) {
        let other = action.name();
        let own = !action.is_any(&["CONCURRENTLY", "FINALIZE"]);
        return Act::Other { own, other };
    }
    if action.is_any(&["SET", "RESET"]) {
        action.pass();
        return match action.is_symbol(b'(') && are_light(&action) {
            true => Act::Light,
            false => Act::Exclusive,
        };
    }
    Act::Exclusive
}

/// Whether all storage parameters in a group are set under a lock that readers don't meet.
fn are_light(group: &Reader<'_>) -> bool {
    let inner: Vec<Item<'_>> = group.rest().to_vec();
    let names = inner.windows(2).filter_map(|pair| {
        let begins = pair[0].is_symbol(b'(') || pair[0].is_symbol(b',') || pair[0].is_symbol(b'.');
        (begins && pair[1].kind == Kind::Word).then(|| pair[1].value())
    });
    names
        .filter(|name| name != "toast")
        .all(|name| LIGHT.iter().any(|light| name.starts_with(light)))
}

fn alter_index(mut reader: Reader<'_>) -> Locked {
    reader.eat_all(&["IF", "EXISTS"]);
    if reader.is("ALL") {
        return Locked::Untold("it is about all indexes of a tablespace");
    }
    let Some(index) = reader.name() else {
        return Locked::Untold(UNREAD);
    };
    if reader.is_any(&["RENAME", "RESET", "ALTER"]) {
        return Locked::Nothing;
    }
    if reader.eat_all(&["ATTACH", "PARTITION"]) {
        return Locked::Tables(std::iter::once(index).chain(reader.name()).collect());
    }
    match reader.eat("SET") && reader.is_symbol(b'(') {
        true => Locked::Nothing,
        false => Locked::Tables(vec![index]),
    }
}

fn create(mut reader: Reader<'_>) -> Locked {
    let replaces = reader.eat_all(&["OR", "REPLACE"]);
    reader.skip(&[
        "GLOBAL",
        "LOCAL",
        "TEMP",
        "TEMPORARY",
        "UNLOGGED",
        "RECURSIVE",
    ]);
    if reader.eat("VIEW") {
        return match replaces {
            true => one(reader.name()),
            false => Locked::Nothing,
        };
    }
    if reader.is("RULE") {
        // `CREATE RULE name AS ON INSERT TO orders DO …`
        return one(reader.name_after("TO"));
    }
    if reader.is("POLICY") {
        return one(reader.name_after("ON"));
    }
    if reader.eat("TABLE") {
        reader.eat_all(&["IF", "NOT", "EXISTS"]);
        reader.name();
        return match reader.eat_all(&["PARTITION", "OF"]) {
            true => one(reader.name()),
            false => Locked::Nothing,
        };
    }
    Locked::Nothing
}

fn drop(mut reader: Reader<'_>) -> Locked {
    if reader.has("CASCADE") {
        return Locked::Untold(CASCADE);
    }
    if reader.eat_all(&["FOREIGN", "TABLE"]) || reader.eat("TABLE") {
        return cascading(reader, Locked::Unlinked);
    }
    if reader.eat_all(&["MATERIALIZED", "VIEW"]) || reader.eat("VIEW") || reader.eat("SEQUENCE") {
        return cascading(reader, Locked::Tables);
    }
    if reader.eat("INDEX") {
        reader.eat("CONCURRENTLY");
        return cascading(reader, Locked::Tables);
    }
    if reader.is_any(&["TRIGGER", "RULE", "POLICY"]) {
        return one(reader.name_after("ON"));
    }
    if reader.is_any(&["OWNED", "EXTENSION"]) {
        return Locked::Untold("it takes more than its text names");
    }
    Locked::Nothing
}

fn lock(mut reader: Reader<'_>) -> Locked {
    reader.eat("TABLE");
    let Some(tables) = reader.names() else {
        return Locked::Untold(UNREAD);
    };
    match reader.eat("IN") && !reader.eat_all(&["ACCESS", "EXCLUSIVE"]) {
        true => Locked::Nothing,
        false => Locked::Tables(tables),
    }
}

/// FULL rewrites; the plain one cuts empty pages off a table's end, for which it locks readers out, too.
fn vacuum(mut reader: Reader<'_>) -> Locked {
    if reader.is_symbol(b'(') {
        reader.pass_group();
    }
    reader.skip(&["FULL", "FREEZE", "VERBOSE", "ANALYZE", "ANALYSE"]);
    if reader.is_done() {
        return Locked::Untold("it is about all tables");
    }
    reader
        .names()
        .map_or(Locked::Untold(UNREAD), Locked::Tables)
}

fn cluster(mut reader: Reader<'_>) -> Locked {
    if reader.is_symbol(b'(') {
        reader.pass_group();
    }
    reader.skip(&["VERBOSE"]);
    if reader.is_done() {
        return Locked::Untold("it is about all tables that were clustered before");
    }
    one(reader.name())
}

/// CONCURRENTLY too: building disturbs nobody, but dropping the old index at the end locks it against its readers.
fn reindex(mut reader: Reader<'_>) -> Locked {
    if reader.is_symbol(b'(') {
        reader.pass_group();
    }
    let named = reader.is_any(&["INDEX", "TABLE"]);
    reader.pass();
    reader.eat("CONCURRENTLY");
    match named {
        true => one(reader.name()),
        false => Locked::Untold("it is about more than one table"),
    }
}

fn refresh(mut reader: Reader<'_>) -> Locked {
    reader.eat_all(&["MATERIALIZED", "VIEW"]);
    match reader.eat("CONCURRENTLY") {
        true => Locked::Nothing,
        false => one(reader.name()),
    }
}

/// A query locks nothing, unless a function of it does.
fn select(reader: &Reader<'_>) -> Locked {
    let calls = reader.rest().windows(2).any(|pair| {
        let calls = pair[1].is_symbol(b'(') && matches!(pair[0].kind, Kind::Word | Kind::Name);
        let name = pair[0].value();
        calls && !QUIET.contains(&name.as_str()) && !GRAMMAR.contains(&name.as_str())
    });
    match calls {
        true => Locked::Untold("a function may do anything"),
        false => Locked::Nothing,
    }
}
