//! Whether a column of one type takes all that a column of another took.
//!
//! What is not listed here is taken for narrower.

use crate::operation::DataType;
use greylag_core::engine::Dialect;

/// Every value of the first type is one of the second, and reads the same: nobody who writes the old type is refused.
pub(super) fn widens(dialect: Dialect, from: &DataType, to: &DataType) -> bool {
    let letters = from.charset == to.charset || to.charset.as_deref() == Some("utf8mb4");
    let pads = to.name == "char" && from.name != "char";
    let signed = to.unsigned && !from.unsigned;
    if from.array != to.array || !letters || pads || signed {
        return false;
    }
    match (Known::of(dialect, from), Known::of(dialect, to)) {
        (Known::Whole(from_bytes), Known::Whole(bytes)) => {
            let one_more = from.unsigned && !to.unsigned;
            bytes > from_bytes || bytes == from_bytes && !one_more
        }
        (Known::Whole(bytes), Known::Number(digits)) => {
            digits.is_none_or(|(before, _)| before >= digits_of(bytes))
        }
        // A double has as many exactly.
        (Known::Whole(bytes), Known::Float(8)) => bytes <= 4,
        (Known::Float(from), Known::Float(to)) => to >= from,
        (Known::Number(_), Known::Number(None)) => true,
        (Known::Number(Some((before, behind))), Known::Number(Some((most, least)))) => {
            most >= before && least >= behind
        }
        (Known::Text(from), Known::Text(to)) | (Known::Bytes(from), Known::Bytes(to)) => to >= from,
        (Known::Enum(from), Known::Enum(to)) | (Known::Set(from), Known::Set(to)) => {
            from.iter().all(|label| to.contains(label))
        }
        (Known::Enum(labels), Known::Text(most)) => labels
            .iter()
            .all(|label| label.chars().count() as u64 <= most),
        (Known::Time(from, digits), Known::Time(to, more)) => {
            let with_hours = from == "date" && matches!(to.as_str(), "timestamp" | "datetime");
            more >= digits && (from == to || with_hours && dialect_has(dialect, &to))
        }
        (Known::Other(from, arguments), Known::Other(to, others)) => {
            let freed = others.is_empty() && matches!(to.as_str(), "interval" | "varbit");
            from == to && (arguments == others || freed) || from == "cidr" && to == "inet"
        }
        _ => false,
    }
}

/// The bytes of a whole number; none for other types.
pub(super) fn whole_bytes(dialect: Dialect, data_type: &DataType) -> Option<u8> {
    match Known::of(dialect, data_type) {
        Known::Whole(bytes) if !data_type.array => Some(bytes),
        _ => None,
    }
}

/// No row stands against the change, though it may lose something or be read in another way.
pub(super) fn never_fails(dialect: Dialect, from: &DataType, to: &DataType) -> bool {
    if widens(dialect, from, to) {
        return true;
    }
    match (Known::of(dialect, from), Known::of(dialect, to)) {
        (Known::Number(Some((before, _))), Known::Number(Some((most, _)))) => most >= before,
        (Known::Time(from, _), Known::Time(to, _)) => {
            let dated =
                |name: &str| matches!(name, "date" | "datetime" | "timestamp" | "timestamptz");
            dated(&from) && dated(&to) && dialect_has(dialect, &to)
        }
        (_, Known::Text(u64::MAX)) => from.array == to.array,
        _ => false,
    }
}

/// MySQL's TIMESTAMP ends in 2038, and begins in 1970.
fn dialect_has(dialect: Dialect, time: &str) -> bool {
    dialect != Dialect::Mysql || time != "timestamp"
}

/// A type as far as it says what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// Of this many bytes.
    Whole(u8),
    /// Digits before and behind the point; none: as many as there are.
    Number(Option<(u64, u64)>),
    Float(u8),
    /// Letters at most.
    Text(u64),
    Bytes(u64),
    /// Labels of MySQL's.
    Enum(Vec<String>),
    Set(Vec<String>),
    /// By name, with the digits of its seconds.
    Time(String, u64),
    Other(String, Vec<String>),
}

impl Known {
    fn of(dialect: Dialect, data_type: &DataType) -> Known {
        let mysql = dialect == Dialect::Mysql;
        let name = data_type.name.as_str();
        let arguments = &data_type.arguments;
        let number = |at: usize| arguments.get(at)?.trim().parse::<u64>().ok();
        let length = |usual| match arguments.is_empty() {
            true => usual,
            false => number(0).unwrap_or(0),
        };
        let labels = || {
            let labels = arguments.iter();
            let labels = labels.map(|label| label.trim().trim_matches(['\'', '"']).to_owned());
            labels.collect()
        };
        match name {
            "tinyint" => Known::Whole(1),
            "boolean" if mysql => Known::Whole(1),
            "smallint" | "smallserial" => Known::Whole(2),
            "mediumint" => Known::Whole(3),
            "int" | "serial" => Known::Whole(4),
            "bigint" | "bigserial" => Known::Whole(8),
            "numeric" => match number(0) {
                Some(all) => {
                    let behind = number(1).unwrap_or(0);
                    Known::Number(Some((all.saturating_sub(behind), behind)))
                }
                None => Known::Number(mysql.then_some((10, 0))),
            },
            "float4" | "float" if arguments.is_empty() => Known::Float(4),
            "float8" | "real" if arguments.is_empty() => Known::Float(8),
            "varchar" => Known::Text(length(u64::MAX)),
            "char" => Known::Text(length(1)),
            "text" if !mysql => Known::Text(u64::MAX),
            // MySQL counts bytes, of which a letter has four at most.
            "tinytext" => Known::Text(255 / 4),
            "text" => Known::Text(0xffff / 4),
            "mediumtext" => Known::Text(0xff_ffff / 4),
            "longtext" => Known::Text(0xffff_ffff / 4),
            "varbinary" | "binary" => Known::Bytes(length(1)),
            "tinyblob" => Known::Bytes(255),
            "blob" => Known::Bytes(0xffff),
            "mediumblob" => Known::Bytes(0xff_ffff),
            "longblob" => Known::Bytes(0xffff_ffff),
            "enum" if mysql => Known::Enum(labels()),
            "set" if mysql => Known::Set(labels()),
            "date" => Known::Time(name.to_owned(), 0),
            "timestamp" | "timestamptz" | "datetime" | "time" | "timetz" => {
                let usual = if mysql { 0 } else { 6 };
                Known::Time(name.to_owned(), number(0).unwrap_or(usual))
            }
            _ => Known::Other(name.to_owned(), arguments.clone()),
        }
    }
}

