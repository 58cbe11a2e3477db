//! A CHECK of a table, and the names within an expression.

use greylag_core::{
    engine::Dialect,
    script::{TokenKind, tokens},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: Option<String>,
    /// As written.
    pub(crate) expression: String,
    /// The rows that are there keep to it.
    pub(crate) valid: bool,
    /// Rows to come do. Where it isn't enforced it asks none, and proves nothing.
    pub(crate) enforced: bool,
    /// The column that it is written within.
    pub(crate) column: Option<String>,
}

/// The names within an expression, folded.
pub(super) fn names_in(dialect: Dialect, expression: &str) -> Vec<String> {
    let tokens = tokens(dialect, expression);
    tokens
        .filter_map(|token| name_of(dialect, token.kind, &expression[token.span]))
        .collect()
}

/// The name that a token is, folded and without its quotes. A keyword is one, too, and so is a number.
pub(crate) fn name_of(dialect: Dialect, kind: TokenKind, text: &str) -> Option<String> {
    match kind {
        TokenKind::Word if dialect == Dialect::Mysql => return Some(text.to_lowercase()),
        // PostgreSQL (of UTF-8) and SQLite fold no letters but those of ASCII.
        TokenKind::Word => return Some(text.to_ascii_lowercase()),
        TokenKind::Name => {}
        _ => return None,
    }
    let (open, close) = match text.as_bytes().first() {
        Some(b'[') => ('[', ']'),
        Some(b'`') => ('`', '`'),
        _ => ('"', '"'),
    };
    let inner = text.strip_prefix(open).unwrap_or(text);
    let inner = inner.strip_suffix(close).unwrap_or(inner);
    let inner = inner.replace(&format!("{close}{close}"), &close.to_string());
    Some(match dialect {
        Dialect::Postgres => inner,
        Dialect::Sqlite => inner.to_ascii_lowercase(),
        Dialect::Mysql => inner.to_lowercase(),
    })
}

impl Check {
    pub(crate) fn names(&self, dialect: Dialect, column: &str) -> bool {
        let names = names_in(dialect, &self.expression);
        names.iter().any(|name| name == column)
    }

    pub(super) fn rename_column(&mut self, dialect: Dialect, from: &str, to: &str) {
        if let Some(column) = self.column.as_mut().filter(|column| *column == from) {
            to.clone_into(column);
        }
        let quote = match dialect {
            Dialect::Mysql => '`',
            Dialect::Postgres | Dialect::Sqlite => '"',
        };
        let within = to.replace(quote, &format!("{quote}{quote}"));
        let text = &self.expression;
        let at: Vec<_> = tokens(dialect, text)
            .filter(|token| {
                let own = &text[token.span.clone()];
                name_of(dialect, token.kind, own).as_deref() == Some(from)
            })
            .map(|token| token.span)
            .collect();
        for span in at.into_iter().rev() {
            let written = format!("{quote}{within}{quote}");
            self.expression.replace_range(span, &written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_column_is_quoted_as_its_dialect_does() {
        let renamed = |dialect, expression: &str, to: &str| {
            let mut check = Check {
                name: None,
                expression: expression.to_owned(),
                valid: true,
                enforced: true,
                column: Some("a".to_owned()),
            };
            check.rename_column(dialect, "a", to);
            assert_eq!(check.column.as_deref(), Some(to));
            check.expression
        };
        let (postgres, mysql) = (Dialect::Postgres, Dialect::Mysql);
        assert_eq!(renamed(postgres, "(A > 'a')", "b"), "(\"b\" > 'a')");
        assert_eq!(
            renamed(postgres, "(a > 0)", "we\"ird"),
            "(\"we\"\"ird\" > 0)"
        );
        assert_eq!(renamed(mysql, "(`A` > \"a\")", "b"), "(`b` > \"a\")");
    }
}
