//! Queries that take no row of a table, or only what all of its rows come to together.

use super::{cursor::Cursor, sources::BEHIND};
use greylag_core::script::TokenKind;

/// What makes one value of many rows, unless OVER stands behind it.
const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "count",
    "every",
    "group_concat",
    "json_agg",
    "json_arrayagg",
    "json_group_array",
    "json_group_object",
    "json_object_agg",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_object_agg",
    "stddev",
    "string_agg",
    "sum",
    "variance",
];

/// Of SQLite with several arguments they are no aggregates.
const OF_ONE: &[&str] = &["max", "min"];

/// How many parentheses around each other are looked into: nobody writes more by hand.
const DEEPEST: usize = 64;

/// Whether no row meets a condition.
pub(super) fn is_never(condition: &str) -> bool {
    let kept = |c: &char| !c.is_whitespace() && !"()".contains(*c);
    let plain: String = condition.chars().filter(kept).take(20).collect();
    matches!(
        &*plain.to_lowercase(),
        "false"
            | "0"
            | "1=0"
            | "0=1"
            | "1=2"
            | "2=1"
            | "1<>1"
            | "1!=1"
            | "nottrue"
            | "null"
            | "true=false"
    )
}

/// What a query ends with that takes no row: `LIMIT 0`, `LIMIT 5, 0`, `FETCH FIRST 0 ROWS`, `WITH NO DATA`. Nothing is eaten where it takes
/// some.
pub(super) fn eat_none(cursor: &mut Cursor<'_>) -> bool {
    let start = cursor.mark();
    let zero = |cursor: &mut Cursor<'_>| {
        let sum = matches!(cursor.kind_at(1), Some(TokenKind::Symbol(_)));
        let zero = !sum && !cursor.is_done() && cursor.text().bytes().all(|digit| digit == b'0');
        cursor.advance();
        zero
    };
    let limited = if cursor.eat("LIMIT") {
        if cursor.kind_at(1) == Some(TokenKind::Symbol(b',')) {
            cursor.advance();
            cursor.advance();
        }
        zero(cursor)
    } else {
        cursor.eat("FETCH") && cursor.eat_any(&["FIRST", "NEXT"]) && zero(cursor)
    };
    if limited {
        return true;
    }
    cursor.back(start);
    cursor.eat_all(&["WITH", "NO", "DATA"])
}

/// `WITH DATA`, `WITH NO DATA`
pub(super) fn is_data(cursor: &Cursor<'_>) -> bool {
    let no = usize::from(cursor.is_at(1, "NO"));
    cursor.is("WITH") && cursor.is_at(1 + no, "DATA")
}

/// What makes many rows of one value.
fn spreads(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = [
        "unnest",
        "_to_table",
        "_elements",
        "_elements_text",
        "_each",
        "_object_keys",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

/// Whether the list that begins here, up to FROM, makes one row of all. The cursor is behind SELECT.
pub(super) fn is_summed(mut cursor: Cursor<'_>) -> bool {
    let ends =
        |cursor: &Cursor<'_>| cursor.is("FROM") || cursor.is("WHERE") || cursor.is_any(BEHIND);
    let mut open: Vec<Cursor<'_>> = Vec::new();
    loop {
        if cursor.is_done() || open.is_empty() && ends(&cursor) {
            match open.pop() {
                Some(outer) => cursor = outer,
                None => return false,
            }
            continue;
        }
        if cursor.kind_at(1) == Some(TokenKind::Symbol(b'(')) {
            if spreads(cursor.text()) {
                return false;
            }
            if aggregates(&cursor) {
                return true;
            }
        }
        let Some(within) = cursor.group() else {
            cursor.advance();
            continue;
        };
        let asks = within.is_any(&["SELECT", "WITH", "VALUES", "TABLE"]);
        if !asks && open.len() < DEEPEST {
            open.push(std::mem::replace(&mut cursor, within));
        }
    }
}

/// A call of an aggregate, without OVER behind it.
fn aggregates(cursor: &Cursor<'_>) -> bool {
    if !cursor.is_any(AGGREGATES) && !cursor.is_any(OF_ONE) {
        return false;
    }
    let mut behind = cursor.clone();
    behind.advance();
    let Some(mut within) = behind.group() else {
        return false;
    };
    if behind.eat("FILTER") {
        behind.group();
    }
    within.skip_clause();
    let one = within.is_done();
    !behind.is("OVER") && (one || cursor.is_any(AGGREGATES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_core::engine::Dialect;

    fn cursor(text: &str) -> Cursor<'_> {
        Cursor::new(Dialect::Postgres, text, 0..text.len())
    }

    #[test]
    fn what_makes_one_row_of_all_is_known() {
        for one in [
            "count(*) FROM t",
            "a, 1 + coalesce(max(b), 0) FROM t",
            "sum(a) FILTER (WHERE b > 0) FROM t",
            "(min(a)) + 1",
        ] {
            assert!(is_summed(cursor(one)), "{one}");
        }
        for each in [
            "a, b FROM t",
            "count(*) OVER () FROM t",
            "sum(a) FILTER (WHERE b) OVER (PARTITION BY c) FROM t",
            "(SELECT count(*) FROM u) FROM t",
            "max(a, b) FROM t",
            "unnest(array_agg(a)) FROM t",
            "a FROM (SELECT count(*) FROM t) x",
            "counted(a) FROM t",
            "1 UNION ALL SELECT count(*) FROM t",
        ] {
            assert!(!is_summed(cursor(each)), "{each}");
        }
    }

    #[test]
    fn what_takes_no_row_is_known() {
        for none in [
            "LIMIT 0",
            "LIMIT 5, 0",
            "LIMIT 0 OFFSET 5",
            "FETCH FIRST 0 ROWS ONLY",
            "WITH NO DATA",
        ] {
            assert!(eat_none(&mut cursor(none)), "{none}");
        }
        for some in [
            "LIMIT 1",
            "LIMIT 0, 5",
            "LIMIT 0 + :batch",
            "LIMIT ALL",
            "LIMIT",
            "FETCH FIRST ROW ONLY",
            "FETCH FIRST 10 ROWS ONLY",
            "WITH DATA",
        ] {
            let mut own = cursor(some);
            assert!(!eat_none(&mut own) && own.mark() == 0, "{some}");
        }
        for never in ["false", "1 = 0", "(1=0)", "0", "NOT true"] {
            assert!(is_never(never), "{never}");
        }
        for perhaps in ["a = 0", "1 = 10", "false OR a", "0 = a", "0 < 1"] {
            assert!(!is_never(perhaps), "{perhaps}");
        }
    }
}
