//! What adding a column, or changing its type, does to the rows that are there.

use crate::{
    catalog::{Catalog, Domain, Table, name_of},
    effects::functions::is_steady,
    operation::{Column, DataType, Expression, Generated},
};
use greylag_core::{
    engine::Dialect,
    script::{TokenKind, tokens},
};

/// Whether adding the column writes the table anew.
pub(crate) fn column_rewrites(column: &Column, catalog: &Catalog) -> bool {
    let domain = domain_of(&column.data_type, catalog);
    let inherited = domain.and_then(|domain| domain.default.as_ref());
    let unknown = domain.is_some_and(|domain| domain.default_unknown);
    let volatile = match column.default.as_ref().or(inherited) {
        Some(default) => !is_same_for_all(default, catalog),
        None => unknown,
    };
    volatile
        || column.numbers_itself()
        || column.generated == Some(Generated::Stored)
        || domain.is_some_and(|domain| domain.constrained)
}

/// The domain that a column is of: an array of one is none.
pub(crate) fn domain_of<'c>(data_type: &DataType, catalog: &'c Catalog) -> Option<&'c Domain> {
    let domain = catalog.domains.get(&data_type.name);
    domain.filter(|_| !data_type.array)
}

/// Whether a default has one value for all rows of a statement: it needs no rewrite.
fn is_same_for_all(default: &Expression, catalog: &Catalog) -> bool {
    let last = |call: &str| call.rsplit('.').next().map(str::to_owned);
    let own = |call: &String| last(call).is_some_and(|name| catalog.steady.contains(&name));
    let written = |call: &String| {
        let mut qualified = default.qualified.iter();
        qualified.any(|other| last(other).as_ref() == Some(call))
    };
    let steady = |call: &String| own(call) || !written(call) && is_steady(call);
    default.calls.iter().all(steady)
}

/// Whether a value of the first type is stored the same as the second: no rewrite.
pub(crate) fn keeps_form(from: &DataType, to: &DataType) -> bool {
    if from.array != to.array {
        return false;
    }
    let number = |data_type: &DataType, at: usize| -> Option<i64> {
        data_type.arguments.get(at)?.trim().parse().ok()
    };
    let grows = || match (number(from, 0), number(to, 0)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(from), Some(to)) => to >= from,
    };
    match (from.name.as_str(), to.name.as_str()) {
        ("varchar", "text") | ("cidr", "inet") => true,
        ("varchar", "varchar") | ("varbit", "varbit") => grows(),
        ("text", "varchar") => to.arguments.is_empty(),
        ("numeric", "numeric") => {
            to.arguments.is_empty()
                || grows() && number(from, 1).unwrap_or(0) == number(to, 1).unwrap_or(0)
        }
        ("timestamp" | "timestamptz" | "time" | "timetz" | "interval", other) => {
            from.name == other && grows()
        }
        (a, b) => a == b && from.arguments == to.arguments,
    }
}

/// A validated CHECK says that the column is not null.
pub(crate) fn proves_not_null(table: &Table, column: &str) -> bool {
    let not_null = table.column(column).is_some_and(|known| known.not_null);
    let mut checks = table.checks.iter().filter(|check| check.valid);
    not_null || checks.any(|check| says_not_null(Dialect::Postgres, &check.expression, column))
}

/// Whether an expression is `column IS NOT NULL`, alone or beside others that hold as well.
pub(crate) fn says_not_null(dialect: Dialect, expression: &str, column: &str) -> bool {
    let words: Vec<Word<'_>> = tokens(dialect, expression)
        .map(|token| Word {
            dialect,
            kind: token.kind,
            text: &expression[token.span],
        })
        .collect();
    proves(&words, column)
}

#[derive(Clone, Copy)]
struct Word<'a> {
    dialect: Dialect,
    kind: TokenKind,
    text: &'a str,
}

impl Word<'_> {
    fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn names(&self, column: &str) -> bool {
        name_of(self.dialect, self.kind, self.text).as_deref() == Some(column)
    }
}

fn proves(words: &[Word<'_>], column: &str) -> bool {
    if let [name, is, not, null] = words {
        return name.names(column) && is.is("is") && not.is("not") && null.is("null");
    }
    let symbol = |at: usize, symbol: u8| words[at].kind == TokenKind::Symbol(symbol);
    let mut depth = 0usize;
    let mut parts = vec![0];
    let mut whole = !words.is_empty() && symbol(0, b'(');
    for (at, word) in words.iter().enumerate() {
        if symbol(at, b'(') {
            depth += 1;
        } else if symbol(at, b')') {
            depth = depth.saturating_sub(1);
            whole &= depth > 0 || at + 1 == words.len();
        } else if depth > 0 {
            continue;
        } else if word.is("or") || word.is("case") || word.is("between") {
            // An AND beside one of these need not hold by itself.
            return false;
        } else if word.is("and") {
            parts.push(at + 1);
        }
    }
    if whole {
        return proves(&words[1..words.len() - 1], column);
    }
    parts.push(words.len() + 1);
    parts.len() > 2
        && parts
            .windows(2)
            .any(|ends| proves(&words[ends[0]..ends[1] - 1], column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_condition_that_must_hold_proves_that_there_is_no_null() {
        for proof in [
            "(a IS NOT NULL)",
            "((a is not null))",
            "(b > 0 AND a IS NOT NULL)",
            "((b > 0) AND ((c = 1 OR c = 2) AND (\"a\" IS NOT NULL)))",
        ] {
            assert!(says_not_null(Dialect::Postgres, proof, "a"), "{proof}");
        }
        for none in [
            "(status = 'draft' OR total > 0 AND a IS NOT NULL)",
            "(NOT (a IS NOT NULL))",
            "(NOT a IS NOT NULL)",
            "(CASE WHEN b AND a IS NOT NULL AND c THEN true ELSE true END)",
            "(coalesce(b > 0 AND a IS NOT NULL, true))",
            "(b BETWEEN false AND a IS NOT NULL)",
            "((a IS NOT NULL) = false)",
            "(b > 0) OR (a IS NOT NULL)",
            "(\"A\" IS NOT NULL)",
            "(ba IS NOT NULL)",
            "('and a is not null' = b)",
            "",
        ] {
            assert!(!says_not_null(Dialect::Postgres, none, "a"), "{none}");
        }
    }
}