/// The digits of the largest whole number of this many bytes.
fn digits_of(bytes: u8) -> u64 {
    match bytes {
        1 => 3,
        2 => 5,
        3 => 8,
        4 => 10,
        _ => 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{operation::Action, operation::Operation, read::read};

    fn data_type(dialect: Dialect, text: &str) -> DataType {
        let sql = format!("ALTER TABLE t ADD COLUMN c {text}");
        let Operation::AlterTable(alter) = read(dialect, &sql, 0..sql.len()) else {
            panic!("{sql}");
        };
        let Action::AddColumn { column, .. } = &alter.actions[0].0 else {
            panic!("{sql}: {alter:?}");
        };
        column.data_type.clone()
    }

    fn told(dialect: Dialect, from: &str, to: &str) -> (bool, bool) {
        let (from, to) = (data_type(dialect, from), data_type(dialect, to));
        (
            widens(dialect, &from, &to),
            never_fails(dialect, &from, &to),
        )
    }

    #[test]
    fn only_what_takes_all_that_was_taken_widens() {
        use Dialect::{Mysql, Postgres};
        for (dialect, from, to) in [
            (Postgres, "int", "bigint"),
            (Postgres, "serial", "bigint"),
            (Postgres, "int", "numeric"),
            (Postgres, "smallint", "numeric(7,2)"),
            (Postgres, "int", "double precision"),
            (Postgres, "varchar(50)", "varchar(100)"),
            (Postgres, "varchar(50)", "text"),
            (Postgres, "text", "varchar"),
            (Postgres, "char(3)", "text"),
            (Postgres, "numeric(10,2)", "numeric(12,2)"),
            (Postgres, "numeric(10,2)", "numeric"),
            (Postgres, "timestamp(3)", "timestamp"),
            (Postgres, "date", "timestamp"),
            (Postgres, "cidr", "inet"),
            (Postgres, "text[]", "text[]"),
            (Mysql, "int", "int(11)"),
            (Mysql, "int unsigned", "bigint"),
            (Mysql, "boolean", "int"),
            (Mysql, "enum('a','b')", "enum('c','b','a')"),
            (Mysql, "enum('a','b')", "varchar(1)"),
            (Mysql, "varchar(50)", "text"),
            (Mysql, "text", "mediumtext"),
            (Mysql, "date", "datetime"),
            (
                Mysql,
                "varchar(5) character set latin1",
                "varchar(5) character set utf8mb4",
            ),
        ] {
            assert_eq!(told(dialect, from, to), (true, true), "{from} to {to}");
        }
        for (dialect, from, to) in [
            (Postgres, "bigint", "int"),
            (Postgres, "text", "int"),
            (Postgres, "bigint", "double precision"),
            (Postgres, "int", "numeric(10,2)"),
            (Postgres, "text", "varchar(50)"),
            (Postgres, "varchar(50)", "char(50)"),
            (Postgres, "numeric", "numeric(10,2)"),
            (Postgres, "numeric(10,2)", "numeric(11,4)"),
            (Postgres, "text", "text[]"),
            (Postgres, "json", "jsonb"),
            (Postgres, "text", "mood"),
            (Postgres, "bit(5)", "bit"),
            (Mysql, "int", "int unsigned"),
            (Mysql, "int unsigned", "int"),
            (Mysql, "enum('a','b')", "enum('a')"),
            (Mysql, "enum('a','bb')", "varchar(1)"),
            (Mysql, "set('a','b')", "enum('a','b')"),
            (Mysql, "numeric", "numeric(8,0)"),
            (Mysql, "mediumtext", "text"),
            (Mysql, "varchar(20000)", "text"),
            (Mysql, "datetime", "timestamp"),
            (
                Mysql,
                "varchar(5) character set utf8mb4",
                "varchar(5) character set latin1",
            ),
        ] {
            assert_eq!(told(dialect, from, to), (false, false), "{from} to {to}");
        }
        for (dialect, from, to) in [
            (Postgres, "numeric(10,4)", "numeric(10,2)"),
            (Postgres, "timestamptz", "date"),
            (Postgres, "timestamp", "timestamptz"),
            (Postgres, "int", "text"),
            (Postgres, "uuid", "text"),
        ] {
            assert_eq!(told(dialect, from, to), (false, true), "{from} to {to}");
        }
    }
}
