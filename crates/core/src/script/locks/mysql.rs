//! MySQL and MariaDB: statements that take an exclusive metadata lock, on a replica as on the primary.

use super::{Locked, reader::Reader};
use crate::engine::Dialect;

const UNREAD: &str = "its form is not known";

pub fn locked(sql: &str) -> Locked {
    let mut reader = Reader::of(Dialect::Mysql, sql);
    let Some(head) = reader
        .rest()
        .first()
        .map(|item| item.text.to_ascii_uppercase())
    else {
        return Locked::Nothing;
    };
    reader.pass();
    match head.as_str() {
        "ALTER" => {
            reader.skip(&["ONLINE", "IGNORE"]);
            match reader.eat("TABLE") || reader.eat("VIEW") {
                true => {
                    reader.eat_all(&["IF", "EXISTS"]);
                    named(reader.name().map(|name| vec![name]))
                }
                false => Locked::Nothing,
            }
        }
        "CREATE" => create(reader),
        "DROP" => drop(reader),
        "TRUNCATE" => {
            reader.skip(&["TABLE"]);
            named(reader.name().map(|name| vec![name]))
        }
        "RENAME" => rename(reader),
        "OPTIMIZE" | "REPAIR" | "ANALYZE" => {
            reader.skip(&["NO_WRITE_TO_BINLOG", "LOCAL"]);
            reader.skip(&["TABLE", "TABLES"]);
            named(reader.names())
        }
        "CALL" => Locked::Untold("a procedure may do anything"),
        "EXECUTE" => Locked::Untold("what was prepared may do anything"),
        "BEGIN" if reader.is("NOT") => Locked::Untold("a block may do anything"),
        _ => Locked::Nothing,
    }
}

fn named(names: Option<Vec<String>>) -> Locked {
    names.map_or(Locked::Untold(UNREAD), Locked::Tables)
}

fn create(mut reader: Reader<'_>) -> Locked {
    let replaces = reader.eat_all(&["OR", "REPLACE"]);
    if reader.has("INDEX") && !reader.is_any(&["TABLE", "TEMPORARY"]) || reader.is("TRIGGER") {
        return named(reader.name_after("ON").map(|name| vec![name]));
    }
    reader.skip(&["TEMPORARY"]);
    match replaces && (reader.eat("TABLE") || reader.eat("VIEW")) {
        true => named(reader.name().map(|name| vec![name])),
        false => Locked::Nothing,
    }
}

fn drop(mut reader: Reader<'_>) -> Locked {
    if reader.is("INDEX") {
        return named(reader.name_after("ON").map(|name| vec![name]));
    }
    reader.skip(&["TEMPORARY"]);
    if reader.eat("TABLE") || reader.eat("TABLES") || reader.eat("VIEW") {
        reader.eat_all(&["IF", "EXISTS"]);
        return named(reader.names());
    }
    match reader.is_any(&["TRIGGER", "DATABASE", "SCHEMA"]) {
        true => Locked::Untold("its text does not name the tables"),
        false => Locked::Nothing,
    }
}

fn rename(mut reader: Reader<'_>) -> Locked {
    if !reader.eat("TABLE") && !reader.eat("TABLES") {
        return Locked::Nothing;
    }
    let each = reader.parts().into_iter().map(|mut pair| pair.name());
    named(each.collect())
}
