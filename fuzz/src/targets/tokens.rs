//! The tokens of each dialect: in order, whole characters, and each the same token by itself.

use super::{Target, filler::Filler, splitter};
use greylag_core::{
    engine::Dialect,
    script::{SqlToken, TokenKind, split, tokens},
};

pub(super) const TARGET: Target = Target {
    name: "tokens",
    holds: "in order, all else blanks and comments, each token one by itself",
    check,
    words: splitter::WORDS,
    seeds: "tokens",
    corpora: &["_postgres", "_mysql", "_sqlite"],
    by_name: false,
};

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
        let found: Vec<SqlToken> = tokens(dialect, &text).collect();
        let mut at = 0;
        for token in &found {
            let span = token.span.clone();
            assert!(
                at <= span.start && span.start < span.end,
                "out of order: {token:?}"
            );
            is_blank(dialect, &text[at..span.start]);
            says_what_it_is(dialect, token, &text[span.clone()]);
            at = span.end;
        }
        statements_have_the_same(dialect, &text);
    }
}

/// Between tokens are blanks, comments, and in MySQL the marks about executable ones.
fn is_blank(dialect: Dialect, gap: &str) {
    let mut rest = Filler::new(dialect).strip(gap);
    assert!(
        !gap.contains(';') || gap.contains(['-', '#', '/']),
        "a `;` is a token: {gap:?}"
    );
    while dialect == Dialect::Mysql && !rest.is_empty() {
        let behind = ["/*!", "/*M!"]
            .iter()
            .find_map(|mark| rest.strip_prefix(mark))
            .map(|behind| behind.trim_start_matches(|c: char| c.is_ascii_digit()))
            .or_else(|| rest.strip_prefix("*/"));
        let Some(behind) = behind else {
            break;
        };
        rest = Filler::new(dialect).strip(behind);
    }
    assert!(rest.is_empty(), "between tokens lies {rest:?}");
}

fn says_what_it_is(dialect: Dialect, token: &SqlToken, text: &str) {
    let first = text.chars().next();
    match token.kind {
        TokenKind::Symbol(symbol) => assert_eq!(text.as_bytes(), [symbol]),
        TokenKind::Name => assert!(matches!(first, Some('"' | '`' | '[')), "{text:?}"),
        TokenKind::String => assert!(text.contains(['\'', '"', '$']), "{text:?}"),
        TokenKind::Word => assert!(!text.contains([' ', '\n', ';', '\'', '"', '(']), "{text:?}"),
    }
    let alone: Vec<SqlToken> = tokens(dialect, text).collect();
    let same = SqlToken {
        kind: token.kind,
        span: 0..text.len(),
    };
    assert_eq!(alone, [same], "alone, {text:?} is read otherwise");
}

/// A statement's own text has the tokens that it has in its place.
fn statements_have_the_same(dialect: Dialect, text: &str) {
    let lower = text.to_ascii_lowercase();
    let (Ok(script), false) = (
        split(dialect, text),
        lower.contains("delimiter") || lower.contains("standard_conforming_strings"),
    ) else {
        return;
    };
    let all: Vec<SqlToken> = tokens(dialect, text).collect();
    let copies = script
        .statements
        .iter()
        .any(|statement| statement.copy_data.is_some());
    for statement in script
        .statements
        .iter()
        .filter(|_| !copies && !text.contains('\\'))
    {
        let sql = script.sql(statement);
        // At the very end of a text, MySQL takes two dashes for a comment.
        if dialect == Dialect::Mysql && sql.ends_with("--") {
            continue;
        }
        let (start, end) = (statement.span.start, statement.span.end);
        let here = all
            .iter()
            .filter(|token| token.span.start >= start && token.span.end <= end);
        let here: Vec<SqlToken> = here
            .map(|token| SqlToken {
                kind: token.kind,
                span: token.span.start - start..token.span.end - start,
            })
            .collect();
        assert_eq!(tokens(dialect, sql).collect::<Vec<_>>(), here, "{sql:?}");
    }
}
