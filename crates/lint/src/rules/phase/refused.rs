//! Whether a constraint refuses rows that an app writes which doesn't know it.

use super::keys;
use crate::{
    catalog::Table,
    effects::says_not_null,
    judge::Scene,
    operation::{Action, Constraint, ConstraintKind, CreateIndex, Name},
};
use greylag_core::script::{SqlToken, TokenKind, tokens};

/// What an app that doesn't know the statement leaves in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// Whatever it writes.
    Any,
    /// It doesn't know the column, which has no default.
    Null,
    /// It doesn't know the column: the default, which is the same in all rows.
    Same,
    /// A default that is another one in each row.
    Own,
}

/// An app that was built before the statement, and writes into the table.
pub(super) struct Writer<'a> {
    scene: &'a Scene<'a>,
    table: &'a Name,
    after: Table,
}

impl<'a> Writer<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, table: &'a Name) -> Self {
        Self {
            scene,
            table,
            after: scene.table_after(table),
        }
    }

    /// Whether the constraint refuses what it writes, and was welcome before.
    pub(super) fn is_refused_by(&self, constraint: &Constraint) -> bool {
        let scene = self.scene;
        let known = scene.known(self.table);
        match &constraint.kind {
            ConstraintKind::Index { .. }
            | ConstraintKind::Unique {
                using_index: Some(_),
                ..
            } => false,
            ConstraintKind::Unique { columns, .. } => {
                let sql = scene.sql(&constraint.span);
                let distinct = !has_words(scene, sql, &["NULLS", "NOT", "DISTINCT"]);
                self.repeats(columns, distinct)
            }
            ConstraintKind::PrimaryKey {
                columns,
                using_index,
            } => {
                let columns = match using_index {
                    Some(own) => known.and_then(|known| known.index_columns(own)),
                    None => Some(columns.iter().cloned().map(Some).collect()),
                };
                columns.is_none_or(|columns| {
                    let nulls = columns.iter().flatten().any(|own| self.leaves_null(own));
                    nulls || using_index.is_none() && self.repeats(&columns, false)
                })
            }
            ConstraintKind::ForeignKey { columns, reference } => {
                let there = known.is_some_and(|known| {
                    let mut keys = known.foreign_keys.iter();
                    keys.any(|key| {
                        let to = &reference.columns;
                        let refers = key.refers == *to || key.refers.is_empty() || to.is_empty();
                        refers && key.columns == *columns && key.table.is(&reference.table)
                    })
                });
                !there && !columns.iter().any(|own| self.given(own) == Given::Null)
            }
            ConstraintKind::Check { expression } => self.breaks(scene.sql(expression)),
            ConstraintKind::NotNull { column } => self.leaves_null(column),
            ConstraintKind::Exclude { columns } => {
                let mut columns = columns.iter().flatten();
                !columns.any(|own| self.given(own) == Given::Null)
            }
        }
    }

    /// Whether a unique index does.
    pub(super) fn is_refused_by_index(&self, create: &CreateIndex) -> bool {
        let distinct = !has_words(self.scene, self.scene.text(), &["NULLS", "NOT", "DISTINCT"]);
        let within = create.mentions.iter();
        let mut within = within
            .filter(|name| self.has(name))
            .map(|name| self.given(name))
            .peekable();
        // An expression of what is null is null, for nearly all expressions.
        let nothing = !create.partial
            && distinct
            && create.columns.contains(&None)
            && within.peek().is_some()
            && within.all(|given| given == Given::Null);
        !nothing && self.repeats(&create.columns, distinct)
    }

    /// Whether a new column's own UNIQUE does: all its rows have the same default.
    pub(super) fn has_same_in(&self, column: &str) -> bool {
        self.given(column) == Given::Same
    }

    /// Whether NOT NULL of a column that is said anew does: it leaves it out, and there is no default.
    pub(super) fn leaves_out(&self, column: &str) -> bool {
        self.given(column) == Given::Null
    }

    /// Whether it may leave a null there, which nothing has kept it from.
    pub(super) fn leaves_null(&self, column: &str) -> bool {
        match self.given(column) {
            Given::Null => true,
            Given::Same | Given::Own => false,
            Given::Any => !self.scene.known(self.table).is_some_and(|known| {
                let mut checks = known.checks.iter();
                known.is_in_primary_key(column)
                    || known.column(column).is_some_and(|own| own.not_null)
                    || checks.any(|check| says_not_null(&check.1, column))
            }),
        }
    }

    fn has(&self, column: &str) -> bool {
        self.after.column(column).is_some()
    }

    fn given(&self, column: &str) -> Given {
        let Some(known) = self.after.column(column) else {
            return Given::Any;
        };
        if !self.is_new(column) || known.generated.is_some() {
            return Given::Any;
        }
        match &known.default {
            _ if known.is_numbered() => Given::Own,
            None => Given::Null,
            Some(default) if default.is_null => Given::Null,
            Some(default) if default.calls.iter().any(|call| call.contains("uuid")) => Given::Own,
            Some(_) => Given::Same,
        }
    }

    /// It doesn't know the column: under this name, or under the one that the statement takes from it.
    fn is_new(&self, column: &str) -> bool {
        let mut clauses = self.scene.clauses_of(self.table);
        let before = clauses.find_map(|action| match action {
            Action::RenameColumn { from, to } if to == column => Some(from),
            Action::ModifyColumn {
                from,
                column: modified,
                ..
            } if modified.name == column => Some(from),
            _ => None,
        });
        let before = before.map_or(column, String::as_str);
        self.scene.is_new_column(self.table, before)
    }

    /// Two of its rows may have the same there, which no key has kept it from.
    fn repeats(&self, columns: &[Option<String>], nulls_differ: bool) -> bool {
        let differs = |own: &String| match self.given(own) {
            Given::Own => true,
            Given::Null => nulls_differ,
            _ => false,
        };
        if columns.iter().flatten().any(differs) {
            return false;
        }
        let plain: Option<Vec<&String>> = columns.iter().map(Option::as_ref).collect();
        let known = self.scene.known(self.table);
        let (Some(plain), Some(known)) = (plain, known) else {
            return true;
        };
        let keys = keys::keys(self.scene, known).into_iter();
        let within = |columns: &[String]| columns.iter().all(|own| plain.contains(&own));
        !keys.into_iter().any(|key| within(&key.columns))
    }

    /// It may write what the CHECK refuses: where it only names what it doesn't know, it leaves a null or the default there.
    fn breaks(&self, expression: &str) -> bool {
        let known = self.scene.known(self.table);
        let there = known.is_some_and(|known| {
            let mut checks = known.checks.iter();
            checks.any(|check| is_same(&check.1, expression))
        });
        if there {
            return false;
        }
        let names = self.columns_in(expression);
        let alien = |name: &String| match self.given(name) {
            Given::Any => true,
            Given::Null => says_not_null(expression, name),
            Given::Same | Given::Own => false,
        };
        names.is_empty() || names.iter().any(alien)
    }

    /// The names in an expression that may be columns.
    fn columns_in(&self, expression: &str) -> Vec<String> {
        const WORDS: [&str; 16] = [
            "and", "or", "not", "in", "is", "null", "like", "ilike", "similar", "to", "between",
            "true", "false", "any", "all", "array",
        ];
        let all: Vec<SqlToken> = tokens(self.scene.dialect(), expression).collect();
        let is = |at: usize, symbol: u8| {
            let token: Option<&SqlToken> = all.get(at);
            token.is_some_and(|token| token.kind == TokenKind::Symbol(symbol))
        };
        let names = all.iter().enumerate().filter_map(|(at, token)| {
            let text = &expression[token.span.clone()];
            let name = match token.kind {
                TokenKind::Word => text.to_lowercase(),
                TokenKind::Name => text.trim_matches(['"', '`', '[', ']']).to_owned(),
                _ => return None,
            };
            // Numbers are words too.
            let said = WORDS.contains(&name.as_str())
                || name.starts_with(|letter: char| letter.is_ascii_digit());
            let word = token.kind == TokenKind::Word && said;
            // A function, or a type that something is cast to.
            let cast = expression[..token.span.start].trim_end().ends_with("::");
            let other = is(at + 1, b'(') || cast;
            (!word && !other).then_some(name)
        });
        names
            .filter(|name| self.after.partly || self.has(name))
            .collect()
    }
}

/// Whether two expressions are written with the same words.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let text = text.replace(['(', ')'], " ").to_lowercase();
        text.split_whitespace().map(str::to_owned).collect()
    };
    words(one) == words(other)
}

/// Whether a text has these words, one after the other.
pub(super) fn has_words(scene: &Scene<'_>, text: &str, words: &[&str]) -> bool {
    let all: Vec<&str> = tokens(scene.dialect(), text)
        .map(|token| &text[token.span])
        .collect();
    all.windows(words.len()).any(|own| {
        let mut pairs = own.iter().zip(words);
        pairs.all(|(own, word)| own.eq_ignore_ascii_case(word))
    })
}
